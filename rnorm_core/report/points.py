"""The points of curves as records, for a table on the page and for a CSV file."""

from collections.abc import Sequence
from typing import Any

from rnorm_core.evaluation import Row, wilson
from rnorm_core.evaluation.tables.curves import Line
from rnorm_core.pixels import paper_units
from rnorm_core.report import reproduce


def records(drawn: Sequence[Line]) -> list[dict[str, Any]]:
    """One record for each point, with everything it depends on."""
    return [_record(line, row, drawn) for line in drawn for row in line.rows]


def _record(line: Line, row: Row, drawn: Sequence[Line]) -> dict[str, Any]:
    needed = [row]
    if line.among is not None:  # which images count depends on all networks
        needed += [one for other in drawn for one in other.rows if one.eps_255 in (0, row.eps_255)]
    correct, n = line.counts(row)
    low, high = wilson(correct, n)
    return {
        "model": row.model,
        "statistics": row.statistics,
        "attack": f"worst of {', '.join(ways)}" if (ways := row.settings.get("worst of")) else row.attack,
        "eps (k/255)": row.eps_255,
        "eps (paper)": round(paper_units(row.eps_255), 4),
        "pixels": row.pixels,
        "accuracy (%)": round(100 * correct / n, 2),
        "low (%)": round(100 * low, 2),
        "high (%)": round(100 * high, 2),
        "correct": correct,
        "n": n,
        "images": "all" if line.among is None else "right when clean",
        "batch size": row.batch_size,
        "seed": row.seed,
        "weights": row.weight_hash,
        "date": row.date,
        "code": row.code_version,
        "command": " && ".join(reproduce.rows_commands(needed)),
    }
