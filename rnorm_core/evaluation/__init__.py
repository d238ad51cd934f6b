"""Accuracy, clean or under attack: measured, compared image by image, and the table of what was measured."""

from rnorm_core.evaluation.accuracy import Accuracy, accuracies, accuracy, batch_generator, predict, wilson
from rnorm_core.evaluation.file import read
from rnorm_core.evaluation.paired import Paired, paired
from rnorm_core.evaluation.row import PIXELS, Row, both_correct
from rnorm_core.evaluation.table import Table, table
from rnorm_core.evaluation.worst import worst_case

__all__ = [
    "PIXELS",
    "Accuracy",
    "Paired",
    "Row",
    "Table",
    "accuracies",
    "accuracy",
    "batch_generator",
    "both_correct",
    "paired",
    "predict",
    "read",
    "table",
    "wilson",
    "worst_case",
]
