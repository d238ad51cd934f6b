"""The formula that a norm layer applies to one channel, with its numbers and in words. No Streamlit here."""

from typing import NamedTuple

from rnorm_core import norms, zoo
from rnorm_core.experiments import shift_reference
from rnorm_core.experiments.shift_sweep import Course
from rnorm_core.probes import Layer
from rnorm_core.rounding import short, signed
from rnorm_core.ui.shift.selection import Selection

OFF = 0.1  # standard deviations: a tracked mean that is farther from the population's mean is explained


def formula(selection: Selection, i: int, channel: int) -> tuple[str, str]:
    """(LaTeX, Markdown): the formula that the layer applies to this channel, with its numbers, and in words."""
    course = selection.course(i)
    attacked = selection.attacked(i).recorded.layer(selection.name(i))
    norm = attacked.norm
    if norm == "none":
        return "y = x", "No norm stands here: the values pass as they are."
    if attacked.applied is None:
        return r"y = \gamma\,\frac{x-\mu}{\sqrt{\sigma^2+\epsilon}}+\beta", (
            "Mean μ and variance σ² are those of each image's own group of channels, so no two images share them. "
            "γ and β are a factor and an offset that were learned."
        )
    power = zoo.card(course.variant.model).power or 0.0
    centre, scale, weight, bias = _applied(attacked, channel)
    symbols, spread = (
        (r"\frac{x-\mu}{\sqrt{\sigma^2+\epsilon}}", rf"\sqrt{{{short(scale**2 - norms.EPS)}+10^{{-5}}}}")
        if norm != "rn"
        else (r"\frac{x-\mu}{r^{\,p}+\epsilon}", rf"{short(spread_of(scale, power))}^{{\,{power:g}}}+10^{{-5}}")
    )
    numbers = rf"\frac{{x{signed(-centre)}}}{{{spread}}}"
    latex = (
        r"\begin{aligned} y &= \gamma\," + symbols + r"+\beta \\ &= "
        rf"{short(weight)}\cdot {numbers} {signed(bias)} \end{{aligned}}"
    )
    batch = (
        "clean batch"
        if selection.is_clean
        else "batch with noise"
        if selection.changed == "with noise"
        else "attacked batch"
    )
    learned = (
        "γ is about 0 here: whatever arrives, next to nothing but the learned offset β goes on."
        if selection.silent(i)[channel]
        else "γ and β, a factor and an offset, were learned."
    )
    sentences = (
        _sources(course, norm, batch),
        _off(selection, i, channel),
        learned,
        _outcome(selection, i, channel, batch),
    )
    return latex, " ".join(filter(None, sentences))


def spread_of(scale: float, power: float) -> float:
    """The range r with r**power + eps = scale, up to rounding."""
    return max(scale - norms.EPS, 0.0) ** (1 / power) if power else 1.0


def _sources(course: Course, norm: str, batch: str) -> str:
    scale, mode = "range" if norm == "rn" else "variance", course.variant.statistics
    if mode in norms.BRANCHES:
        kind = "clean" if mode == norms.BRANCHES[0] else "adversarial"
        return f"Mean and {scale} are those tracked on the {kind} images in training: the same for every batch."
    if not norms.looks_at_batch(mode):
        return f"Mean and {scale} are those tracked in training: the same for every batch."
    if mode == "batch":
        return f"Mean and {scale} are those of this {batch} itself."
    if mode == norms.MEDIAN:
        spread = "the range" if norm == "rn" else "the mean squared distance from it"
        return f"In the place of the mean stands the median of this {batch} itself, and {spread} is the scale."
    return f"The mean is the one tracked in training, the {scale} that of this {batch}."


def _off(selection: Selection, i: int, channel: int) -> str:
    """Why the tracked mean differs from the mean of the training images, where it clearly does; else empty."""
    course = selection.course(i)
    variant, population = course.variant, course.population.statistics.layer(selection.name(i))
    if variant.statistics in (norms.STATISTICS[1], norms.MEDIAN) or shift_reference.is_live(variant):
        return ""
    centre, own = (
        _applied(selection.attacked(i).recorded.layer(selection.name(i)), channel).centre,
        float(population.mean[channel]),
    )
    recipe = zoo.card(variant.model).recipe
    if abs(centre - own) < OFF * float(population.unit[channel]) or not recipe.get("padding"):
        return ""
    branch = {norms.BRANCHES[0]: "clean", norms.BRANCHES[1]: "adversarial"}.get(variant.statistics)  # pyright: ignore
    of = branch or recipe.get("statistics_from", "clean")
    crops = "randomly shifted crops" if of == "clean" else "attacked, randomly shifted crops"
    return (
        f"The mean subtracted, {short(centre)}, is not the training images' own, {short(own)}: training tracked it on "
        f"{crops} of them, with black edges; the grey curve is of the whole images."
    )


def _outcome(selection: Selection, i: int, channel: int, batch: str) -> str:
    (mean, std), clean = (
        _after(r.recorded.layer(selection.name(i)), channel) for r in (selection.attacked(i), selection.clean(i))
    )
    rest = "" if selection.is_clean else f"; the clean one with {short(clean[0])} and {short(clean[1])}"
    return f"So the {batch} leaves the layer with mean {short(mean)} and standard deviation {short(std)}{rest}."


def _after(layer: Layer, channel: int) -> tuple[float, float]:
    """Mean and standard deviation of the layer's output."""
    centre, scale, weight, bias = _applied(layer, channel)
    mean, std = float(layer.mean[channel]), float(layer.std[channel])
    return weight * (mean - centre) / scale + bias, abs(weight) * std / scale


class _Applied(NamedTuple):
    """y = weight * (x - centre) / scale + bias, of one channel."""

    centre: float
    scale: float
    weight: float
    bias: float


def _applied(layer: Layer, channel: int) -> _Applied:
    assert layer.applied is not None
    used = layer.applied
    return _Applied(*(float(t[channel]) for t in (used.centre, used.scale, used.weight, used.bias)))
