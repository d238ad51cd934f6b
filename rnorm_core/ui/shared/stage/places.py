"""The presenter's view of a page: its question, its answer and its first figure, in large type, and a few controls.

A page runs in this view as it always does, so that no choice is lost. Only the places differ: what does not belong on
the stage is drawn backstage, where nobody sees it.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rnorm_core.ui.shared.stage import address

NOTICES, TITLE, ANSWER, CONTROLS, FIGURE, BACKSTAGE = "notices", "title", "answer", "controls", "figure", "backstage"
_STYLE = f"<style>{Path(__file__).with_name('stage.css').read_text('utf-8')}</style>"
_places: ContextVar[dict[str, DeltaGenerator] | None] = ContextVar("places", default=None)  # None in the usual view


@contextmanager
def stage(*, whole: bool = False) -> Iterator[None]:
    """Draws what is inside as the address says. whole: all of it is on the stage."""
    if address.presents():
        st.html(_STYLE)
    if whole or not address.presents():
        yield
        return
    with st.container(key="stage"):
        shown = {name: st.container(key=f"stage_{name}") for name in (NOTICES, TITLE, ANSWER)}
        shown[CONTROLS] = st.container(key="stage_controls", horizontal=True, vertical_alignment="bottom")
        shown[FIGURE] = st.container(key="stage_figure")
    backstage = st.container(key=BACKSTAGE)
    token = _places.set({**shown, BACKSTAGE: backstage})
    try:
        with backstage:
            yield
    finally:
        _places.reset(token)


def at(name: str) -> AbstractContextManager[object]:
    """The place of that name; in the usual view, where the page is."""
    places = _places.get()
    return nullcontext() if places is None else places[name]


def figure() -> DeltaGenerator:
    """A container for a figure. The first of a page is the one on the stage."""
    places = _places.get()
    if places is None:
        return st.container()
    return places.pop(FIGURE, None) or st.container()


def control(key: str) -> AbstractContextManager[object]:
    """The place of the control with this key: on the stage if the address names it, else backstage."""
    return at(CONTROLS if key in address.controls() else BACKSTAGE)
