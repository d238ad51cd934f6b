"""The sentences of the page of lessons. Pure functions, in Markdown."""

from rnorm_core.classroom.lessons import Lesson, Predict
from rnorm_core.classroom.question import Question
from rnorm_core.ui.shared.plain_text import sentence

GIVEN, GIVEN_BY_CLASS = (
    "Your prediction is made. The next step shows what happens.",
    "The class has made its prediction.",
)
BY_LETTER = "What does the class predict? The key of its letter makes the prediction and goes on."
LEFT_OUT = "A lesson is not in this list, because its files have a mistake. The page *Teach* says which."
HELD = "One question comes first: an experiment teaches more to those who have made a prediction."


def where(lesson: Lesson, index: int) -> str:
    return f"Lesson {lesson.id} · {sentence(lesson.title)} · step {index + 1} of {len(lesson.steps)}"


def minutes(lesson: Lesson) -> str:
    return f"{lesson.minutes:.0f} minutes"


def progress(lesson: Lesson, done: int) -> str:
    """How many predictions were made; "" before the first."""
    return f"{done} of {len(lesson.predictions)} predictions made" if done else ""


def choice(text: str, name: str = "") -> str:
    """A choice as Markdown; its numbers keep their unit. name: the letter before it, "" for none."""
    return f"**{name}**  " * bool(name) + sentence(text).replace(" %", "\N{NO-BREAK SPACE}%")


def verdict(question: Question, given: int, who: str = "You") -> str:
    """The prediction against the measurement."""
    assert question.right is not None
    chosen, right = (choice(question.choices[i].text) for i in (given, question.right))
    if given == question.right:
        return f"{who} predicted **{chosen}**. That is what was measured."
    return f"{who} predicted **{chosen}**. Measured: **{right}**."


def other_answers(question: Question, given: int) -> str:
    """Why the wrong answers that were not given are tempting."""
    rest = [one for i, one in enumerate(question.choices) if i not in (given, question.right) and one.feedback]
    return "\n\n".join(f"**{choice(one.text)}.** {one.feedback}" for one in rest)


def prompt(step: Predict) -> str:
    return sentence(step.title)
