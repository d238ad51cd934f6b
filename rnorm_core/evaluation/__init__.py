"""Accuracy, clean or under attack: measured, compared image by image, and read from the shipped table."""

from rnorm_core.evaluation.measure.accuracy import (
    Accuracy,
    accuracies,
    accuracy,
    attack_batch,
    batch_generator,
    predict,
    wilson,
)
from rnorm_core.evaluation.measure.paired import Paired, paired
from rnorm_core.evaluation.measure.worst import worst_case
from rnorm_core.evaluation.tables.accuracies import Table, read, table
from rnorm_core.evaluation.tables.row import PIXELS, Row, both_correct

__all__ = [
    "PIXELS",
    "Accuracy",
    "Paired",
    "Row",
    "Table",
    "accuracies",
    "accuracy",
    "attack_batch",
    "batch_generator",
    "both_correct",
    "paired",
    "predict",
    "read",
    "table",
    "wilson",
    "worst_case",
]
