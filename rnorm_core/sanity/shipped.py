"""The same checks from accuracies that were measured earlier, as far as these suffice."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from rnorm_core.errors import UserError
from rnorm_core.evaluation import Row, Table, worst_case
from rnorm_core.evaluation.measure.protocol import APGD, STRONG
from rnorm_core.evaluation.tables.curves import fullest
from rnorm_core.sanity import checks
from rnorm_core.sanity.finding import Finding, not_measured
from rnorm_core.sanity.rules import CHECKS, FLOOR, VERDICTS
from rnorm_core.zoo import Variant


def from_table(table: Table, model: str, statistics: str, others: Sequence[Row] = ()) -> tuple[Finding, ...]:
    """One finding for every check, in the order of `rules.CHECKS`; "not measured" if the rows do not suffice.

    All are of one set of images, on which the network has most rows; only Square Attack, which is slow, may have been
    measured on others. Two attacks are compared at the largest size that was measured for both.
    others: rows of `laboratories.rows`: accuracies in random batches, and attacks that were made for other networks or
    modes. If such attacks have several sizes, the size with the worst verdict is reported.
    """
    table = table.select(model=model, statistics=statistics)
    usual = fullest(table.rows) if table.rows else ""
    rows = _by_kind(table.select(images=usual), model, statistics)
    findings = [_curve(rows["pgd"]), _zero(rows["pgd"])]
    if pair := _both(rows, "fgsm", "pgd"):
        findings.append(checks.steps(*(row.accuracy for row in pair)))
    if pair := _both(rows, "noise", "pgd"):
        findings.append(checks.noise(*(row.accuracy for row in pair)))
    if pair := _harder(rows):
        findings.append(checks.effort(*(row.accuracy for row in pair)))
    mine = [row for row in others if (row.model, row.statistics) == (model, statistics)]
    findings += _transferred(mine)
    findings.append(_square_attack(table, model, statistics, usual))
    findings.append(_neighbours(mine))
    findings.append(_worst(rows))
    measured = sorted(filter(None, findings), key=lambda finding: VERDICTS.index(finding.verdict))
    by_key = {finding.check: finding for finding in measured}  # of several of a check the worst stays, else the last
    return tuple(by_key.get(key) or not_measured(key, _missing(key)) for key in CHECKS)


def _by_kind(table: Table, model: str, statistics: str) -> dict[str, dict[float, Row]]:
    """The rows of each attack by size."""
    kinds = ("pgd", "fgsm", "noise", *STRONG)
    return {kind: {row.eps_255: row for row in table.curve(model, statistics, kind)} for kind in kinds}


def _square_attack(table: Table, model: str, statistics: str, usual: str) -> Finding | None:
    """The comparison on the images that met Square Attack with most queries, if need be others than the usual ones."""
    queries = dict.fromkeys((usual, *(row.images for row in table.rows)), 0)
    for row in table.select(attack="square").rows:
        queries[row.images] = max(queries[row.images], row.settings["steps"])
    sets = sorted(queries, key=lambda images: -queries[images])
    found = (_square(_by_kind(table.select(images=images), model, statistics)) for images in sets)
    return next(filter(None, found), None)


def _square(rows: dict[str, dict[float, Row]]) -> Finding | None:
    """Compares Square Attack with the strongest attack that uses the gradient, at the largest size at which Square
    leaves more than `FLOOR` of the images right."""
    sizes = [size for size, row in rows["square"].items() if size in rows["pgd"] and row.value > FLOOR]
    if not (size := max(sizes, default=0)):
        return None
    gradient = (rows[kind][size] for kind in ("pgd", *APGD) if size in rows[kind])
    strongest = min(gradient, key=lambda row: row.correct)
    return checks.black_box(strongest.accuracy, [rows["square"][size].accuracy])


def _transferred(mine: Sequence[Row]) -> list[Finding]:
    """For each size, compares attacks made for other networks or modes with the attack made for this model.

    No finding for a size if each of the other attacks leaves at most `FLOOR` of the images right.
    """
    findings = []
    for size in sorted({row.eps_255 for row in mine if "made_for" in row.settings}):
        own, foreign = None, []
        for row in mine:
            if row.eps_255 != size or not (made_for := row.settings.get("made_for")):
                continue
            if (made_for["model"], made_for["statistics"]) == (row.model, row.statistics):
                own = row.accuracy
            else:
                spec = row.settings | {"crafted_on": _title(made_for)}
                foreign.append(replace(row.accuracy, spec=spec))
        if own and any(accuracy.value > FLOOR for accuracy in foreign):
            findings.append(checks.black_box(own, foreign))
    return findings


def _title(made_for: dict[str, str]) -> str:
    """The network and mode that an attack was made for."""
    with suppress(UserError):
        return Variant.of(made_for["model"], made_for["statistics"]).label
    return f"{made_for['model']}, {made_for['statistics']}"  # no longer in the zoo


def _neighbours(mine: Sequence[Row]) -> Finding | None:
    """The check in the smallest random batches, where one image has the most influence on another."""
    drawn = [row for row in mine if "draws" in row.settings]
    smallest = min((row.batch_size for row in drawn), default=0)
    by_right = {row.settings["right"]: row for row in drawn if row.batch_size == smallest}
    if by_right.keys() < {"always", "ever"}:
        return None
    always, ever = by_right["always"], by_right["ever"]
    return checks.neighbours_by_draws(always.accuracy, ever.accuracy, always.settings["draws"])


def _curve(pgd: dict[float, Row]) -> Finding | None:
    """The check of the accuracy curve."""
    return checks.eps([row.accuracy for row in pgd.values()]) if 0 in pgd and len(pgd) > 1 else None


def _zero(pgd: dict[float, Row]) -> Finding | None:
    return checks.zero(pgd[max(pgd)].accuracy) if any(pgd) else None


def _both(rows: dict[str, dict[float, Row]], left: str, right: str) -> tuple[Row, Row] | None:
    """The rows of two attacks at the largest size at which both were measured."""
    size = max(rows[left].keys() & rows[right].keys() - {0}, default=None)
    return None if size is None else (rows[left][size], rows[right][size])


def _harder(rows: dict[str, dict[float, Row]]) -> tuple[Row, Row] | None:
    """PGD, and APGD with the same loss; or with another one where that was not measured."""
    return next(filter(None, (_both(rows, "pgd", kind) for kind in APGD)), None)


def _worst(rows: dict[str, dict[float, Row]]) -> Finding | None:
    pair = _harder(rows) or _both(rows, "pgd", "square")
    if pair is None:
        return None
    usual = pair[0]
    same = [rows[kind][usual.eps_255] for kind in rows if usual.eps_255 in rows[kind]]
    parts = [checks.right(checks.attack_title(row.accuracy), row.accuracy) for row in same if row is not usual]
    finding = checks.worst_case(usual.accuracy, worst_case(same), parts)
    blind = any(row.attack == "square" for row in same)
    lacking = "no attack aimed at a class" if blind else "neither Square nor an attack aimed at a class"
    return replace(finding, text=f"{finding.text} The table has {lacking} here: run the checks for those.")


def _missing(key: str) -> str:
    return {
        "gradients": "The table holds accuracies, not gradients.",
        "neighbours": "It was measured in one partition into batches.",
        "zero": "The largest attack of the table is too small to tell.",
        "effort": "The table has no stronger attack of this network than PGD in 20 steps.",
        "black-box": "The table has no attack of this network without its gradient.",
        "worst-case": "The table has no ensemble of attacks on this network.",
    }.get(key, "The table lacks the accuracies for it.") + " Run the checks to see."
