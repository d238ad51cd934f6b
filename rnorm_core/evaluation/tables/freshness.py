"""Fresh rows, measured on the weights that are shipped now, and stale rows, measured on others."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from rnorm_core import zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation.tables.jsonl import TableFile, TableRow


@dataclass(frozen=True)
class ModelRow(TableRow):
    """A row that was measured on one model. weight_hash: sha256 hex of the weights, as on the model's card."""

    model: str
    weight_hash: str
    dataset: str
    norm: str


M = TypeVar("M", bound=ModelRow)


def shipped_weights() -> Iterator[tuple[str, str]]:
    """(name, weight hash) of the shipped models; models with a damaged card are left out."""
    for name in zoo.names():
        with suppress(UserError):
            yield name, zoo.card(name).sha256


def fresh_and_stale(path: Path, file: TableFile[M]) -> tuple[tuple[M, ...], tuple[M, ...]]:
    """(fresh rows of the file at `path`, stale rows); both empty if there is no file. Read once per content."""
    return split(_read(path, zoo.stamp(path), file), set(shipped_weights())) if path.exists() else ((), ())


@lru_cache(maxsize=12)
def _read(path: Path, stamp: tuple[int, int], file: TableFile[M]) -> tuple[M, ...]:
    return file.read(path)


def split(rows: Sequence[M], known: Collection[tuple[str, str]]) -> tuple[tuple[M, ...], tuple[M, ...]]:
    """(rows measured on the `known` weights, the others)."""
    fresh = [(row.model, row.weight_hash) in known for row in rows]
    return (
        tuple(row for row, yes in zip(rows, fresh, strict=True) if yes),
        tuple(row for row, yes in zip(rows, fresh, strict=True) if not yes),
    )
