"""The sentences about a selection of a result of the shift sweep. No Streamlit here."""

import math

from rnorm_core import evaluation
from rnorm_core.experiments import shift_reference
from rnorm_core.experiments.shift_sweep import Reading
from rnorm_core.norms import MEDIAN
from rnorm_core.rounding import percent, short
from rnorm_core.ui.shift.selection import AXIS_ENDS, Selection


def headline(selection: Selection) -> str:
    """The sentence at the top: do layers leave their bands, and are the images still recognised? In Markdown."""
    more = "more layers outside the grey band than chance explains"
    layers = {
        (True, True): f"both networks have {more}; ",
        (False, False): f"neither network has {more}; ",
        (True, False): f"the left network has {more}, the right one has not; ",
        (False, True): f"the right network has {more}, the left one has not; ",
    }.get((selection.beyond_chance(0), selection.beyond_chance(1)), "")  # pyright: ignore
    attack = "No attack" if selection.is_clean else selection.attack
    now, before = ([int(read(i).hits.sum()) for i in (0, 1)] for read in (selection.attacked, selection.clean))
    if selection.n == 1:
        sides = {
            (1, 1): "on both sides",
            (0, 0): "on neither side",
            (1, 0): "on the left alone",
            (0, 1): "on the right alone",
        }
        return f"**{attack}**: {layers}the image is recognised {sides[now[0], now[1]]}."
    was = "" if selection.is_clean else f" (clean: {before[0]} and {before[1]})"
    counts = f"of {selection.n} images {now[0]} on the left and {now[1]} on the right are recognised"
    return f"**{attack}**: {layers}{counts}{was}."


def summary(selection: Selection, i: int) -> str:
    """For one network: the number of layers outside the natural band, whether chance explains it, and the number of
    correctly classified images. In Markdown.
    """
    places, name = selection.by_layer(i), f"**{selection.course(i).variant.label}**"
    out, clean = (int(outside.sum()) for outside in (places.outside, places.clean_outside))
    correct = recognised(selection.attacked(i))
    if selection.course(i).has_bands:
        was = "" if selection.is_clean else f" (clean: {clean})"
        layers = f"{out} of {len(places.names)} layers outside the band{was}: {_verdict(selection, i)}"
        text = f"{layers}. {correct[0].upper()}{correct[1:]}"
        before = "" if selection.is_clean or selection.n == 1 else f" (clean: {_right(selection.clean(i))})"
    else:
        text, before = correct, "" if selection.is_clean else f" (clean: {_right(selection.clean(i))})"
    return f"{name}: {'no attack; ' if selection.is_clean else ''}{text}{before}."


def _verdict(selection: Selection, i: int) -> str:
    chance = selection.course(i).chance(selection.measure)
    if chance is None:
        return "how many chance puts there has not been measured"
    verdict = "**more than chance**" if selection.beyond_chance(i) else "**no more than chance**"
    return f"{verdict}, for in 95 % of {_batches(chance.batch_size)} at most {chance.usual} are"


def _batches(size: int) -> str:
    return "single clean images" if size == 1 else f"clean batches of {size}"


def compared(selection: Selection) -> str:
    """Left against right: how far the attack moved the layers, and how certain the difference is. In Markdown; empty
    without an attack, and if left and right are the same.
    """
    left, right = (selection.course(i).variant for i in (0, 1))
    if selection.is_clean or left == right:
        return ""
    unit = "" if selection.measure.startswith("log") else " standard deviations"
    amounts = [short(float(selection.moved(i)[0].mean())) for i in (0, 1)]
    change = "noise" if selection.changed == "with noise" else "attack"
    text = (
        f"The {change} itself, counted from the same images when clean, "
        f"moves a layer by {amounts[0]}{unit} on average on the left and by {amounts[1]} on the right"
    )
    ratio = selection.ratio
    if math.isnan(ratio.low):
        return f"{text}. A single image does not show whether that is a difference."
    interval = (
        f"{ratio.value:.2f} times as far, 95 % interval {ratio.low:.2f} to {ratio.high:.2f} over the choice of images"
    )
    less = "left" if ratio.value < 1 else "right"
    verdict = f"**the {less} one moves less**" if ratio.differs else "**no clear difference**"
    training = "" if left.weight_hash == right.weight_hash else " Each is a single training: its seed may do that, too."
    return f"{text}: {interval}: {verdict}.{training if ratio.differs else ''}"


