"""Lessons as data: a folder for each, with `lesson.yaml` and one Markdown file for each step.

    lessons.all()            the lessons in their order, those of RNORM_LESSONS at the end
    lessons.problems()       what is wrong with files of lessons, which are then left out
    lessons.find("2")        one of them; UserError for another id
    lesson.steps, lesson.predictions, lesson.minutes
    lessons.question(step)   the question of a `Predict` step, with the right answer computed from shipped results
    lessons.text(lesson, step.body)   a text with its values

`python -m rnorm_core.classroom check [DIR]` checks the files, the values and the answers.
"""

import os
from functools import lru_cache
from pathlib import Path

from rnorm_core.classroom.fields import LessonError, Text
from rnorm_core.classroom.lessons import reading, texts
from rnorm_core.classroom.lessons.lesson import (
    Experiment,
    Lesson,
    Predict,
    Read,
    Reveal,
    Step,
    Try,
    Way,
)
from rnorm_core.classroom.question import Choice, Question
from rnorm_core.errors import UserError

__all__ = [
    "Experiment", "Lesson", "LessonError", "Predict", "Read", "Reveal", "Step", "Text", "Try", "Way", "all", "find",
    "problems", "question", "read_folder", "text",
]  # fmt: skip

SHIPPED = Path(__file__).with_name("shipped")
OUTSIDE = "RNORM_LESSONS"  # names a folder with more lessons
Found = tuple[tuple[Lesson, ...], tuple[LessonError, ...]]


def all() -> tuple[Lesson, ...]:
    """The lessons that are sound, shipped ones first."""
    return _found()[0]


def problems() -> tuple[LessonError, ...]:
    return _found()[1]


def find(id: str) -> Lesson:
    for lesson in all():
        if lesson.id == id:
            return lesson
    known = ", ".join(lesson.id for lesson in all())
    raise UserError(f"There is no lesson {id!r}.", f"choose one of {known}." if known else "restore the lessons.")


def question(step: Predict) -> Question:
    """The question of a prediction. Its right answer is the choice that its rule finds in the experiment's values.

    LessonError if a value is missing, or if no choice or several choices are right; UserError without shipped results.
    """
    values, known = step.experiment.part.values(), {step.experiment.name: step.experiment}
    right = [i for i, answer in enumerate(step.answers) if step.rule.fits(answer.when, values)]
    if len(right) != 1:
        reason = "no choice is right" if not right else "several choices are right"
        raise step.rule.place.error(f"{reason} for the shipped results", "add or change a choice.")
    choices = tuple(Choice(answer.text, texts.filled(answer.feedback, known)) for answer in step.answers)
    return Question(step.title, choices, right[0])


def text(lesson: Lesson, marked: Text) -> str:
    """A text of the lesson with the values of its experiments, in Markdown; glossary words are still marked."""
    return texts.filled(marked, lesson.experiments)


def read_folder(folder: Path) -> Found:
    """All lessons in the folders of a folder, or the one lesson in it, and all that is wrong."""
    if not folder.is_dir():
        fix = f"make the folder, or change {OUTSIDE}."
        return (), (LessonError(str(folder), 1, "there is no such folder", fix),)
    inside = [folder] if (folder / reading.ABOUT).is_file() else sorted(p for p in folder.iterdir() if p.is_dir())
    found, errors = list[Lesson](), list[LessonError]()
    for path in inside:
        if path.name.startswith((".", "__")):
            continue
        one = reading.read(path)
        errors += one.errors
        if one.lesson:
            found.append(one.lesson)
    return tuple(sorted(found, key=lambda lesson: int(lesson.id))), tuple(errors)


def _found() -> Found:
    outside = os.environ.get(OUTSIDE, "")
    folders = (SHIPPED, Path(outside)) if outside else (SHIPPED,)
    return _read(folders, tuple(_stamp(folder) for folder in folders))


@lru_cache(maxsize=4)
def _read(folders: tuple[Path, ...], stamps: tuple) -> Found:
    """Read again when a file changes. A second lesson with the same number is left out."""
    lessons, errors = list[Lesson](), list[LessonError]()
    for folder in folders:
        found, wrong = read_folder(folder)
        errors += wrong
        for lesson in found:
            if any(lesson.id == other.id for other in lessons):
                reason, fix = f"there is another lesson {lesson.id}", "give the folder another number."
                errors.append(LessonError(f"{lesson.folder}/{reading.ABOUT}", 1, reason, fix))
            else:
                lessons.append(lesson)
    return tuple(lessons), tuple(errors)


def _stamp(folder: Path) -> tuple:
    """Changes if a file in the folders of a folder changes."""
    if not folder.is_dir():
        return ()
    paths = sorted([*folder.glob("*.*"), *folder.glob("*/*.*")])
    return tuple((str(path), (status := path.stat()).st_mtime_ns, status.st_size) for path in paths)
