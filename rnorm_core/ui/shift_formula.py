"""What a norm layer makes of one channel: the formula with its numbers, and what it says in words.

Pure functions of what was measured.
"""

from rnorm_core import norms, zoo
from rnorm_core.probes import Layer
from rnorm_core.ui import reference
from rnorm_core.ui.shift_view import View
from rnorm_core.ui.shifting import Course

OFF = 0.1  # standard deviations; a tracked mean that lies further off is seen to


def formula(view: View, i: int, channel: int) -> tuple[str, str]:
    """(LaTeX, Markdown): what the layer makes of this channel of the batch, with its numbers, and in words."""
    course = view.course(i)
    attacked = view.attacked(i).recorded.layer(view.name(i))
    norm = attacked.norm
    if norm == "none":
        return "y = x", "No norm stands here: the values pass as they are."
    if attacked.applied is None:
        return r"y = \gamma\,\frac{x-\mu}{\sqrt{\sigma^2+\epsilon}}+\beta", (
            "Mean μ and variance σ² are those of each image's own group of channels, so no two images share them. "
            "γ and β are a factor and an offset that were learned."
        )
    power = zoo.card(course.side.name).power or 0.0
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
    batch = "clean batch" if view.is_clean else "batch with noise" if view.changed == "with noise" else "attacked batch"
    learned = (
        "γ is about 0 here: whatever arrives, next to nothing but the learned offset β goes on."
        if view.silent(i)[channel]
        else "γ and β, a factor and an offset, were learned."
    )
    said = _sources(course, norm, batch), _off(view, i, channel), learned, _outcome(view, i, channel, batch)
    return latex, " ".join(filter(None, said))


def spread_of(scale: float, power: float) -> float:
    """The range of which RobustNorm's scale is the power, up to rounding."""
    return max(scale - norms.EPS, 0.0) ** (1 / power) if power else 1.0


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


def _off(view: View, i: int, channel: int) -> str:
    """Why the tracked mean is not the training images' own, where that can be seen; else empty."""
    course = view.course(i)
    side, population = course.side, course.population.statistics.layer(view.name(i))
    if side.statistics == norms.STATISTICS[1] or reference.is_live(side):
        return ""
    centre, own = _applied(view.attacked(i).recorded.layer(view.name(i)), channel)[0], float(population.mean[channel])
    recipe = zoo.card(side.name).recipe
    if abs(centre - own) < OFF * float(population.unit[channel]) or not recipe.get("padding"):
        return ""
    branch = {norms.BRANCHES[0]: "clean", norms.BRANCHES[1]: "adversarial"}.get(side.statistics)  # pyright: ignore
    of = branch or recipe.get("statistics_from", "clean")
    crops = "randomly shifted crops" if of == "clean" else "attacked, randomly shifted crops"
    return (
        f"The mean subtracted, {short(centre)}, is not the training images' own, {short(own)}: training tracked it on "
        f"{crops} of them, with black edges; the grey curve is of the whole images."
    )


def _outcome(view: View, i: int, channel: int, batch: str) -> str:
    (mean, std), clean = (_after(r.recorded.layer(view.name(i)), channel) for r in (view.attacked(i), view.clean(i)))
    rest = "" if view.is_clean else f"; the clean one with {short(clean[0])} and {short(clean[1])}"
    return f"So the {batch} leaves the layer with mean {short(mean)} and deviation {short(std)}{rest}."


def _after(layer: Layer, channel: int) -> tuple[float, float]:
    """Mean and deviation of what the layer gives out."""
    centre, scale, weight, bias = _applied(layer, channel)
    mean, std = float(layer.mean[channel]), float(layer.std[channel])
    return weight * (mean - centre) / scale + bias, abs(weight) * std / scale


def _applied(layer: Layer, channel: int) -> tuple[float, float, float, float]:
    assert layer.applied is not None
    used = layer.applied
    return tuple(float(t[channel]) for t in (used.centre, used.scale, used.weight, used.bias))  # pyright: ignore


def short(value: float) -> str:
    """Three digits, without powers of ten where people would not write one."""
    if 1e-3 <= abs(value) < 1e4:
        return f"{value:.3g}"
    return f"{round(value, 5) + 0:.5f}".rstrip("0").rstrip(".")


def signed(value: float) -> str:
    return f"{'-' if value < 0 else '+'}{short(abs(value))}"
