"""The shipped networks that differ in RobustNorm's p alone: their accuracies, drawn and in words. No Streamlit here."""

from collections.abc import Sequence
from typing import Any

from rnorm_core import evaluation, norms, zoo
from rnorm_core.evaluation import Row, Table
from rnorm_core.evaluation.evidence import apart
from rnorm_core.evaluation.powers import powers
from rnorm_core.figures import AtPower
from rnorm_core.ui import naming, picker, shipped
from rnorm_core.ui.crafting import Side


def measured(dataset: str, table: Table, mode: str, eps_255: float) -> list[AtPower]:
    """By p, and the BatchNorm trained like them last; those of which the table knows the clean accuracy."""
    known = powers([zoo.card(name) for name in picker.norms_of(dataset)], dataset)
    cards = [*known.by_power.values(), *([known.plain] if known.plain else [])]
    sides = [Side.of(card.name, mode) for card in cards if mode in norms.modes(card.norm)]
    same = shipped.common(table, sides, "pgd", "float", eps_255)  # networks are compared on the same images
    found = []
    for card in cards:
        rows = same.curve(card.name, mode, "pgd") or table.curve(card.name, mode, "pgd")
        if clean := shipped.at(rows, 0):
            label = f"p = {card.power:g}" if card.norm == "rn" else naming.title(card.name, card.norm)
            found.append(AtPower(label, card.power, clean, shipped.at(rows, eps_255)))
    return found


def said(found: Sequence[AtPower], mode: str, attack: str) -> str:
    """How many p there are, and what is most at each end, in Markdown."""
    mine = [point for point in found if point.power is not None]
    if not mine:
        return f"No RobustNorm was measured in the mode {mode}."
    if len(mine) == 1:
        return (
            f"**Only {mine[0].label} is among the shipped networks**: one point, where a curve is wanted. Others "
            "appear here as soon as they are trained and measured."
        )
    parts = [f"**{len(mine)} networks that differ in p alone.**", _most(mine, "Without an attack", "clean")]
    if any(point.attacked for point in mine):
        parts.append(_most([point for point in mine if point.attacked], f"Under {attack}", "attacked"))
    return " ".join(parts)


def _most(points: Sequence[AtPower], when: str, kind: str) -> str:
    rows = {point.label: row for point in points if (row := getattr(point, kind)) is not None}
    best, worst = max(rows, key=lambda label: rows[label].value), min(rows, key=lambda label: rows[label].value)
    if rows[best].value == rows[worst].value:
        who = f"{best} keeps" if len(rows) == 1 else f"all {len(rows)} keep"
        return f"{when} {who} {_accuracy(rows[best])}."
    apart = rows[best].low > rows[worst].high
    note = "" if apart else " Their intervals overlap: other images might turn this around."
    return f"{when} {best} keeps most, {_accuracy(rows[best])}, {worst} least, {_accuracy(rows[worst])}.{note}"


def table(found: Sequence[AtPower], attack: str) -> str:
    """Both accuracies and, where counted on the same images, how much more is left than of BatchNorm, in Markdown."""
    plain = next((point for point in found if point.power is None), None)
    lines = [f"| % of n images | n | clean | {attack} | more than BatchNorm |", "| --- | --- | --- | --- | --- |"]
    for point in found:
        attacked = _short(point.attacked) if point.attacked else "not measured"
        against = _against(point.attacked, plain.attacked) if plain and point is not plain else ""
        n = " / ".join(dict.fromkeys(f"{row.n:,}" for row in (point.clean, point.attacked) if row))
        lines.append(f"| {point.label} | {n} | {_short(point.clean)} | {attacked} | {against} |")
    return "\n".join(lines)


def _against(mine: Row | None, plain: Row | None) -> str:
    if mine is None or plain is None:
        return ""
    if mine.images != plain.images:
        return "other images"
    low, value, high = apart(evaluation.paired(mine.mask, plain.mask))
    return f"{value} ({low} to {high})"


def weights(found: Sequence[AtPower]) -> str:
    """Whose weights were measured."""
    return ", ".join(f"{point.label} `{point.clean.weight_hash[:8]}`" for point in found)


def _short(row: Row) -> str:
    return f"{100 * row.value:.1f} ({100 * row.low:.1f} to {100 * row.high:.1f})"


def _accuracy(row: Row) -> str:
    return f"{100 * row.value:.1f} % (95 %: {100 * row.low:.1f} to {100 * row.high:.1f}, n = {row.n:,})"


def records(found: Sequence[AtPower], mode: str) -> list[dict[str, Any]]:
    """One record a point, with all that made it."""
    lines = []
    for point in found:
        rows = tuple(row for row in (point.clean, point.attacked) if row is not None)
        lines.append(shipped.Line(Side.of(point.clean.model, mode), "pgd", rows))
    powers = {point.clean.model: point.power for point in found}
    return [{"p": powers[record["model"]], **record} for record in shipped.records(lines)]
