"""The list of lessons, and one step of a lesson, on screen."""

from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any

import streamlit as st

from rnorm_core.classroom import lessons, sheets
from rnorm_core.classroom.lessons import Experiment, Lesson, Predict, Reveal, Text, Try, texts
from rnorm_core.classroom.parts.photos import photos
from rnorm_core.classroom.question import letter
from rnorm_core.ui.lessons import browser, parts, presenter, question, words
from rnorm_core.ui.lessons.question import Where
from rnorm_core.ui.shared import server_address
from rnorm_core.ui.shared.guard import problems
from rnorm_core.ui.shared.navigation import way
from rnorm_core.ui.shared.panels import figure, page_title, pictures
from rnorm_core.ui.shared.plain_text import sentence
from rnorm_core.ui.shared.stage import address, copy_link, places

# A step is read, so its lines are short; its picture may be wide.
_STYLE = """
<style>
.st-key-lesson h1 { font-size: 1.5rem; line-height: 1.3; max-width: 46rem; }
.st-key-lesson [data-testid="stMarkdown"] :is(p, li) { font-size: 1.1rem; line-height: 1.55; max-width: 46rem; }
.st-key-lesson [role="radiogroup"] label p { font-size: 1.05rem; }
.st-key-lesson [data-testid="stMarkdown"] p:has(img) { max-width: none; }
.st-key-lesson [data-testid="stMarkdown"] img { max-width: 100%; }
.st-key-lesson_ways { padding: 0.5rem 0; backdrop-filter: blur(16px); }
[data-testid="stLayoutWrapper"]:has(> .st-key-lesson_ways) { position: sticky; bottom: 0; z-index: 5; }
/* Who reads on a phone is a learner. */
@media (max-width: 640px) { .st-key-lesson h1 { font-size: 1.25rem; } .st-key-lesson_class { display: none; } }
</style>
"""


def show_list() -> None:
    """All lessons that are sound."""
    copy_link.bar()
    page_title(f"Learn it in {len(lessons.all())} lessons")
    st.markdown("Each asks what you expect, shows what happens, and says why. About ten minutes, also on a phone.")
    presenter.show_list()
    for lesson in lessons.all():
        _show_entry(lesson)
    if lessons.problems():
        st.caption(words.LEFT_OUT)
    browser.listen("list", "")


def _show_entry(lesson: Lesson) -> None:
    done = sum(question.predicted(lesson, step) is not None for step in lesson.predictions)
    seen = question.seen(lesson)
    with st.container(border=True, key=f"entry {lesson.id}"):
        st.markdown(f"**{lesson.id}. {sentence(lesson.title)}**  \n{sentence(lesson.goal)}")
        with st.container(horizontal=True, vertical_alignment="center"):
            label, index = (f"Go on at step {seen + 1}", seen) if seen else ("Begin", 0)
            _button(label, f"begin {lesson.id}", partial(question.go, lesson, index), type="primary")
            with st.popover("Print", type="tertiary", icon=":material/print:", key=f"print {lesson.id}"):
                sheets_to_print(lesson)
            st.caption(" · ".join(filter(None, [words.minutes(lesson), words.progress(lesson, done)])), width="content")


def sheets_to_print(lesson: Lesson) -> None:
    """Files to print, made when somebody asks for one."""
    st.caption("A sheet is a web page: open the file, and print it.", width="content")
    root = server_address.find(st.context.url).root
    for label, make, name in (
        ("Worksheet: questions and space", partial(sheets.worksheet, lesson), "worksheet"),
        (
            "Teacher's sheet: answers and timing",
            partial(sheets.teacher_sheet, lesson, root),
            "teacher",
        ),
    ):
        st.download_button(
            label, make, f"lesson-{lesson.id}-{name}.html", "text/html", key=f"{name} {lesson.id}", on_click="ignore"
        )


def show_step(where: Where) -> None:
    """The step that may be seen, and the ways to the next and the last one."""
    lesson, step = where.lesson, where.step
    st.html(_STYLE)
    copy_link.bar()
    with st.container(key="lesson"):
        st.caption(words.where(lesson, where.shown))
        if where.is_held:
            with places.at(places.NOTICES):
                st.info(words.HELD, icon=":material/lock:")
        page_title(sentence(step.title))
        with problems(), figure():
            show(where)
    _ways(where)
    presenter.lead(where, next_lesson(lesson))
    place = words.where(lesson, where.shown)
    browser.listen(f"{lesson.id} {where.shown}", f"{place}: {step.title}")


