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
# Numbers are the same if they differ by less than a share of them or by less than an absolute number. Another engine or
# device rounds sums differently, so that attacks differ in some pixels; what it does to shifts was at most 0.005.
SAME, NEARLY = (1e-3, 1e-4), (0.05, 0.01)


def compare(script: str | Path, name: str, tables: Tables) -> bool:
    """Whether `tables` are, at least nearly, those of the files `<name> <table>.csv` beside `script`; prints it.

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
        kept, found = read(path.read_text("utf-8")), read(as_csv(rows).decode())
        little, much = (different(kept, found, tolerance) for tolerance in (SAME, NEARLY))
        if much:
            print(f"{path.name}: {len(much)} of {len(kept)} rows differ, such as: {much[0]}")
        elif little:
            print(
                f"{path.name}: nearly the same {len(kept)} rows; {len(little)} differ a little, as another engine or "
                f"device makes them, such as: {little[0]}"
            )
        else:
            print(f"{path.name}: the same {len(kept)} rows")
        same.append(not much)
    return all(same)


def file_name(name: str, table: str) -> str:
    return f"{name} {table}.csv"


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def different(
    kept: Sequence[dict[str, str]], found: Sequence[dict[str, str]], tolerance: tuple[float, float] = SAME
) -> list[str]:
    """A sentence for each row of `kept` that `found` has not, or has with other numbers. Whole numbers are exact."""
    conditions = _conditions(found)
    again = {tuple(row[key] for key in conditions): row for row in found}
    differences = []
    for row in kept:
        other = again.get(tuple(row.get(key, "") for key in conditions))
        where = ", ".join(f"{key} {row[key]}" for key in conditions if row.get(key))
        if other is None:
            differences.append(f"{where}: not among the numbers of this script")
        elif wrong := [key for key in row if not _close(row[key], other.get(key, ""), tolerance)]:
            differences.append(f"{where}: {', '.join(f'{key} {other.get(key)}, not {row[key]}' for key in wrong)}")
    return differences


def _conditions(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The first columns of a table, as many as tell all rows apart."""
    columns = list(rows[0]) if rows else []
    for count in range(1, len(columns) + 1):
        if len({tuple(row[key] for key in columns[:count]) for row in rows}) == len(rows):
            return columns[:count]
    return columns


def _close(one: str, other: str, tolerance: tuple[float, float]) -> bool:
    if one == other or (one.isdigit() and other.isdigit()):
        return one == other
    try:
        return math.isclose(float(one), float(other), rel_tol=tolerance[0], abs_tol=tolerance[1])
    except ValueError:  # a text
        return False


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
