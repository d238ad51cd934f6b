"""What to ask the class: a question of a lesson, or one of the teacher's own."""

import streamlit as st

from rnorm_core.classroom import lessons
from rnorm_core.classroom.lessons import Lesson, Predict, texts
from rnorm_core.classroom.question import Choice, Question, letter
from rnorm_core.classroom.vote import bounds
from rnorm_core.ui.classroom import words
from rnorm_core.ui.shared.plain_text import sentence

NO_RIGHT = "no right answer"
LESSON = "room_lesson"  # key of the choice
ASK = "ask"  # in the address: the source of a question, which a lesson's door names


def key(lesson: str) -> str:
    """Of the choice of a question. Each lesson has its own: with one for all, the browser shows the last lesson's."""
    return f"room_question {lesson}"


def choose_asked() -> bool:
    """Chooses the question that the address names, and takes it out of there. Whether there was one."""
    found = prediction(st.query_params.pop(ASK, ""))
    if found is not None:
        lesson, step = found
        st.session_state[LESSON], st.session_state[key(lesson.id)] = lesson.id, step.name
    return found is not None


def of_lesson(last: str) -> tuple[Question, str] | None:
    """A choice of a lesson's question; once it is asked, it and its source. last: the source of the last question."""
    known = {lesson.id: lesson for lesson in lessons.all()}
    following = _after(last)
    if st.session_state.get(LESSON) not in known:
        st.session_state[LESSON] = following[0]
    lesson = st.selectbox("Lesson", list(known), key=LESSON, format_func=lambda id: f"{id}. {known[id].title}")
    chosen = known[lesson]
    steps = {one.name: one for one in chosen.predictions}
    if st.session_state.get(key(lesson)) not in steps:
        st.session_state[key(lesson)] = following[1] if following[1] in steps else next(iter(steps))
    name = st.selectbox("Question", list(steps), key=key(lesson), format_func=lambda name: steps[name].title)
    lines = [f"**{sentence(steps[name].title)}**"]
    lines += [f"{letter(i)}. {sentence(answer.text)}" for i, answer in enumerate(steps[name].answers)]
    st.markdown("  \n".join(lines))
    if not st.button("Ask the class", type="primary", key="ask"):
        return None
    return plain(lessons.question(steps[name])), f"{chosen.id}/{name}"


def prediction(source: str) -> tuple[Lesson, Predict] | None:
    """The place of a source; None for a teacher's own question, and for a lesson that is no longer there."""
    id, _, name = source.partition("/")
    places = ((lesson, step) for lesson in lessons.all() if lesson.id == id for step in lesson.predictions)
    return next(((lesson, step) for lesson, step in places if step.name == name), None)


def plain(question: Question) -> Question:
    """A lesson's question without the marks of Markdown and of the glossary: phones show texts as they are."""

    def clean(text: str) -> str:
        return texts.unmarked(text).replace("**", "").replace("`", "")

    choices = (Choice(clean(one.text), clean(one.feedback)[: bounds.LETTERS]) for one in question.choices)
    return Question(clean(question.text), tuple(choices), question.right)


def _after(source: str) -> tuple[str, str]:
    """The question that follows in the lessons: (lesson, name)."""
    places = [f"{lesson.id}/{step.name}" for lesson in lessons.all() for step in lesson.predictions]
    following = places.index(source) + 1 if source in places else 0
    lesson, _, name = places[following % len(places)].partition("/")
    return lesson, name


def own() -> Question | None:
    """A form; the question once it is sent."""
    with st.form("own", border=False):
        text = st.text_area("Your question", key="own_text", height=80, max_chars=bounds.LETTERS)
        lines = st.text_area(
            f"Its choices, one on each line ({bounds.CHOICES[0]} to {bounds.CHOICES[-1]})", key="own_choices",
            height=130, max_chars=bounds.CHOICE_LETTERS * len("ABCDEF"),
        )  # fmt: skip
        left, right = st.columns([2, 1], vertical_alignment="bottom")
        chosen = left.selectbox("Which is right?", [NO_RIGHT, *"ABCDEF"], key="own_right")
        sent = right.form_submit_button("Ask the class", type="primary", width="stretch")
    st.caption(words.SEEN)
    if not sent:
        return None
    choices = tuple(Choice(line.strip()) for line in lines.splitlines() if line.strip())
    return Question(text.strip(), choices, None if chosen == NO_RIGHT else "ABCDEF".index(chosen))
