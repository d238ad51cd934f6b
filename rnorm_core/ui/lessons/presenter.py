"""Lessons in the presenter's view: the list, the ways of the remote control, and the class's prediction by a letter."""

from collections.abc import Callable
from functools import partial

import streamlit as st

from rnorm_core.classroom import lessons
from rnorm_core.classroom.lessons import Lesson, Predict
from rnorm_core.classroom.paths import Path
from rnorm_core.classroom.question import letter
from rnorm_core.ui.lessons import question
from rnorm_core.ui.lessons.question import Where
from rnorm_core.ui.shared.navigation import PAGES
from rnorm_core.ui.shared.plain_text import sentence
from rnorm_core.ui.shared.stage import address, places, remote
from rnorm_core.ui.shared.stage.remote import BACK, FORWARD, Ways


def show_list() -> None:
    if not address.presents():
        return
    with places.figure():
        st.markdown("\n".join(f"- **{lesson.id}. {sentence(lesson.title)}**" for lesson in lessons.all()))
    first = next(iter(lessons.all()), None)
    ways = {FORWARD: (first.title, partial(question.go, first))} if first else {}
    remote.lead(Ways("lessons", ways))


def lead(where: Where, next_lesson: Lesson | None) -> None:
    """To the steps before and after this one; while a prediction is missing, only back and to an answer."""
    lesson, step, path = where.lesson, where.step, question.path()
    ways = {}
    if before := _near(where, -1, path, None):
        ways[BACK] = _way(*before)
    if isinstance(step, Predict) and question.predicted(lesson, step) is None:
        for i, answer in enumerate(step.answers):
            ways[letter(i)] = answer.text, partial(question.give, where, i)
    elif after := _near(where, 1, path, next_lesson):
        ways[FORWARD] = _way(*after)
    part = path and path.part(lesson.id, where.shown)
    steps, note = (part.steps, " in this path") if part else (lesson.steps, "")
    place = f"lesson {lesson.id}, {where.shown + 1} of {len(steps)}{note}"
    remote.lead(Ways(place, ways, partial(_to_teach, path) if path else None))


def _to_teach(path: Path) -> None:
    st.switch_page(PAGES["teach"].path, query_params={"plan": path.name})


def _near(where: Where, by: int, path: Path | None, next_lesson: Lesson | None) -> tuple[Lesson, int] | None:
    """The step before or after this one: on the path that the address names, else in the lesson."""
    lesson, index = where.lesson, where.shown
    if path and path.part(lesson.id, index):
        return path.near(lesson.id, index, by)
    if 0 <= index + by < len(lesson.steps):
        return lesson, index + by
    return (next_lesson, 0) if next_lesson else None


def _way(lesson: Lesson, index: int) -> tuple[str, Callable[[], None]]:
    return lesson.steps[index].title, partial(question.go, lesson, index)
