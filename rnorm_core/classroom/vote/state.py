"""A room as its owner sees it, as a phone sees it, and what a class has answered."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rnorm_core.classroom.question import Question

# Mazur's rule: below the first share of right answers explain, above the second go on, between them let them discuss.
FEW, MANY = 0.35, 0.70


@dataclass(frozen=True)
class Key:
    """What opens a room to its owner."""

    code: str
    secret: str


@dataclass(frozen=True)
class Round:
    """One vote on a question: the first, or the second after a discussion."""

    id: int
    number: int
    closed: bool
    answered: int


@dataclass(frozen=True)
class Asked:
    """A question that was put to the class. number: from 1, in its room. source: its place in a lesson, or ""."""

    id: int
    number: int
    question: Question
    source: str
    revealed: bool
    rounds: tuple[Round, ...]

    @property
    def last(self) -> Round:
        return self.rounds[-1]


@dataclass(frozen=True)
class Room:
    """phones: how many have joined. asked: the last question. expires: seconds since 1970."""

    code: str
    expires: int
    phones: int
    asked: Asked | None


@dataclass(frozen=True)
class Now:
    """What a phone is told: the last question, and this phone's own answers to its rounds, None where it has none."""

    state: Literal["waiting", "open", "closed", "revealed"]
    question: Question | None = None  # without the right choice and the feedback before the answer is revealed
    round: int = 0  # the id of the last round
    answers: tuple[int | None, ...] = ()


@dataclass(frozen=True)
class Result:
    """The answers to a question. counts: by round, then by choice. moves: (first answer, second answer) -> phones."""

    counts: tuple[tuple[int, ...], ...]
    moves: dict[tuple[int, int], int]

    @classmethod
    def of(cls, choices: int, rounds: Sequence[dict[int, int]]) -> "Result":
        """rounds: for each, the choice of each phone that answered."""
        counts = [Counter(answers.values()) for answers in rounds]
        moves = Counter[tuple[int, int]]()
        if len(rounds) == 2:
            first, second = rounds
            moves.update((first[phone], second[phone]) for phone in first.keys() & second.keys())
        return cls(tuple(tuple(count[i] for i in range(choices)) for count in counts), dict(moves))


@dataclass(frozen=True)
class Advice:
    """What the share of right answers means for the lesson."""

    right: int
    answered: int

    @property
    def step(self) -> Literal["explain", "discuss", "go on"] | None:
        """None where nobody has answered."""
        if not self.answered:
            return None
        share = self.right / self.answered
        return "explain" if share < FEW else "discuss" if share <= MANY else "go on"
