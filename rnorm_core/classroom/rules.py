"""The rules by which the answers of predictions are computed from the values of an experiment.

Each choice of a prediction says under `when` for which outcome it is right. A rule is a frozen dataclass: `read` takes
its fields from a file, `fits` tells whether a choice's outcome is the one of the values.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Self

from rnorm_core.classroom.fields import Fields, LessonError, Place
from rnorm_core.classroom.parts import Value, clearly_more

SAME = "same"
Values = Mapping[str, Value]


@dataclass(frozen=True)
class Rule:
    """place: where the rule stands in its file."""

    NAME: ClassVar[str]

    place: Place

    @classmethod
    def read(cls, fields: Fields) -> Self:
        raise NotImplementedError

    def check(self, when: Sequence[str], places: Sequence[Place]) -> None:
        """LessonError where the outcomes of the choices are not possible, or where one of them is missing."""
        possible = self.outcomes()
        for outcome, place in zip(when, places, strict=True):
            if outcome not in possible:
                raise place.error(f"'when' is {outcome!r}", f"choose one of {', '.join(possible)}.")
        _once(when, places)
        if missing := [outcome for outcome in possible if outcome not in when]:
            raise self.place.error(f"no choice says `when: {missing[0]}`", "add it: the answer could change to this.")

    def outcomes(self) -> tuple[str, ...]:
        raise NotImplementedError

    def fits(self, when: str, values: Values) -> bool:
        """Whether this outcome is the one of these values; LessonError for a name that is not among them."""
        raise NotImplementedError

    def value(self, values: Values, name: str) -> Value:
        if name not in values:
            raise self.place.error(
                f"the experiment has no value {name!r}", f"its values are {', '.join(sorted(values))}."
            )
        return values[name]


@dataclass(frozen=True)
class Largest(Rule):
    """Which of two to five values is the largest. Outcomes: their names, and `same` where the largest is not clearly
    ahead of every other one.
    """

    NAME: ClassVar[str] = "largest"

    names: tuple[str, ...]

    @classmethod
    def read(cls, fields: Fields) -> Self:
        names = fields.texts("of", most=5)
        if len(names) < 2:
            raise fields.error("of", "has one value", "compare two to five.")
        return cls(fields.place, names)

    def outcomes(self) -> tuple[str, ...]:
        return *self.names, SAME

    def fits(self, when: str, values: Values) -> bool:
        known = {name: self.value(values, name) for name in self.names}
        ahead = [
            name
            for name, one in known.items()
            if all(clearly_more(one, other) for key, other in known.items() if key != name)
        ]
        return when == (ahead[0] if ahead else SAME)


@dataclass(frozen=True)
class Change(Rule):
    """Whether a value rises or falls, compared with another. Outcomes: `rises`, `falls`, and `same` where chance
    explains the difference, or where it is at most `margin`, which is given in the unit of the values.
    """

    NAME: ClassVar[str] = "change"

    before: str
    after: str
    margin: float

    @classmethod
    def read(cls, fields: Fields) -> Self:
        return cls(fields.place, fields.text("from"), fields.text("to"), fields.number("margin", 0, 100, 0))

    def outcomes(self) -> tuple[str, ...]:
        return "rises", "falls", SAME

    def fits(self, when: str, values: Values) -> bool:
        before, after = self.value(values, self.before), self.value(values, self.after)
        if abs(after.scaled - before.scaled) <= self.margin:
            return when == SAME
        if clearly_more(after, before):
            return when == "rises"
        return when == ("falls" if clearly_more(before, after) else SAME)


@dataclass(frozen=True)
class Interval(Rule):
    """In which interval a value lies. Outcomes: intervals "20 to 50" (percent for a share), which together leave no
    gap; the upper end belongs to the next interval, but 100 to the last.
    """

    NAME: ClassVar[str] = "interval"

    name: str

    @classmethod
    def read(cls, fields: Fields) -> Self:
        return cls(fields.place, fields.text("of"))

    def check(self, when: Sequence[str], places: Sequence[Place]) -> None:
        _once(when, places)
        ends = sorted(_ends(text, place) for text, place in zip(when, places, strict=True))
        for (low, high), (begin, _) in pairwise(ends):
            if high != begin:
                what = "a gap" if high < begin else "an overlap"
                raise self.place.error(f"between {low:g} to {high:g} and {begin:g} is {what}", "let intervals meet.")

    def fits(self, when: str, values: Values) -> bool:
        number = self.value(values, self.name).scaled
        low, high = _ends(when, self.place)
        return low <= number < high or (number == high == 100)


@dataclass(frozen=True)
class FirstBelow(Rule):
    """At which of several values, in their order, a limit is undercut first. Outcomes: their names, and `never`.

    below: in percent for a share.
    """

    NAME: ClassVar[str] = "first below"

    names: tuple[str, ...]
    below: float

    @classmethod
    def read(cls, fields: Fields) -> Self:
        return cls(fields.place, fields.texts("of", most=5), fields.number("below", 0, 1000))

    def outcomes(self) -> tuple[str, ...]:
        return *self.names, "never"

    def fits(self, when: str, values: Values) -> bool:
        under = [name for name in self.names if self.value(values, name).scaled < self.below]
        return when == (under[0] if under else "never")


RULES: dict[str, type[Rule]] = {rule.NAME: rule for rule in (Largest, Change, Interval, FirstBelow)}


def _once(when: Sequence[str], places: Sequence[Place]) -> None:
    for i, outcome in enumerate(when):
        if outcome in when[:i]:
            raise places[i].error(f"two choices say `when: {outcome}`", "give each choice its own outcome.")


def _ends(text: str, place: Place) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in text.split(" to "))
    except ValueError:
        low, high = 0.0, 0.0
    if not low < high:
        raise place.error(f"'when' is {text!r}", "write an interval, as `20 to 50`.") from None
    return low, high


__all__ = ["RULES", "SAME", "LessonError", "Rule"]
