"""Where the learner is, what was predicted, and which step may be seen. The address names lesson and step alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import streamlit as st

from rnorm_core.classroom import lessons, paths
from rnorm_core.classroom.lessons import Lesson, Predict, Step
from rnorm_core.classroom.paths import Path
from rnorm_core.ui.shared import query_params
from rnorm_core.ui.shared.plain_text import as_code
from rnorm_core.ui.shared.stage import address

# In the address; the step is counted from 1. path: the minutes of the way that a presenter follows.
LESSON, STEP, PATH = "lesson", "step", "path"
# In the session: key of a prediction -> index of the chosen answer; predictions that were taken back; and the last step
# that was seen of each lesson.
_PREDICTIONS, _FORGOTTEN, _SEEN = "_predictions", "_forgotten", "_lessons_seen"
_MOST = 400  # predictions that a browser may bring


@dataclass(frozen=True)
class Where:
    """asked: index of the step that the address names. shown: the step that may be seen, an earlier one if a prediction
    before `asked` is missing.
    """

    lesson: Lesson
    asked: int
    shown: int

    @property
    def step(self) -> Step:
        return self.lesson.steps[self.shown]

    @property
    def is_held(self) -> bool:
        return self.shown != self.asked


def chosen() -> Where | None:
    """The place that the address names; None for the list. A lesson or step that is not there is named in a notice."""
    query_params.reserve(LESSON, STEP, PATH)
    id_, number = st.query_params.get(LESSON, ""), st.query_params.get(STEP, "1")
    if not id_:
        return None
    lesson = next((lesson for lesson in lessons.all() if lesson.id == id_), None)
    if lesson is None:
        _notice(LESSON, id_, "there is no such lesson")
        return None
    if not number.isdecimal() or not 1 <= int(number[:4]) <= len(lesson.steps):
        _notice(STEP, number, f"lesson {id_} has the steps 1 to {len(lesson.steps)}")
        number = "1"
    asked = int(number[:4]) - 1
    st.session_state.setdefault(_SEEN, {})[id_] = asked
    query_params.note(LESSON, "", [id_])
    query_params.note(STEP, "", [str(asked + 1)])
    return Where(lesson, asked, allowed(lesson, asked, predictions()))


def path() -> Path | None:
    """The path that the address names; a notice if there is no such path."""
    minutes = st.query_params.get(PATH, "")
    found = paths.find(minutes)
    if minutes and found is None:
        _notice(PATH, minutes, f"the paths are {' and '.join(str(path.minutes) for path in paths.PATHS)}")
    elif minutes:
        query_params.note(PATH, "", [minutes])
    return found


def allowed(lesson: Lesson, asked: int, known: Mapping[str, int]) -> int:
    """The index of the step that may be seen: the first prediction before `asked` that is missing, else `asked`."""
    for i, step in enumerate(lesson.steps[:asked]):
        if isinstance(step, Predict) and predicted(lesson, step, known) is None:
            return i
    return asked


def predicted(lesson: Lesson, step: Predict, known: Mapping[str, int] | None = None) -> int | None:
    """The index of the answer that was given, None without one."""
    index = (predictions() if known is None else known).get(key(lesson, step))
    return index if index is not None and 0 <= index < len(step.answers) else None


def predictions() -> dict[str, int]:
    return st.session_state.setdefault(_PREDICTIONS, {})


def key(lesson: Lesson, step: Step) -> str:
    return f"{lesson.folder}/{step.name}"


def seen(lesson: Lesson) -> int | None:
    """The index of the step of this lesson that was seen last."""
    return st.session_state.get(_SEEN, {}).get(lesson.id)


# --- callbacks


def go(lesson: Lesson | None = None, index: int = 0) -> None:
    """Shows a step, or the list."""
    kept = {key: st.query_params[key] for key in (*address.KEYS, PATH) if key in st.query_params}
    st.query_params.from_dict(({LESSON: lesson.id, STEP: str(index + 1)} if lesson else {}) | kept)


def predict(where: Where, widget: str) -> None:
    """Keeps the answer that is chosen in `widget`."""
    if (index := st.session_state.get(widget)) is not None:
        give(where, index)


def give(where: Where, index: int) -> None:
    """Keeps an answer. Where the address does not ask for a later step, goes on."""
    step = where.step
    predictions()[key(where.lesson, step)] = index
    _forgotten().discard(key(where.lesson, step))
    if not where.is_held:
        go(where.lesson, where.shown + 1)


def begin_again(lesson: Lesson) -> None:
    """Takes the predictions of a lesson back, here and in the browser."""
    for step in lesson.predictions:
        predictions().pop(key(lesson, step), None)
        _forgotten().add(key(lesson, step))
    go(lesson)


# --- what the browser keeps, for a session that the server has lost


def for_browser() -> dict[str, Any]:
    return {"predictions": predictions(), "forgotten": sorted(_forgotten())}


def take_back(kept: object) -> None:
    """Predictions that the browser has kept; what is here already stays, and what was taken back stays away."""
    if not isinstance(kept, Mapping):
        return
    for name, index in list(kept.items())[:_MOST]:
        sound = isinstance(name, str) and len(name) < 200 and isinstance(index, int) and 0 <= index < 6
        if sound and name not in _forgotten():
            predictions().setdefault(name, index)


def _forgotten() -> set[str]:
    return st.session_state.setdefault(_FORGOTTEN, set())


def _notice(name: str, value: str, why: str) -> None:
    st.warning(f"{as_code(f'{name}={value}')} in the address is not used: {why}.", icon=":material/link_off:")
