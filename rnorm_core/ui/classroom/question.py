"""What to ask the class: a question of a lesson, or one of the teacher's own."""

import streamlit as st

from rnorm_core.classroom.question import Choice, Question
from rnorm_core.classroom.vote import bounds
from rnorm_core.ui.classroom import words

NO_RIGHT = "no right answer"


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
