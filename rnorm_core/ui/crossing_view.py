"""A matrix of crafters and scorers -> what is drawn and said. Pure functions."""

from collections.abc import Sequence

from rnorm_core import figures
from rnorm_core.figures import Figure
from rnorm_core.norms import modes
from rnorm_core.ui import crossing
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.crossing import Crossed
from rnorm_core.ui.whose import in_mode, points, said


def by_mode(found: Crossed, side: Side) -> Figure:
    """One network in all its modes against itself."""
    sides = [in_mode(side, mode) for mode in modes(side.norm)]
    return _matrix(found, sides, [one.statistics for one in sides], f"{side.title}; ", figures.KNOWS)


def across(found: Crossed, left: Side, right: Side) -> Figure:
    """Left and right in the modes chosen."""
    return _matrix(found, [left, right], [left.label, right.label], "", "Does it work on the other network, too?")


def _matrix(found: Crossed, sides: Sequence[Side], labels: Sequence[str], who: str, title: str) -> Figure:
    there = [side for side in sides if crossing.has(found.matrix, side)]
    some = crossing.part(found.matrix, there, sides)
    crafters = [label for side, label in zip(sides, labels, strict=True) if side in there]
    return figures.crafting_matrix(some, crafters, labels, who + said(found.asked.eps_255), title)


def knowing(found: Crossed, scorer: Side, crafter: Side) -> str:
    """Whether an attack made for `crafter` does less to `scorer` than its own, in Markdown; empty while unknown."""
    pair = crossing.foreign(found.matrix, crafter, scorer)
    if pair is None:
        return ""
    verdict = "no difference to be told"
    if pair.low > 0:
        verdict = "**it fools fewer than an attack made for the scorer itself**"
    elif pair.high < 0:
        verdict = "**it fools more than an attack made for the scorer itself**"
    return f"Made for {crafter.label}, scored with {scorer.label}: {verdict}; {points(pair)}."
