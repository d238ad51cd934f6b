"""The formulas of one channel of a norm layer with their numbers, and the sentences about it. No Streamlit here."""

import math
from collections.abc import Sequence

from rnorm_core import norms
from rnorm_core.evaluation.measure.channel_values import Channel, Growth, Outlier, Spread
from rnorm_core.evaluation.tables.laboratories import STEPS
from rnorm_core.experiments.channel import ALL, NONE, ONE, Result
from rnorm_core.rounding import short, signed

NORM_WORD = {"bn": "BatchNorm", "dualbn": "BatchNorm", "rn": "RobustNorm"}
IMAGES = {NONE: "{n} clean images", ONE: "{n} images, one of them attacked", ALL: "{n} attacked images"}


def images(which: str, n: int) -> str:
    """The number of images in the batch and of attacked ones, in words."""
    return IMAGES[which].format(n=n)


# --- the formulas


def by_deviation(spread: Spread, eps: float) -> str:
    """BatchNorm's formula in LaTeX, with this batch's numbers."""
    symbols = r"\frac{x-\mu}{\sqrt{\sigma^2+\epsilon}}"
    numbers = rf"\frac{{{_less(spread.mean)}}}{{\sqrt{{{short(spread.std)}^2+{_small(eps)}}}}}"
    return _aligned(f"{symbols} &= {numbers}", _quotient(spread.mean, spread.scale(None, eps)))


def by_range(spread: Spread, power: float, eps: float) -> str:
    """RobustNorm's formula in LaTeX, with this batch's numbers."""
    symbols = r"\frac{x-\mu}{r^{\,p}+\epsilon}"
    numbers = rf"\frac{{{_less(spread.mean)}}}{{{short(spread.range)}^{{\,{power:g}}}+{_small(eps)}}}"
    return _aligned(f"{symbols} &= {numbers}", _quotient(spread.mean, spread.scale(power, eps)))


def popoviciu(spread: Spread) -> str:
    """Popoviciu's bound in LaTeX, with this batch's numbers."""
    half = rf"\frac{{r}}{{2}} = \frac{{{short(spread.range)}}}{{2}} = {short(spread.bound)}"
    return rf"\sigma = {short(spread.std)} \;\le\; {half}"


def applied(channel: Channel) -> str:
    """What the layer computes in its mode, with the numbers it has learned, in LaTeX."""
    numbers = rf"{short(channel.weight)}\cdot{_quotient(channel.centre, channel.scale)} {signed(channel.bias)}"
    return _aligned(r"y &= \gamma\,\frac{x-\mu}{s}+\beta", numbers)


# --- in words


def bound(spread: Spread) -> str:
    """How close the standard deviation is to Popoviciu's bound."""
    if not spread.range:
        return "All values are the same here: neither a standard deviation nor a range is left to divide by."
    return (
        "Popoviciu's bound: no standard deviation is larger than half the range. Here it is "
        f"**{spread.of_bound:.2f}** of that; it would be 1 if half of the values were at either end."
    )


def choice(spread: Spread, power: float, place: str) -> str:
    """What both norms divide by, and what that changes: the page's answer. place: layer and channel."""
    if not spread.range:
        return f"In {place} all values are the same: there is nothing to divide by."
    std, ranged = spread.scale(None, 0), spread.scale(power, 0)
    return (
        f"RobustNorm divides by the **range** of the values to the power p: in {place}, with p = {power:g}, by "
        f"{short(spread.range)}^{power:g} = **{short(ranged)}**. BatchNorm would divide by the standard deviation, "
        f"**{short(std)}**. So the values that leave RobustNorm are **{short(std / ranged)} times** as wide."
    )


def equal_at(spread: Spread) -> str:
    """The p at which both norms divide by the same number."""
    if not spread.range:
        return ""
    p = math.log(spread.std) / math.log(spread.range) if spread.range != 1 else math.inf
    if not 0 <= p <= 1:
        return "The two norms divide by different numbers at every p from 0 to 1."
    return f"Both norms would divide by the same number at p = {p:.2f}."


