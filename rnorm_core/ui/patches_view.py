"""Patched layers -> what is said of them. Pure functions."""

from collections.abc import Sequence

from rnorm_core import evaluation
from rnorm_core.evaluation.patching import Patching
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.whose import points


def share(found: Patching, side: Side) -> str:
    """How much of the damage the statistics make up, in Markdown."""
    part, last = found.part, found.up_to[-1]
    counts = (
        f"clean {found.clean.correct}, attacked {found.attacked.correct}, all {len(found.layers)} layers patched "
        f"{last.correct} of {last.n} right"
    )
    if part.value != part.value:
        return f"**{side.label}**: {counts}. The attack did no damage that a share could be told of."
    known = f"95\N{NO-BREAK SPACE}%: {_percent(part.low)} to {_percent(part.high)}" if part.low == part.low else (
        "too little damage for an interval"
    )  # fmt: skip
    does = "done by" if found.experiment == "spoil" else "undone by"
    return f"**{side.label}**: {counts}. **{_percent(part.value)} % of the damage** ({known}) is {does} the statistics."


def strongest(found: Patching, names: Sequence[str]) -> str:
    """The layer that matters most when it alone is patched; empty where none changes a thing."""
    change = [accuracy.correct - found.plain.correct for accuracy in found.alone]
    k = max(range(len(change)), key=lambda i: abs(change[i]))
    if change[k] == 0:
        return "No layer alone changes how many are right."
    pair = evaluation.paired(found.alone[k].hits, found.plain.hits)
    return f"Alone, layer {k + 1} ({names[k]}) matters most: {points(pair)}."


def _percent(value: float) -> str:
    return f"{100 * value:.0f}".replace("-", "−")