def kept(sizes: tuple[float, ...], chosen: float, shown: float, stopped: bool) -> str:
    """Notes on attack sizes: after a stop the measured ones; if `chosen` is not measured, the one shown instead. Empty
    without a note.
    """
    measured = [f"{size:g}/255" if size else "the clean batch" for size in sizes]
    text = f"Kept: {' and '.join(filter(None, [', '.join(measured[:-1]), measured[-1]]))}. " if stopped else ""
    if chosen not in sizes:
        yet, so_far = ("", "") if stopped else (" yet", " so far")
        instead = f"{shown:g}/255" if shown else "the clean batch"
        return f"{text}{chosen:g}/255 is not measured{yet}; shown{so_far}: {instead}."
    if chosen == 0:
        return f"{text}At size 0 clean and attacked are the same images: only the clean batch is drawn."
    return text.strip()


def most_moved_rule(selection: Selection) -> str:
    """The rule by which the page chooses the first layer. See `selection.most_moved_layer`."""
    largest = selection.result.sizes[-1]
    if not largest:
        return "the first one, until an attack is measured."
    units = ", in heights of its band" if all(course.has_bands for course in selection.result.courses) else ""
    return f"of all layers its shift grows most from clean to {largest:g}/255, left and right together{units}."


def fall(selection: Selection) -> str:
    """The reason why the shift over eps falls at first; empty if it does not."""
    falls = []
    for i, where in enumerate(("left", "right")):
        growth, moved = selection.growths[i], selection.course(i).readings
        clean, *rest = growth.values
        if rest and min(rest) < 0.98 * clean:
            at = growth.values.index(min(rest))
            itself = float(moved[at].moved[selection.measure][0, selection.number(i)])
            falls.append(
                f"on the {where} from {short(clean)} to {short(min(rest))} at {growth.eps_255[at]:g}/255, "
                f"although these images have moved the layer by {short(itself)}"
            )
    if not falls:
        return ""
    return (
        f"The curve first falls, {'; '.join(falls)}. Shift is counted from the training images, not from the clean "
        "batch, which differs from them by chance: a small move can reduce this difference."
    )


def _right(reading: Reading) -> str:
    if len(reading.hits) == 1:
        return "right" if reading.hits.all() else "wrong"
    return str(int(reading.hits.sum()))


def reference(selection: Selection) -> str:
    """The reference of shifts for networks without a population, and who has no bands; empty if there is none."""
    live = [course for course in selection.result.courses if shift_reference.is_live(course.variant)]
    medians = [course.variant.label for course in selection.result.courses if course.variant.statistics == MEDIAN]
    if medians and not live:
        return (
            f"For {' and '.join(dict.fromkeys(medians))} the range of clean batches is not known (no grey band): it "
            "was measured for the other modes alone."
        )
    if not live:
        return ""
    which = (
        "clean test images. The images shown here are not among them."
        if live[0].has_bands
        else "clean images at hand. The images shown here are among them, so a clean shift comes out too small, and "
        "the range of clean batches is not known (no grey band)."
    )
    names = " and ".join(dict.fromkeys(course.variant.label for course in live))
    return (
        f"For {names} the reference on the training images has not been measured. The reference used here was measured "
        f"just now on {live[0].population.n:,} {which}"
    )


def recognised(reading: Reading) -> str:
    correct, n = int(reading.hits.sum()), len(reading.hits)
    if n == 1:
        return "the image is recognised" if correct else "the image is not recognised"
    low, high = evaluation.wilson(correct, n)
    interval = f"95 % interval {100 * low:.0f} to {percent(high)}".replace(" %", "\N{NO-BREAK SPACE}%")
    return f"{correct} of {n} images right, {interval}"


def by_chance(selection: Selection) -> str:
    """An explanation of the natural band and of chance without an attack; empty if no band is known."""
    places = next((selection.by_layer(i) for i in (0, 1) if selection.course(i).has_bands), None)
    if places is None:
        return ""
    live = any(shift_reference.is_live(course.variant) for course in selection.result.courses)
    size = places.band_size
    other = "" if size == selection.n else f" (the size nearest to {selection.n} for which it was measured)"
    source = "" if live else " from the training set"
    end, least = selection.layer_axis[1], AXIS_ENDS[selection.measure]
    ends = f"Axes end at {end:.2g}{', as for every attack that stays below' if end == least else ''}."
    return (
        f"The grey band holds 95 % of {_batches(size)}{source}{other}, layer by layer; it has a lower edge, too, since "
        "no batch is quite like the whole training set. A ring marks what lies outside. Layers do not move "
        f"independently: chance puts several outside at once, or none. {ends}"
    )


def passed_over(selection: Selection, i: int) -> str:
    """The channels that moved farther than the "most moved" one, and why they do not count; empty if there are none."""
    channels = selection.passed_over(i)
    if not channels:
        return ""
    return (
        f"Passed over: channel{'s' if len(channels) > 1 else ''} {', '.join(map(str, channels))}, "
        "which moved further but whose γ is about 0, so that next to nothing of it goes on."
    )
