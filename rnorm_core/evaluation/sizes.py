"""Accuracy against the number of images that are looked at together: the shipped rows, each a `Row`."""

from pathlib import Path

from rnorm_core import zoo
from rnorm_core.evaluation.current import rows_of
from rnorm_core.evaluation.file import read
from rnorm_core.evaluation.row import Row


def shipped(dataset: str = "cifar10") -> Path:
    """Where the rows of a data set lie, whether they are there or not."""
    return zoo.DIRECTORY / f"{dataset}-batch-sizes.jsonl"


def by_size(dataset: str = "cifar10") -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """(rows measured on the weights that are shipped now, rows of other weights); both empty without a file."""
    return rows_of(shipped(dataset), read)