def show(where: Where) -> None:
    """The content of a step by its type."""
    step = where.step
    if isinstance(step, Reveal):
        _reveal(where.lesson, step)
    with places.at(places.ANSWER) if isinstance(step, Predict | Experiment) else nullcontext():
        _text(where.lesson, step.body)
    if step.photos:
        pictures([(one.image, one.caption, "") for word in step.photos for one in photos(word)])
    match step:
        case Predict():
            _predict(where, step)
        case Experiment():
            parts.show(step.part, question.key(where.lesson, step))
        case Try():
            with places.at(places.BACKSTAGE), st.container(horizontal=True):
                for one in step.ways:
                    way(one.page, sentence(one.label), dict(one.address))


def _predict(where: Where, step: Predict) -> None:
    given, widget = question.predicted(where.lesson, step), f"answer {question.key(where.lesson, step)}"
    st.radio(
        words.prompt(step), range(len(step.answers)), given, key=widget, disabled=given is not None,
        format_func=lambda i: words.choice(step.answers[i].text, letter(i) if address.presents() else ""),
        label_visibility="collapsed",
    )  # fmt: skip
    if address.presents():
        st.caption(words.BY_LETTER if given is None else words.GIVEN_BY_CLASS)
        return
    if given is None:
        with st.container(key="predict"):
            _button(
                "This is my prediction", f"predict {step.name}", partial(question.predict, where, widget),
                type="primary", disabled=st.session_state.get(widget) is None,
            )  # fmt: skip
    else:
        st.caption(words.GIVEN)
    with st.container(key="lesson_class"):
        asked = {"ask": [f"{where.lesson.id}/{step.name}"]}
        way("room", "Ask the class", asked, type="tertiary", help="For teachers: phones vote on this question.")


def _reveal(lesson: Lesson, step: Reveal) -> None:
    asked, given = lessons.question(step.of), question.predicted(lesson, step.of)
    assert given is not None  # `question.allowed` holds back a reveal without a prediction
    assert asked.right is not None
    with st.container(border=True, key="verdict"):
        st.caption(sentence(asked.text))
        st.markdown(words.verdict(asked, given, "The class" if address.presents() else "You"))
        for i in dict.fromkeys((given, asked.right)):
            if asked.choices[i].feedback:
                st.markdown(texts.unmarked(asked.choices[i].feedback))
        if rest := words.other_answers(asked, given):
            with places.at(places.BACKSTAGE), st.expander("Why the other answers are tempting"):
                st.markdown(texts.unmarked(rest))


def _text(lesson: Lesson, marked: Text) -> None:
    """A text with its values; below it each glossary word, which opens on a tap and on a key."""
    if not marked.text:
        return
    st.markdown(texts.unmarked(lessons.text(lesson, marked), "**{}**"))
    entries = texts.words(marked)
    if entries:
        with places.at(places.BACKSTAGE), st.container(horizontal=True, vertical_alignment="center", key="words"):
            st.caption("Words:", width="content")
            for shown, entry in entries.items():
                with st.popover(shown, key=f"word {shown}", type="tertiary", icon=":material/menu_book:"):
                    st.markdown(f"**{entry.term}.** {entry.text}")
                    if entry.formula:
                        st.latex(entry.formula)


def _ways(where: Where) -> None:
    """Buttons, which keys press as well: see `keys.js`."""
    lesson, index = where.lesson, where.shown
    waiting = isinstance(where.step, Predict) and question.predicted(lesson, where.step) is None
    here, last = f"{lesson.id} {index}", index + 1 == len(lesson.steps)
    following = next_lesson(lesson)
    with st.container(horizontal=True, vertical_alignment="center", key="lesson_ways"):
        with st.container(key="lesson_back", width="content"):
            back = partial(question.go, lesson, index - 1)
            _button("Back", f"back {here}", back, icon=":material/arrow_back:", disabled=index == 0)
        with st.container(key="lesson_next", width="content"):
            forward, icon = partial(question.go, lesson, index + 1), ":material/arrow_forward:"
            if not last:
                _button("Next", f"next {here}", forward, icon=icon, icon_position="right", disabled=waiting)
            elif following:
                label = f"Lesson {following.id}: {sentence(following.title)}"
                _button(label, f"next {here}", partial(question.go, following), icon=icon, icon_position="right")
        _button("All lessons", f"list {here}", question.go, type="tertiary")
        if last:
            again = partial(question.begin_again, lesson)
            _button("Begin this lesson again", f"again {here}", again, type="tertiary", icon=":material/replay:")


def next_lesson(lesson: Lesson) -> Lesson | None:
    known = list(lessons.all())
    place = known.index(lesson) + 1 if lesson in known else len(known)
    return known[place] if place < len(known) else None


def _button(label: str, key: str, on_click: Callable[[], None], **options: Any) -> None:
    """A button whose key belongs to one step. In a session that has just replaced a lost one, nobody knows its callback
    yet: there the button says that it was pressed.
    """
    if st.button(label, key=key, on_click=on_click, **options):
        on_click()
        st.rerun()
