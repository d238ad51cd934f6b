"""What a part of a lesson is, and the parts that are bars of shipped accuracies."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from rnorm_core import model_names, zoo
from rnorm_core.classroom.fields import Fields
from rnorm_core.classroom.parts.value import Value
from rnorm_core.data import CLASSES
from rnorm_core.errors import UserError
from rnorm_core.zoo import Variant

DATASET = "cifar10"  # the usual one


@dataclass(frozen=True)
class Part:
    """NAME: in a lesson's files."""

    NAME: ClassVar[str]

    @classmethod
    def read(cls, fields: Fields) -> Self:
        """The part with the settings of a file. LessonError for those that it does not have."""
        raise NotImplementedError

    def values(self) -> dict[str, Value]:
        """The results by name, from shipped measurements. UserError where they are missing."""
        raise NotImplementedError

    def on(self, dataset: str) -> Self | None:
        """The same part on another data set; None for a part that belongs to one."""
        return None

    def by_dataset(self) -> dict[str, Self]:
        """The same part on each data set on which all its values were measured."""
        return {dataset: one for dataset in CLASSES if (one := self.on(dataset)) and _is_measured(one)}


@dataclass(frozen=True, eq=False)
class Bar:
    label: str
    norm: str
    value: Value


@dataclass(frozen=True, eq=False)
class Picture:
    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True)
class BarPart(Part):
    """A part that is drawn as bars. numbers: attack sizes or batch sizes, which the learner can change."""

    ASKS: ClassVar[str]  # label of the choice of numbers
    UNIT: ClassVar[str] = ""  # after each number

    numbers: tuple[float, ...]

    def options(self) -> tuple[float, ...]:
        """The numbers that were measured."""
        raise NotImplementedError

    def at(self, numbers: Sequence[float]) -> Self:
        return replace(self, numbers=tuple(sorted(numbers)))

    def pictures(self) -> list[Picture]:
        raise NotImplementedError

    def variants(self) -> list[Variant]:
        """The networks in the pictures."""
        raise NotImplementedError

    def measured(self) -> str:
        """What was measured, and how, as a phrase."""
        raise NotImplementedError


def network(dataset: str, word: str, mode: str | None = None) -> Variant:
    """ "bn" -> the plain network with BatchNorm; "rn-p100", "bn-adv", "bn-seed1" -> its relatives."""
    return Variant.of(model_names.plain(dataset, word), mode)


def networks(dataset: str) -> tuple[str, ...]:
    """The words of the networks of a data set that are here."""
    begin = model_names.plain(dataset, "")
    return tuple(name.removeprefix(begin) for name in zoo.names() if name.startswith(begin))


def read_dataset(fields: Fields) -> str:
    """The data set of the step's networks and images."""
    return fields.one_of("dataset", tuple(CLASSES), DATASET)


def _is_measured(part: Part) -> bool:
    try:
        part.values()
    except UserError:
        return False
    return True


def needed(value: Value | None, what: str) -> Value:
    """UserError in the place of a measurement that is not shipped."""
    if value is None:
        raise UserError(f"This was not measured: {what}.", "choose other settings, or measure it.")
    return value
