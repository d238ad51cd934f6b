"""Ways through the lessons for a class, by the time there is. Each has the first steps of some lessons."""

from dataclasses import dataclass

from rnorm_core.classroom import lessons
from rnorm_core.classroom.lessons import Lesson, Step


@dataclass(frozen=True)
class Part:
    """The beginning of a lesson. last: name of its last step here. asks: what it is about."""

    id: str
    last: str
    asks: str

    @property
    def lesson(self) -> Lesson:
        return lessons.find(self.id)

    @property
    def steps(self) -> tuple[Step, ...]:
        """UserError without the lesson; all its steps if the last one is not there any more."""
        steps = self.lesson.steps
        end = next((i for i, step in enumerate(steps, 1) if step.name == self.last), len(steps))
        return steps[:end]

    @property
    def minutes(self) -> float:
        return sum(step.minutes for step in self.steps)


@dataclass(frozen=True)
class Path:
    """minutes: how long a class has."""

    minutes: int
    about: str
    parts: tuple[Part, ...]

    def steps(self) -> list[tuple[str, int]]:
        """All steps in their order: (id of the lesson, index)."""
        return [(part.id, index) for part in self.parts for index in range(len(part.steps))]

    @property
    def name(self) -> str:
        return f"{self.minutes} minutes"

    def part(self, id: str, index: int) -> Part | None:
        """The part that has this step; None for a step that is not on the path."""
        return next((part for part in self.parts if part.id == id and index < len(part.steps)), None)

    def near(self, id: str, index: int, by: int) -> tuple[Lesson, int] | None:
        """The step that is so many steps away from this one; None beyond the ends, or if it is not on the path."""
        steps = self.steps()
        at = steps.index((id, index)) + by if (id, index) in steps else -1
        return (lessons.find(steps[at][0]), steps[at][1]) if 0 <= at < len(steps) else None


PATHS = (
    Path(
        15,
        "An attack, and whether another norm helps.",
        (
            Part("1", "noise-answer", "How little does an attack need, and is it more than noise?"),
            Part("5", "which-answer", "What does RobustNorm divide by, and does it keep more photos?"),
        ),
    ),
    Path(
        45,
        "The paper's story, up to the attack size at which it ends.",
        (
            Part("1", "noise-answer", "How little does an attack need, and is it more than noise?"),
            Part("2", "alone-answer", "Which two numbers does BatchNorm remember, and what are they for?"),
            Part("3", "large-answer", "Does an attack move what the layers receive?"),
            Part("4", "stronger-answer", "Do other statistics help, also against a stronger attack?"),
            Part("5", "luck", "What does RobustNorm divide by, and does it keep more photos?"),
            Part("6", "training-answer", "Is it robust, or was the attack weak?"),
        ),
    ),
)


def find(minutes: str) -> Path | None:
    return next((path for path in PATHS if str(path.minutes) == minutes), None)
