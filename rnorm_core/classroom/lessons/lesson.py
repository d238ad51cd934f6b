"""What a lesson is: typed steps in their order."""

from dataclasses import dataclass, field

from rnorm_core.classroom.fields import Place, Text
from rnorm_core.classroom.parts import Part
from rnorm_core.classroom.rules import Rule


@dataclass(frozen=True)
class Step:
    """name: of the file, without number and ending: "02-swap.md" is "swap". title: one line; a prediction's is its
    question. body: Markdown. minutes: in a class. teacher: for the teacher's sheet, what students usually say. photos:
    words of `parts.photos`, for a row of photos below the text.
    """

    name: str
    title: str
    body: Text
    minutes: float
    teacher: Text
    photos: tuple[str, ...]


@dataclass(frozen=True)
class Read(Step):
    """Something to know before the next question."""


@dataclass(frozen=True)
class Experiment(Step):
    """A part of a page with chosen settings."""

    part: Part


@dataclass(frozen=True)
class Answer:
    """A choice of a prediction. when: the outcome of the rule for which it is right."""

    when: str
    text: str
    feedback: Text
    place: Place


@dataclass(frozen=True)
class Predict(Step):
    """A question that has to be answered before the experiment shows what happens.

    experiment: the later step whose values `rule` compares.
    """

    experiment: Experiment
    rule: Rule
    answers: tuple[Answer, ...]


@dataclass(frozen=True)
class Reveal(Step):
    """What was right, and why. of: the prediction."""

    of: Predict


@dataclass(frozen=True)
class Way:
    """A door to a page. address: the choices there, as its address names them."""

    label: str
    page: str
    address: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Try(Step):
    """A task for the learner's own hands. ways: doors to pages."""

    ways: tuple[Way, ...]


KINDS: dict[str, type[Step]] = {
    "read": Read, "predict": Predict, "experiment": Experiment, "reveal": Reveal, "try": Try,
}  # fmt: skip


@dataclass(frozen=True)
class Lesson:
    """id: its number, as the address names it: the folder "03-the-shift" is lesson "3". goal: what one can do after it,
    in one sentence.
    """

    id: str
    folder: str
    title: str
    goal: str
    steps: tuple[Step, ...] = field(repr=False)

    @property
    def minutes(self) -> float:
        return sum(step.minutes for step in self.steps)

    @property
    def predictions(self) -> tuple[Predict, ...]:
        return tuple(step for step in self.steps if isinstance(step, Predict))

    @property
    def experiments(self) -> dict[str, Experiment]:
        return {step.name: step for step in self.steps if isinstance(step, Experiment)}
