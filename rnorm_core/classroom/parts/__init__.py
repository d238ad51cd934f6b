"""Experiments of lessons: parts of the pages with chosen settings, whose shipped results are named values.

A part is a frozen dataclass, read from the `settings` of a step. `values()` are its results by name: a lesson's texts
show them as `{experiment.value}`, and a rule (`classroom.rules`) finds the right answer of a prediction in them.
The interface draws each class of part; see `rnorm_core.ui.lessons.parts`.
"""

from rnorm_core.classroom.parts.accuracy import AccuracyBySize
from rnorm_core.classroom.parts.batch import ByBatchSize, Neighbours, Transfer
from rnorm_core.classroom.parts.channel import OneChannel
from rnorm_core.classroom.parts.part import Bar, BarPart, Part, Picture
from rnorm_core.classroom.parts.player import Player
from rnorm_core.classroom.parts.shift import LayerShift
from rnorm_core.classroom.parts.value import Value, clearly_more

PARTS: dict[str, type[Part]] = {
    part.NAME: part for part in (Player, AccuracyBySize, ByBatchSize, Neighbours, Transfer, LayerShift, OneChannel)
}

__all__ = [
    "PARTS", "AccuracyBySize", "Bar", "BarPart", "ByBatchSize", "LayerShift", "Neighbours", "OneChannel",
    "Part", "Picture", "Player", "Transfer", "Value", "clearly_more",
]  # fmt: skip
