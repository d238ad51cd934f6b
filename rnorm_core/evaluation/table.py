"""The measured accuracies that ship with the models: `pretrained/<dataset>-sweep.jsonl`, one Row a line."""

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from rnorm_core import zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation.current import split, weights
from rnorm_core.evaluation.file import COMMAND, read
from rnorm_core.evaluation.row import Row


@dataclass(frozen=True)
class Table:
    """rows:  measured on the weights that are shipped now.
    stale: rows of the file that were measured on other weights, or on models that are not there; `notice` names them.
    """

    rows: tuple[Row, ...]
    stale: tuple[Row, ...] = ()

    def select(self, **wanted: Any) -> "Table":
        """The rows whose fields have these values."""
        if unknown := wanted.keys() - {f.name for f in fields(Row)}:
            raise TypeError(f"a row has no field {', '.join(sorted(unknown))}")

        def of(rows: tuple[Row, ...]) -> tuple[Row, ...]:
            return tuple(r for r in rows if all(getattr(r, key) == value for key, value in wanted.items()))

        return replace(self, rows=of(self.rows), stale=of(self.stale))

    def curve(self, model: str, statistics: str, attack: str, pixels: str = "float") -> tuple[Row, ...]:
        """Rows by eps, the clean one first, as eps 0. Where an eps was measured more than once, the row with the most
        images counts, then the first seed, then the strongest attack (`table.select(n=2000).curve(...)` asks for
        certain ones). attack: a `Row.attack`, or a `Row.kind` for one of its losses. Empty if nothing was measured.
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
        """What to tell people about stale rows; empty if there are none."""
        if not self.stale:
            return ""
        models = ", ".join(sorted({row.model for row in self.stale}))
        return (
            f"{len(self.stale)} measured accuracies are left out: they belong to other weights of {models} than the "
            f"shipped ones. Measure again with `{COMMAND}`."
        )


def shipped(dataset: str = "cifar10") -> Path:
    """Where the table of a data set lies, whether it is there or not."""
    return zoo.DIRECTORY / f"{dataset}-sweep.jsonl"


def table(dataset: str = "cifar10") -> Table:
    """The shipped table; read again only when the file or a card changes.

    UserError if there is none, or if a line is not sound.
    """
    path = shipped(dataset)
    if not path.exists():
        raise UserError(f"No accuracies have been measured for {dataset} yet.", f"run `{COMMAND}`.")
    return _table(path, zoo.stamp(path), tuple(weights()))


@lru_cache(maxsize=4)
def _table(path: Path, stamp: tuple[int, int], hashes: tuple[tuple[str, str], ...]) -> Table:
    return Table(*split(read(path), hashes))
