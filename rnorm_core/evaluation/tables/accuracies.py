"""The measured accuracies that ship with the models: `pretrained/<dataset>-sweep.jsonl`, one `Row` a line."""

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from rnorm_core import model_names, zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation.tables.freshness import shipped_weights, split
from rnorm_core.evaluation.tables.jsonl import TableFile
from rnorm_core.evaluation.tables.row import Row

COMMAND = "python -m rnorm_core.evaluation"
FILE = TableFile(Row, COMMAND)


@dataclass(frozen=True)
class Table:
    """rows: measured on the weights that are shipped now.

    stale: rows of the file that were measured on other weights, or on models that are not there; `notice` names them.
    """

    rows: tuple[Row, ...]
    stale: tuple[Row, ...] = ()

    def select(self, **values: Any) -> "Table":
        """The rows with these values in their fields. TypeError for a name that is no field."""
        if unknown := values.keys() - {f.name for f in fields(Row)}:
            raise TypeError(f"a row has no field {', '.join(sorted(unknown))}")

        def of(rows: tuple[Row, ...]) -> tuple[Row, ...]:
            return tuple(r for r in rows if all(getattr(r, key) == value for key, value in values.items()))

        return replace(self, rows=of(self.rows), stale=of(self.stale))

    def curve(self, model: str, statistics: str, attack: str, pixels: str = "float") -> tuple[Row, ...]:
        """Rows by eps, the clean row first, as eps 0; empty if nothing was measured.

        If an eps was measured more than once, the row with the most images is taken, then the first seed, then the
        strongest attack (`table.select(n=2000).curve(...)` chooses certain rows).
        attack: a `Row.attack`; or a `Row.kind`, for one loss of an attack.
        """
        here = self.select(model=model, statistics=statistics)
        attacked = (row for row in here.select(pixels=pixels).rows if attack in (row.attack, row.kind))
        rows = here.select(attack="clean").rows + tuple(attacked)
        best: dict[float, Row] = {}
        for row in sorted(rows, key=lambda row: (row.eps_255, -row.n, row.seed, row.correct)):
            best.setdefault(row.eps_255, row)
        return tuple(best.values())

    @property
    def notice(self) -> str:
        """A sentence for people about the stale rows; empty if there are none."""
        if not self.stale:
            return ""
        models = ", ".join(sorted({row.model for row in self.stale}))
        return (
            f"{len(self.stale)} measured accuracies are left out: they belong to other weights of {models} than the "
            f"shipped ones. Measure again with `{COMMAND}`."
        )


def read(path: Path) -> tuple[Row, ...]:
    """All rows of a file of accuracies, fresh or stale; UserError names the first line that is not sound."""
    return FILE.read(path)


def shipped(dataset: str = "cifar10") -> Path:
    """The path of a data set's table, whether the file exists or not."""
    return zoo.DIRECTORY / f"{dataset}-sweep.jsonl"


def table(dataset: str = "cifar10") -> Table:
    """The shipped table; it is read again only when the file or a card changes.

    UserError if there is none, or if a line is not sound.
    """
    path = shipped(dataset)
    if not path.exists():
        title = model_names.dataset(dataset)
        raise UserError(f"No accuracies have been measured for {title} yet.", f"run `{COMMAND}`.")
    return _table(path, zoo.stamp(path), tuple(shipped_weights()))


@lru_cache(maxsize=4)
def _table(path: Path, stamp: tuple[int, int], hashes: tuple[tuple[str, str], ...]) -> Table:
    return Table(*split(FILE.read(path), hashes))
