"""Shifts -> plain sentences and formulas. Pure functions of what was measured."""

from rnorm_core import evaluation, norms, zoo
from rnorm_core.figures.style import percent
from rnorm_core.probes import Layer
from rnorm_core.ui import reference
from rnorm_core.ui.shift_view import View
from rnorm_core.ui.shifting import Course, Reading

EPS = 1e-5  # what every norm layer here adds to its scale


def happened(view: View, i: int) -> str:
    """How many layers left the natural band, and how many images are still right; in Markdown."""
    places = view.by_layer(i)
    attacked, clean = (int(outside.sum()) for outside in (places.outside, places.clean_outside))
    name, layers = f"**{view.course(i).side.label}**", f"of {len(places.names)} layers outside the band"
    if not view.course(i).has_bands:
        kept = recognised(view.attacked(i))
        return f"{name}: {f'no attack; {kept}' if view.eps_255 == 0 else f'{kept} (clean: {_right(view.clean(i))})'}."
    if view.eps_255 == 0:
        return f"{name}: no attack. {clean} {layers}; {recognised(view.clean(i))}."
    before = int(view.clean(i).hits.sum())
    was = "" if view.n == 1 else f" (clean: {before})"
    return f"{name}: {attacked} {layers} (clean: {clean}); {recognised(view.attacked(i))}{was}."


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
    layers, size = len(places.names), places.band_size
    live = any(reference.is_live(course.side) for course in view.shifted.courses)
    other = "" if size == view.n else f" (the size nearest to {view.n} for which it was measured)"
    batches = "single clean images" if size == 1 else f"clean batches of {size}"
    source = "" if live else " from the training set"
    return (
        f"The grey band holds 95 % of {batches}{source}{other}. By chance alone about "
        f"{max(1, round(0.05 * layers))} of {layers} layers lie outside it, often several at once: layers do not move "
        "independently."
    )


def formula(view: View, i: int, channel: int) -> tuple[str, str]:
    """(LaTeX, Markdown): what the layer makes of this channel of the attacked batch, with its numbers, and in words."""
    course = view.course(i)
    attacked, clean = (reading.recorded.layer(view.name(i)) for reading in (view.attacked(i), view.clean(i)))
    norm = attacked.norm
    if norm == "none":
        return "y = x", "No norm stands here: the values pass as they are."
    if attacked.applied is None:
        return r"y = \gamma\,\frac{x-\mu}{\sqrt{\sigma^2+\epsilon}}+\beta", (
            "Mean μ and variance σ² are those of each image's own group of channels, so no two images share them."
        )
    power = zoo.card(course.side.name).power or 0.0
    centre, scale, weight, bias = _applied(attacked, channel)
    symbols, spread = (
        (r"\frac{x-\mu}{\sqrt{\sigma^2+\epsilon}}", rf"\sqrt{{{_n(scale**2 - EPS)}+10^{{-5}}}}")
        if norm != "rn"
        else (r"\frac{x-\mu}{r^{\,p}+\epsilon}", rf"{_n(spread_of(scale, power))}^{{\,{power:g}}}+10^{{-5}}")
    )
    numbers = rf"\frac{{x{_signed(-centre)}}}{{{spread}}}"
    latex = (
        r"\begin{aligned} y &= \gamma\," + symbols + r"+\beta \\ &= "
        rf"{_n(weight)}\cdot {numbers} {_signed(bias)} \end{{aligned}}"
    )
    batch = "batch with noise" if view.changed == "with noise" else "attacked batch"
    return latex, f"{_sources(course, norm, batch)} {_outcome(attacked, clean, channel, batch)}"


def spread_of(scale: float, power: float) -> float:
    """The range of which RobustNorm's scale is the power, up to rounding."""
    return max(scale - EPS, 0.0) ** (1 / power) if power else 1.0


def _sources(course: Course, norm: str, batch: str) -> str:
    scale, mode = "range" if norm == "rn" else "variance", course.side.statistics
    if mode in norms.BRANCHES:
        kind = "clean" if mode == norms.BRANCHES[0] else "adversarial"
        return f"Mean and {scale} are those tracked on the {kind} images in training: the same for every batch."
    if not norms.looks_at_batch(mode):
        return f"Mean and {scale} are those tracked in training: the same for every batch."
    if mode == "batch":
        return f"Mean and {scale} are those of this {batch} itself."
    return f"The mean is the one tracked in training, the {scale} that of this {batch}."


def _outcome(attacked: Layer, clean: Layer, channel: int, batch: str) -> str:
    means = [_after(layer, channel) for layer in (attacked, clean)]
    return (
        f"So the {batch} leaves the layer with mean {means[0][0]:.2f} and deviation {means[0][1]:.2f}; "
        f"the clean one with {means[1][0]:.2f} and {means[1][1]:.2f}."
    )


def _after(layer: Layer, channel: int) -> tuple[float, float]:
    """Mean and deviation of what the layer gives out."""
    centre, scale, weight, bias = _applied(layer, channel)
    mean, std = float(layer.mean[channel]), float(layer.std[channel])
    return weight * (mean - centre) / scale + bias, abs(weight) * std / scale


def _applied(layer: Layer, channel: int) -> tuple[float, float, float, float]:
    assert layer.applied is not None
    used = layer.applied
    return tuple(float(t[channel]) for t in (used.centre, used.scale, used.weight, used.bias))  # pyright: ignore


def _n(value: float) -> str:
    """Three digits, without powers of ten where people would not write one."""
    return f"{value:.3g}" if 1e-3 <= abs(value) < 1e4 else f"{value:.5f}".rstrip("0").rstrip(".") or "0"


def _signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{_n(abs(value))}"
