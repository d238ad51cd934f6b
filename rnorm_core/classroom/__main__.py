"""`python -m rnorm_core.classroom check [DIR]`: are the lessons in DIR (without it: the shipped ones) sound?"""

import argparse
import sys
from pathlib import Path

from rnorm_core.classroom import lessons
from rnorm_core.classroom.lessons import Lesson, LessonError
from rnorm_core.errors import UserError, one_line_errors


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rnorm_core.classroom", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    check = commands.add_parser("check", help="read lessons, compute their answers, name what is wrong")
    check.add_argument("folder", nargs="?", type=Path, metavar="DIR", help="of lessons, or of one lesson")
    chosen = parser.parse_args(arguments)
    return report(chosen.folder or lessons.SHIPPED)


def report(folder: Path) -> int:
    """Prints each lesson with its answers, and every error. Returns the number of errors, at most 1."""
    found, errors = lessons.read_folder(folder)
    wrong: list[UserError] = [*errors]
    for lesson in found:
        print(f"{lesson.id}. {lesson.title}: {len(lesson.steps)} steps, {lesson.minutes:g} minutes")
        wrong += examine(lesson)
    if not found and not wrong:
        wrong.append(LessonError(str(folder), 1, "it has no lesson", "add a folder `01-my-lesson`."))
    for error in wrong:
        print(f"error: {error}", file=sys.stderr)
    print(f"{len(found)} lessons, {len(wrong)} errors")
    return int(bool(wrong))


def examine(lesson: Lesson) -> list[UserError]:
    """Errors in the texts and answers, which need the shipped results. Prints the right answers."""
    errors = list[UserError]()
    for step in lesson.steps:
        try:
            for text in (step.body, step.teacher):
                lessons.text(lesson, text)
            if isinstance(step, lessons.Experiment):
                step.part.values()
            if isinstance(step, lessons.Predict):
                asked = lessons.question(step)
                assert asked.right is not None
                print(f"   {asked.text}\n      -> {asked.choices[asked.right].text}")
        except UserError as error:
            errors.append(error)
    return errors


if __name__ == "__main__":
    with one_line_errors("run it again"):
        sys.exit(main())
