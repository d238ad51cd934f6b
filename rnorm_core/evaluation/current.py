"""Rows that were measured on the weights that are shipped now, and those that were not."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Protocol, TypeVar

from rnorm_core import zoo
from rnorm_core.errors import UserError


class Measured(Protocol):
    @property
    def model(self) -> str: ...

    @property
    def weight_hash(self) -> str: ...


R = TypeVar("R", bound=Measured)


def weights() -> Iterator[tuple[str, str]]:
    """(name, weight hash) of the shipped models; one whose card is not sound counts as not there."""
    for name in zoo.names():
        with suppress(UserError):
            yield name, zoo.card(name).sha256


def rows_of(path: Path, read: Callable[[Path], tuple[R, ...]]) -> tuple[tuple[R, ...], tuple[R, ...]]:
    """(rows of a file measured on the weights that are shipped now, rows of other weights); both empty without a file.

    `read` reads the file, once per content.
    """
    return split(_read(path, zoo.stamp(path), read), set(weights())) if path.exists() else ((), ())


@lru_cache(maxsize=12)
def _read(path: Path, stamp: tuple[int, int], read: Callable[[Path], tuple[R, ...]]) -> tuple[R, ...]:
    return read(path)


def split(rows: Sequence[R], known: Collection[tuple[str, str]]) -> tuple[tuple[R, ...], tuple[R, ...]]:
    """(rows measured on the `known` weights, the others)."""
    fresh = [(row.model, row.weight_hash) in known for row in rows]
    return (
        tuple(row for row, yes in zip(rows, fresh, strict=True) if yes),
        tuple(row for row, yes in zip(rows, fresh, strict=True) if not yes),
    )
