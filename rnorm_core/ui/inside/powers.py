"""The accuracies of shipped networks that differ only in the p of RobustNorm. No Streamlit here."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from rnorm_core import evaluation, model_names, norms, zoo
from rnorm_core.evaluation import Row, Table
from rnorm_core.evaluation.claims.evidence import difference_texts
from rnorm_core.evaluation.tables import curves
from rnorm_core.evaluation.tables.alike import shared
from rnorm_core.evaluation.tables.headline import WHAT, by_size, headline
from rnorm_core.evaluation.tables.trainings import over_trainings
from rnorm_core.figures.inside import AtPower
from rnorm_core.report import Rows, reproduce
from rnorm_core.report.points import records as point_records
from rnorm_core.rounding import percent
from rnorm_core.ui.settings import model_picker
from rnorm_core.ui.shared.summary_bars import SummaryBars, bars_of
from rnorm_core.zoo import Variant


def measured(dataset: str, table: Table, mode: str, eps_255: float) -> list[AtPower]:
    """The networks with a clean accuracy in the table, ordered by p; the BatchNorm with the same recipe is last."""
    known = model_picker.cards_of(dataset)
    plain = [card for card in known if card.name == zoo.plain(dataset, "bn")]
    cards = [*model_names.powers(known).values(), *plain]
    variants = [Variant.of(card.name, mode) for card in cards if mode in norms.modes(card.norm)]
    here = Table(tuple(row for row in table.rows if row.eps_255 in (0, eps_255)))
    attacked = [variant for variant in variants if headline(here, variant, eps_255)]
    same = shared(here, attacked) if attacked else here  # compared under the same attacks, on the same images
    points = []
    for card in cards:
        variant = Variant.of(card.name, mode)
        rows = by_size(same, variant) or by_size(here, variant)
        if clean := rows.get(0):
            label = f"p = {card.power:g}" if card.norm == "rn" else model_names.title(card)
            points.append(AtPower(label, card.power, clean, rows.get(eps_255)))
    return points


def summary(points: Sequence[AtPower], mode: str, attack: str) -> str:
    """The number of networks, and the p with the highest accuracy, clean and attacked. In Markdown."""
    robust = [point for point in points if point.power is not None]
    if not robust:
        return f"No RobustNorm was measured in the mode {mode}."
    if len(robust) == 1:
        return (
            f"**Only {robust[0].label} is among the shipped networks**: one point, not a curve. Others "
            "appear here as soon as they are trained and measured."
        )
    parts = [f"**{len(robust)} networks that differ in p alone.**", _most(robust, "Without an attack", "clean")]
    if any(point.attacked for point in robust):
        parts.append(_most([point for point in robust if point.attacked], f"Under {attack}", "attacked"))
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


def table(points: Sequence[AtPower], attack: str) -> str:
    """Both accuracies and, if both networks saw the same images, the difference to BatchNorm: a Markdown table."""
    plain = next((point for point in points if point.power is None), None)
    lines = [f"| % of n images | n | clean | {attack} | more than BatchNorm |", "| --- | --- | --- | --- | --- |"]
    for point in points:
        attacked = _short(point.attacked) if point.attacked else "not measured"
        difference = _difference(point.attacked, plain.attacked) if plain and point is not plain else ""
        n = " / ".join(dict.fromkeys(f"{row.n:,}" for row in (point.clean, point.attacked) if row))
        lines.append(f"| {point.label} | {n} | {_short(point.clean)} | {attacked} | {difference} |")
    return "\n".join(lines)


def _difference(robust: Row | None, plain: Row | None) -> str:
    if robust is None or plain is None:
        return ""
    if robust.images != plain.images:
        return "other images"
    low, value, high = difference_texts(evaluation.paired(robust.mask, plain.mask))
    return f"{value} ({low} to {high})"


def over_seeds(table: Table, points: Sequence[AtPower], mode: str, eps_255: float) -> str:
    """The difference to BatchNorm over trainings, for each p that was trained several times; "" if none was."""
    variants, said = [Variant.of(point.clean.model, mode) for point in points], []
    plain = next((one for one in variants if one.norm == "bn"), None)
    for point, variant in zip(points, variants, strict=True):
        if plain and (over := over_trainings(table, variant, plain, partial(headline, eps_255=eps_255))):
            low, value, high = difference_texts(over)
            others = point.attacked and over.attacks != curves.titles(point.attacked)
            under = f", under {', '.join(over.attacks)}" if others else ""
            said.append(f"{point.label} {value} ({low} to {high}, {over.trainings}{under})")
    return f"More than BatchNorm under attack over trainings (Welch's t): {'; '.join(said)}." if said else ""


def _short(row: Row) -> str:
    value, low, high = (percent(share).removesuffix(" %") for share in (row.value, row.low, row.high))
    return f"{value} ({low} to {high})"


def _accuracy(row: Row) -> str:
    return f"{percent(row.value)} (95 %: {percent(row.low)} to {percent(row.high)}, n = {row.n:,})"


def records(points: Sequence[AtPower], mode: str) -> list[dict[str, Any]]:
    """One record for each measured accuracy, with everything it depends on."""
    lines = []
    for point in points:
        rows = tuple(row for row in (point.clean, point.attacked) if row is not None)
        lines.append(curves.Line(Variant.of(point.clean.model, mode), curves.WORST, rows))
    powers = {point.clean.model: point.power for point in points}
    return [{"p": powers[record["model"]], **record} for record in point_records(lines)]


def shares(points: Sequence[AtPower]) -> Rows:
    """The same with the conditions by which a script finds them again."""
    from rnorm_core.report.numbers import shares  # all experiments

    rows = [(point.label, kind, getattr(point, kind)) for point in points for kind in ("clean", "attacked")]
    return [{"picture": kind, "bar": label, **shares.row(row)} for label, kind, row in rows if row is not None]


def bars(dataset: str, table: Table, eps_255: float) -> SummaryBars:
    """The accuracies by p with the usual statistics, clean and attacked."""
    points = measured(dataset, table, "tracked", eps_255)
    attacked, clean = ([(point.label, getattr(point, kind)) for point in points] for kind in ("attacked", "clean"))
    norms = [point.clean.norm for point in points]
    charts = [(f"Under attack at {eps_255:g}/255, by p", norms, attacked), ("Clean images, by p", norms, clean)]
    networks = {point.label: (point.clean.model, point.clean.weight_hash) for point in points}
    note = "One training each: another might differ by more than these lines, which are for the images alone."
    rows = [row for point in points for row in (point.clean, point.attacked) if row]
    return bars_of(charts, networks, WHAT, reproduce.rows_script(rows), note)
