"""Shifts -> plain sentences. Pure functions of what was measured."""

import math

from rnorm_core import evaluation
from rnorm_core.figures.style import percent
from rnorm_core.ui import reference
from rnorm_core.ui.shift_formula import short
from rnorm_core.ui.shift_view import LAYERS, View
from rnorm_core.ui.shifting import Reading


def headline(view: View) -> str:
    """The one sentence that stands above all: do layers leave their bands, and are the images still recognised?"""
    layers = {
        (True, True): "in both networks more layers leave their bands than chance explains; ",
        (False, False): "in neither network do more layers leave their bands than chance explains; ",
        (True, False): "on the left more layers leave their bands than chance explains, on the right not; ",
        (False, True): "on the right more layers leave their bands than chance explains, on the left not; ",
    }.get((view.beyond_chance(0), view.beyond_chance(1)), "")  # pyright: ignore
    attack = "No attack" if view.is_clean else view.attack
    now, before = ([int(read(i).hits.sum()) for i in (0, 1)] for read in (view.attacked, view.clean))
    if view.n == 1:
        where = {
            (1, 1): "on both sides",
            (0, 0): "on neither side",
            (1, 0): "on the left alone",
            (0, 1): "on the right alone",
        }
        return f"**{attack}**: {layers}the image is recognised {where[now[0], now[1]]}."
    was = "" if view.is_clean else f" (clean: {before[0]} and {before[1]})"
    return (
        f"**{attack}**: {layers}of {view.n} images {now[0]} on the left and {now[1]} on the right are recognised{was}."
    )


def happened(view: View, i: int) -> str:
    """How many layers left the natural band, whether chance does that, how many images are still right; in Markdown."""
    places, name = view.by_layer(i), f"**{view.course(i).side.label}**"
    out, clean = (int(outside.sum()) for outside in (places.outside, places.clean_outside))
    kept = recognised(view.attacked(i))
    if view.course(i).has_bands:
        was = "" if view.is_clean else f" (clean: {clean})"
        layers = f"{out} of {len(places.names)} layers outside the band{was}: {_verdict(view, i)}"
        said = f"{layers}. {kept[0].upper()}{kept[1:]}"
        before = "" if view.is_clean or view.n == 1 else f" (clean: {_right(view.clean(i))})"
    else:
        said, before = kept, "" if view.is_clean else f" (clean: {_right(view.clean(i))})"
    return f"{name}: {'no attack; ' if view.is_clean else ''}{said}{before}."


def _verdict(view: View, i: int) -> str:
    chance = view.course(i).chance(view.measure)
    if chance is None:
        return "how many chance puts there has not been measured"
    said = "**more than chance**" if view.beyond_chance(i) else "**no more than chance**"
    return f"{said}, for in 95 % of {_batches(chance.batch_size)} at most {chance.usual} are"


def _batches(size: int) -> str:
    return "single clean images" if size == 1 else f"clean batches of {size}"


def compared(view: View) -> str:
    """Left against right: how far the attack itself moved the layers, and how certain a difference is; in Markdown."""
    left, right = (view.course(i).side for i in (0, 1))
    if view.is_clean or left == right:
        return ""
    unit = "" if view.measure.startswith("log") else " standard deviations"
    amounts = [short(float(view.moved(i)[0].mean())) for i in (0, 1)]
    said = (
        f"The {'noise' if view.changed == 'with noise' else 'attack'} itself, counted from the same images when clean, "
        f"moves a layer by {amounts[0]}{unit} on average on the left and by {amounts[1]} on the right"
    )
    found = view.ratio
    if math.isnan(found.low):
        return f"{said}. A single image does not show whether that is a difference."
    interval = (
        f"{found.value:.2f} times as far, 95 % interval {found.low:.2f} to {found.high:.2f} over the choice of images"
    )
    less = "left" if found.value < 1 else "right"
    verdict = f"**the {less} one moves less**" if found.differs else "**no clear difference**"
    training = "" if left.weight_hash == right.weight_hash else " Each is a single training: its seed may do that, too."
    return f"{said}: {interval}: {verdict}.{training if found.differs else ''}"


