"""Accuracy against the size of the batch: the shipped rows, `pretrained/<dataset>-batch-sizes.jsonl`."""

from pathlib import Path

from rnorm_core import zoo
from rnorm_core.evaluation.tables.freshness import fresh_and_stale
from rnorm_core.evaluation.tables.jsonl import TableFile
from rnorm_core.evaluation.tables.row import Row

COMMAND = "python -m rnorm_core.experiments.precompute.evidence"
FILE = TableFile(Row, COMMAND)


def shipped(dataset: str = "cifar10") -> Path:
    """The path of a data set's table, whether the file exists or not."""
    return zoo.DIRECTORY / f"{dataset}-batch-sizes.jsonl"


def by_size(dataset: str = "cifar10") -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """(rows measured on the weights that are shipped now, rows of other weights); both empty without a file."""
    return fresh_and_stale(shipped(dataset), FILE)
