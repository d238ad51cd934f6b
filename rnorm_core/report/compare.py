"""Compares numbers that a script got with those in the files beside it."""

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnorm_core import zoo
from rnorm_core.errors import UserError
from rnorm_core.report.files import Tables, as_csv

SETTINGS = "settings.json"
RELATIVE, ABSOLUTE = 1e-3, 1e-4  # what sums in another order may change


def compare(script: str | Path, name: str, tables: Tables) -> bool:
    """Whether `tables` are those of the files `<name> <table>.csv` beside `script`; prints the answer for each.

    Rows are found again by their first columns, the conditions. A result that was kept while it was being measured has
    fewer rows than these tables; those it has are compared.
    """
    folder, same = Path(script).resolve().parent, []
    for problem in _other_weights(folder):
        print(problem)
        same.append(False)
    for table, rows in tables.items():
        path = folder / file_name(name, table)
        if not rows and not path.exists():
            continue
        differences = different(read(path.read_text("utf-8")), read(as_csv(rows).decode()))
        kept = len(read(path.read_text("utf-8")))
        if differences:
            print(f"{path.name}: {len(differences)} of {kept} rows differ, such as: {differences[0]}")
        else:
            print(f"{path.name}: the same {kept} rows")
        same.append(not differences)
    return all(same)


def file_name(name: str, table: str) -> str:
    return f"{name} {table}.csv"


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def different(kept: Sequence[dict[str, str]], found: Sequence[dict[str, str]]) -> list[str]:
    """A sentence for each row of `kept` that `found` has not, or has with other numbers."""
    conditions = _conditions(found)
    again = {tuple(row[key] for key in conditions): row for row in found}
    differences = []
    for row in kept:
        other = again.get(tuple(row.get(key, "") for key in conditions))
        where = ", ".join(f"{key} {row[key]}" for key in conditions if row.get(key))
        if other is None:
            differences.append(f"{where}: not among the numbers of this script")
        elif wrong := [key for key in row if not _close(row[key], other.get(key, ""))]:
            differences.append(f"{where}: {', '.join(f'{key} {other.get(key)}, not {row[key]}' for key in wrong)}")
    return differences


def _conditions(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The first columns of a table, as many as tell all rows apart."""
    columns = list(rows[0]) if rows else []
    for count in range(1, len(columns) + 1):
        if len({tuple(row[key] for key in columns[:count]) for row in rows}) == len(rows):
            return columns[:count]
    return columns


def _close(one: str, other: str) -> bool:
    try:
        return math.isclose(float(one), float(other), rel_tol=RELATIVE, abs_tol=ABSOLUTE)
    except ValueError:
        return one == other


def _other_weights(folder: Path) -> list[str]:
    """A sentence for each network whose weights are not those of the kept numbers."""
    path, problems = folder / SETTINGS, []
    kept = json.loads(path.read_text("utf-8")).get("weights", {}) if path.exists() else {}
    for model, sha256 in kept.items():
        try:
            here = zoo.card(model).sha256
        except UserError as error:
            problems.append(str(error))
            continue
        if here != sha256:
            problems.append(
                f"{model}: these are other weights ({here[:12]}) than those of the kept numbers ({sha256[:12]})."
            )
    return problems
