"""The part of a lesson that lives in the browser: it keeps predictions, and turns keys into steps."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from rnorm_core.ui.lessons import question

# The text and not the path, because Streamlit serves files of installed packages only.
_mount = component(
    "lesson_companion", js=Path(__file__).with_name("companion.js").read_text("utf-8"), isolate_styles=False
)
KEY = "companion"


def show(place: str, said: str) -> None:
    """place: changes with every step. said: for those who cannot see that the step has changed."""

    def take() -> None:
        question.take_back(st.session_state[KEY].kept)

    _mount(key=KEY, data=question.for_browser() | {"place": place, "said": said}, on_kept_change=take)