def kept(sizes: tuple[float, ...], wanted: float, shown: float, stopped: bool) -> str:
    """What is there, where not everything is, and what is seen of it; in Markdown."""
    here = [f"{size:g}/255" if size else "the clean batch" for size in sizes]
    said = f"Kept: {' and '.join(filter(None, [', '.join(here[:-1]), here[-1]]))}. " if stopped else ""
    if wanted not in sizes:
        yet, so_far = ("", "") if stopped else (" yet", " so far")
        instead = f"{shown:g}/255" if shown else "the clean batch"
        return f"{said}{wanted:g}/255 is not measured{yet}; shown{so_far}: {instead}."
    if wanted == 0:
        return f"{said}At size 0 clean and attacked are the same images: only the clean batch is drawn."
    return said.strip()


def telling(view: View) -> str:
    """By which rule the layer was chosen that is shown first."""
    largest = view.shifted.sizes[-1]
    if not largest:
        return "the first one, until an attack is measured."
    units = ", in heights of its band" if all(course.has_bands for course in view.shifted.courses) else ""
    return f"of all layers its shift grows most from clean to {largest:g}/255, left and right together{units}."


def fell(view: View) -> str:
    """Why a curve over eps first falls, where one does; else empty."""
    found = []
    for i, where in enumerate(("left", "right")):
        growth, moved = view.growths[i], view.course(i).readings
        clean, *rest = growth.values
        if rest and min(rest) < 0.98 * clean:
            at = growth.values.index(min(rest))
            itself = float(moved[at].moved[view.measure][0, view.number(i)])
            found.append(
                f"on the {where} from {short(clean)} to {short(min(rest))} at {growth.eps_255[at]:g}/255, "
                f"although these images have moved the layer by {short(itself)}"
            )
    if not found:
        return ""
    return (
        f"The curve first falls, {'; '.join(found)}. Shift is counted from the training images, not from the clean "
        "batch, which chance has put off them: a move may first lead back."
    )


def _right(reading: Reading) -> str:
    if len(reading.hits) == 1:
        return "right" if reading.hits.all() else "wrong"
    return str(int(reading.hits.sum()))


def counted_from(view: View) -> str:
    """What the shifts of models without a population are counted from; empty where both have one."""
    live = [course for course in view.shifted.courses if reference.is_live(course.side)]
    if not live:
        return ""
    which = (
        "clean test images, without those looked at here."
        if live[0].has_bands
        else "clean images at hand, those looked at here among them: so a clean shift comes out too small, and where "
        "clean batches lie by chance cannot be told (no grey band)."
    )
    names = " and ".join(dict.fromkeys(course.side.title for course in live))
    return (
        f"What {names} receives from its training images has not been measured. In their place, measured just now, are "
        f"{live[0].population.n:,} {which}"
    )


def recognised(reading: Reading) -> str:
    correct, n = int(reading.hits.sum()), len(reading.hits)
    if n == 1:
        return "the image is recognised" if correct else "the image is not recognised"
    low, high = evaluation.wilson(correct, n)
    interval = f"95 % interval {100 * low:.0f} to {percent(high)}".replace(" %", "\N{NO-BREAK SPACE}%")
    return f"{correct} of {n} images right, {interval}"


def by_chance(view: View) -> str:
    """What the band is, and what to expect without any attack."""
    places = next((view.by_layer(i) for i in (0, 1) if view.course(i).has_bands), None)
    if places is None:
        return ""
    live = any(reference.is_live(course.side) for course in view.shifted.courses)
    size = places.band_size
    other = "" if size == view.n else f" (the size nearest to {view.n} for which it was measured)"
    source = "" if live else " from the training set"
    end, least = view.layer_axis[1], LAYERS[view.measure]
    ends = f"Axes end at {end:.2g}{', as for every attack that stays below' if end == least else ''}."
    return (
        f"The grey band holds 95 % of {_batches(size)}{source}{other}, layer by layer; it has a lower edge, too, since "
        "no batch is quite like the whole training set. A ring marks what lies outside. Layers do not move "
        f"independently: chance puts several outside at once, or none. {ends}"
    )


def weights(view: View) -> str:
    sides = dict.fromkeys(course.side for course in view.shifted.courses)
    return f"Weights: {'; '.join(f'{side.label} {side.weight_hash[:8]}' for side in sides)}."


def passed_over(view: View, i: int) -> str:
    """Which channels moved further than the one called most moved, and why they do not count; else empty."""
    channels = view.passed_over(i)
    if not channels:
        return ""
    return (
        f"Passed over: channel{'s' if len(channels) > 1 else ''} {', '.join(map(str, channels))}, "
        "which moved further but whose γ is about 0, so that next to nothing of it goes on."
    )
