"""The page for teachers: paths, lessons, the vote, and what a class needs."""

import streamlit as st

from rnorm_core.classroom import lessons, paths
from rnorm_core.classroom.lessons import Lesson, Predict
from rnorm_core.classroom.paths import PATHS, Part, Path
from rnorm_core.ui.lessons import question, words
from rnorm_core.ui.lessons.view import sheets_to_print
from rnorm_core.ui.shared.guard import problems
from rnorm_core.ui.shared.guard import show as show_error
from rnorm_core.ui.shared.navigation import door, way
from rnorm_core.ui.shared.panels import sections
from rnorm_core.ui.shared.plain_text import sentence
from rnorm_core.ui.shared.stage import address

ANSWER = (
    "With a projector and a clicker: **ask, let the class vote, then show the experiment that answers.** Take a path "
    "of 15 or 45 minutes, or single lessons."
)
ALL, VOTE, BEFORE = "All lessons", "Ask the class", "Before class"
PARTS: dict[str, tuple[str, ...]] = {
    **{path.name: () for path in PATHS}, ALL: (), VOTE: (), BEFORE: (),
}  # fmt: skip
ON_SCREEN = (
    "**Page Down** and **Page Up** go forward and back, as a clicker does. The letter of a choice makes the class's "
    "prediction; no experiment is shown before it. **F** is full screen, **Escape** leaves."
)
ABOUT_VOTE = """
1. Open a room on the page *Class vote*, in a second tab beside the lesson. It shows a QR code and a short code. *Copy
   your own link* opens the room on your phone, too, where the class does not see the advice.
2. Students join with their phones: no account, no app, no name.
3. Ask a question. They vote, alone. The screen shows how many have answered, not what.
4. Close the vote. *Advice for you* says what to do: explain, discuss and vote again, or go on.
5. Reveal the result. In the lesson, press the letter of the answer that most have chosen, and see what is measured.
"""
ABOUT_CLASS = """
- **Students need** a phone with a browser, for the vote and for lessons of their own. No account and no app.
- **The server** is this computer in the same network as the phones, or a Space. The page *Class vote* says which
  address phones use. No internet is needed.
- **The screen.** *Copy link* on every page has the presenter's view: one figure in large type, and only the controls
  that you name. It can also lock the settings; a click unlocks them.
- **Paper.** Each lesson has a worksheet, without answers, and a teacher's sheet with answers, timing and what students
  usually say. Each is a web page: open the file, and print it.

**For whoever runs the server**
- `RNORM_URL` sets the address of the app, for phones, links and paper.
- `DATABASE_URL` names the database that keeps the votes. Without it they are in a file on the server.
- `RNORM_LESSONS=DIR` adds lessons of your own, which are folders;
  `python -m rnorm_core.classroom check DIR` checks them.
"""


def show() -> None:
    for error in lessons.problems():
        show_error(error)
    parts = sections(PARTS, "plan")
    for path in PATHS:
        with parts[path.name] as part:
            if part.open:
                _path(path)
    with parts[ALL]:
        if parts[ALL].open:
            for lesson in lessons.all():
                _lesson(lesson)
    with parts[VOTE]:
        if parts[VOTE].open:
            st.markdown(ABOUT_VOTE)
            door("room", "Open a room")
    with parts[BEFORE]:
        if parts[BEFORE].open:
            st.markdown(ABOUT_CLASS)


def _path(path: Path) -> None:
    """Its parts with their times; each begins in the presenter's view and goes on to the next."""
    st.markdown(f"{path.about} {ON_SCREEN}")
    begin = 0.0
    for part in path.parts:
        with problems():
            _part(path, part, begin)
            begin += part.minutes


def _part(path: Path, part: Part, begin: float) -> None:
    lesson, last = part.lesson, len(part.steps)
    with st.container(border=True, key=f"part {path.minutes} {part.id}"):
        time, text, ways = st.columns([1.5, 4, 1.6], vertical_alignment="center", gap="medium")
        time.markdown(f"**{begin:g} to {begin + part.minutes:g} min**")
        steps = "all steps" if last == len(lesson.steps) else f"steps 1 to {last} of {len(lesson.steps)}"
        questions = sum(isinstance(step, Predict) for step in part.steps)
        to_ask = f"{questions} question{'s' * (questions != 1)} to the class."
        text.markdown(f"**Lesson {lesson.id}, {sentence(lesson.title)}**, {steps}  \n{part.asks} {to_ask}")
        with ways:
            way("lessons", f"Show lesson {lesson.id}", on_screen(lesson, path))


def _lesson(lesson: Lesson) -> None:
    with st.container(border=True, key=f"lesson {lesson.id}"):
        st.markdown(f"**{lesson.id}. {sentence(lesson.title)}**  \n{sentence(lesson.goal)}")
        with st.container(horizontal=True, vertical_alignment="center"):
            way("lessons", f"Show lesson {lesson.id}", on_screen(lesson))
            sheets_to_print(lesson)
            st.caption(words.minutes(lesson), width="content")


def on_screen(lesson: Lesson, path: paths.Path | None = None) -> dict[str, list[str]]:
    """The address of the lesson's first step in the presenter's view."""
    chosen = {question.LESSON: [lesson.id], question.STEP: ["1"], address.PRESENT: ["1"]}
    return chosen if path is None else chosen | {question.PATH: [str(path.minutes)]}