def layer(channel: Channel, spread: Spread) -> str:
    """The statistics that the layer uses in its mode, beside those of this batch."""
    power = "" if channel.power is None else f", trained with p = {channel.power:g}"
    how = "" if channel.statistics == "tracked" else f", {channel.statistics} statistics"
    mode, own = channel.statistics, spread.scale(channel.power, channel.eps)
    batch = f"the batch's own are {short(spread.mean)} and {short(own)}"
    text = f"**The layer itself** ({NORM_WORD[channel.norm]}{power}{how}) subtracts {short(channel.centre)} and "
    text += f"divides by {short(channel.scale)}"
    if mode == "batch":
        return f"{text}, this batch's own. γ and β were learned."
    if mode == norms.MEDIAN:
        return f"{text}: the median of this batch and its spread; {batch}. γ and β were learned."
    if norms.looks_at_batch(mode):
        return (
            f"{text}: the mean as remembered from training, the scale this batch's own; {batch}. γ and β were learned."
        )
    return f"{text}, both remembered from training; {batch}. γ and β were learned."


def outlier(effect: Outlier, power: float) -> str:
    """The effect of one more value on both scales."""
    values = f"{effect.spread.n - 1:,}"
    plain = effect.scale_factor ** (1 / power) if power else None
    widened = "" if plain is None else f" (the range itself times {short(plain)})"
    return (
        f"One value {effect.size:g} standard deviations above the mean, beside {values} others: the standard "
        f"deviation becomes **{_times(effect.std_factor)}** what it was, range^{power:g} "
        f"**{_times(effect.scale_factor)}**{widened}."
    )


def growth(scales: Sequence[Growth], power: float) -> str:
    """The change of both scales from the smallest batch to the largest."""
    first, last = scales[0], scales[-1]
    if not first.range or not first.std:
        return "In some batches all values are the same: there is nothing to compare with."
    ranged = (last.range / first.range) ** power
    one = f"{first.size} image{'s' * (first.size > 1)}"
    return (
        f"From {one} ({first.batches} batches, on average) to {last.size} together: the range becomes "
        f"**{_times(last.range / first.range)}** what it was, range^{power:g} **{_times(ranged)}**, the standard "
        f"deviation **{_times(last.std / first.std)}**."
    )


def effects(clean: Spread, others: Sequence[tuple[str, Spread]], power: float) -> str:
    """Both scales of the clean values and of `others`, (name, spread), with the factors between: a Markdown table."""
    lines = [f"| values | standard deviation | range | range^{power:g} |", "| --- | --- | --- | --- |"]
    for name, spread in (("clean", clean), *others):
        cells = [
            short(after) if spread is clean or not before else f"{short(after)} (×{after / before:.3f})"
            for before, after in (
                (clean.std, spread.std), (clean.range, spread.range), (clean.range**power, spread.range**power)
            )
        ]  # fmt: skip
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def about_attack(result: Result) -> str:
    """How many images there are, how many of them the attack fools, and which one is attacked where only one is."""
    n = f"n = {len(result.batch)} images."
    if result.fooled is None:
        return f"{n} “Attacked” above adds what an attack does to the same channel."
    return (
        f"{n} PGD of {STEPS} steps fools {int(result.fooled.sum())} of them. The one is "
        f"{result.batch.name(result.one)}, the first of {'those' if result.fooled.any() else 'the batch'}."
    )


def _times(factor: float) -> str:
    return f"{factor:.3f} times" if factor < 10 else f"{factor:.0f} times"


def _aligned(first: str, then: str) -> str:
    """Two lines, which fit on narrow pages."""
    return rf"\begin{{aligned}} {first} \\ &= {then} \end{{aligned}}"


def _less(centre: float) -> str:
    return f"x{signed(-centre)}"


def _quotient(centre: float, scale: float) -> str:
    return rf"\frac{{{_less(centre)}}}{{{short(scale)}}}"


def _small(eps: float) -> str:
    return "10^{-5}" if eps == 1e-5 else f"{eps:g}"
