"""What one channel of a norm layer says: the formulas with its numbers, and sentences. Pure functions."""

import math
from collections.abc import Sequence

from rnorm_core import norms
from rnorm_core.evaluation.inside import Channel, Growth, Outlier, Spread
from rnorm_core.ui.looking_inside import ALL, NONE, ONE
from rnorm_core.ui.shift_formula import short, signed

NORM_WORD = {"bn": "BatchNorm", "dualbn": "BatchNorm", "rn": "RobustNorm"}
IMAGES = {NONE: "{n} clean images", ONE: "{n} images, one of them attacked", ALL: "{n} attacked images"}


def images(which: str, n: int) -> str:
    return IMAGES[which].format(n=n)


# --- the formulas


def by_deviation(found: Spread, eps: float) -> str:
    """BatchNorm's formula in LaTeX, with this batch's numbers."""
    symbols = r"\frac{x-\mu}{\sqrt{\sigma^2+\epsilon}}"
    numbers = rf"\frac{{{_less(found.mean)}}}{{\sqrt{{{short(found.std)}^2+{_small(eps)}}}}}"
    return _aligned(f"{symbols} &= {numbers}", _quotient(found.mean, found.scale(None, eps)))


def by_range(found: Spread, power: float, eps: float) -> str:
    """RobustNorm's formula in LaTeX, with this batch's numbers."""
    symbols = r"\frac{x-\mu}{r^{\,p}+\epsilon}"
    numbers = rf"\frac{{{_less(found.mean)}}}{{{short(found.range)}^{{\,{power:g}}}+{_small(eps)}}}"
    return _aligned(f"{symbols} &= {numbers}", _quotient(found.mean, found.scale(power, eps)))


def popoviciu(found: Spread) -> str:
    """The bound, in LaTeX."""
    half = rf"\frac{{r}}{{2}} = \frac{{{short(found.range)}}}{{2}} = {short(found.bound)}"
    return rf"\sigma = {short(found.std)} \;\le\; {half}"


def applied(channel: Channel) -> str:
    """What the layer itself does, in LaTeX: in its mode, with what it has learned."""
    numbers = rf"{short(channel.weight)}\cdot{_quotient(channel.centre, channel.scale)} {signed(channel.bias)}"
    return _aligned(r"y &= \gamma\,\frac{x-\mu}{s}+\beta", numbers)


# --- in words


def bound(found: Spread) -> str:
    """How close the deviation is to Popoviciu's bound."""
    if not found.range:
        return "All values are the same here: neither a deviation nor a range is left to divide by."
    return (
        f"Popoviciu's bound: no deviation is larger than half the range. Here it is **{found.of_bound:.2f}** of that; "
        "all of it takes half of the values at either end, and none between."
    )


def choice(found: Spread, power: float) -> str:
    """What it means to divide by the range to this power instead of the deviation."""
    if not found.range:
        return ""
    std, ranged = found.scale(None, 0), found.scale(power, 0)
    said = (
        f"BatchNorm would divide by the deviation, **{short(std)}**; RobustNorm with p = {power:g} divides by "
        f"{short(found.range)}^{power:g} = **{short(ranged)}**: what leaves is **{short(std / ranged)} times** as wide."
    )
    return f"{said} {_meeting(found)}"


def _meeting(found: Spread) -> str:
    """The p at which both divide by the same."""
    p = math.log(found.std) / math.log(found.range) if found.range != 1 else math.inf
    if not 0 <= p <= 1:
        return "At no p from 0 to 1 are the two the same."
    return f"The two would be the same at p = {p:.2f}."


def layer(channel: Channel, found: Spread) -> str:
    """Whose numbers the layer takes, and what those of this batch would be."""
    power = "" if channel.power is None else f", trained with p = {channel.power:g}"
    mode, own = channel.statistics, found.scale(channel.power, channel.eps)
    batch = f"the batch's own are {short(found.mean)} and {short(own)}"
    said = f"**The layer itself** ({NORM_WORD[channel.norm]}{power}, {mode}) subtracts {short(channel.centre)} and "
    said += f"divides by {short(channel.scale)}"
    if mode == "batch":
        return f"{said}, this batch's own. γ and β were learned."
    if norms.looks_at_batch(mode):
        return (
            f"{said}: the mean as remembered from training, the scale this batch's own; {batch}. γ and β were learned."
        )
    return f"{said}, both remembered from training; {batch}. γ and β were learned."


def outlier(found: Outlier, power: float) -> str:
    """What one more value does to both scales."""
    values = f"{found.found.n - 1:,}"
    plain = (found.scale_factor) ** (1 / power) if power else None
    widened = "" if plain is None else f" (the range itself times {short(plain)})"
    return (
        f"One value {found.size:g} deviations above the mean, beside {values} others: the deviation becomes "
        f"**{_times(found.std_factor)}** what it was, range^{power:g} **{_times(found.scale_factor)}**{widened}."
    )


def growth(grown: Sequence[Growth], power: float) -> str:
    """What becomes of both scales from the smallest batch to the largest."""
    first, last = grown[0], grown[-1]
    if not first.range or not first.std:
        return "In some batches all values are the same: there is nothing to compare with."
    ranged = (last.range / first.range) ** power
    one = f"{first.size} image{'s' * (first.size > 1)}"
    return (
        f"From {one} ({first.batches} batches, on average) to {last.size} together: the range becomes "
        f"**{_times(last.range / first.range)}** what it was, range^{power:g} **{_times(ranged)}**, the deviation "
        f"**{_times(last.std / first.std)}**."
    )


def effects(clean: Spread, others: Sequence[tuple[str, Spread]], power: float) -> str:
    """Each scale without and with what happened, and by what it was multiplied, as a Markdown table."""
    lines = [f"| values | deviation | range | range^{power:g} |", "| --- | --- | --- | --- |"]
    for name, found in (("clean", clean), *others):
        cells = [
            short(after) if found is clean or not before else f"{short(after)} (×{after / before:.3f})"
            for before, after in (
                (clean.std, found.std), (clean.range, found.range), (clean.range**power, found.range**power)
            )
        ]  # fmt: skip
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _times(factor: float) -> str:
    return f"{factor:.3f} times" if factor < 10 else f"{factor:.0f} times"


def _aligned(first: str, then: str) -> str:
    """Two lines, for narrow pages."""
    return rf"\begin{{aligned}} {first} \\ &= {then} \end{{aligned}}"


def _less(centre: float) -> str:
    return f"x{signed(-centre)}"


def _quotient(centre: float, scale: float) -> str:
    return rf"\frac{{{_less(centre)}}}{{{short(scale)}}}"


def _small(eps: float) -> str:
    return "10^{-5}" if eps == 1e-5 else f"{eps:g}"
