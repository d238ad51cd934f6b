"""Around a page: errors that are for people are shown to them, and choices that could not be used are named."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from rnorm_core.errors import UserError
from rnorm_core.ui import doors, look, url
from rnorm_core.ui.run import one_thread


@contextmanager
def guard(page: str) -> Iterator[None]:
    """Shows a UserError as a box that says what is wrong and what to do. Any other exception is a defect: it passes."""
    one_thread()
    look.apply_look()
    doors.enter(page)
    top = st.container()
    with top:
        doors.to_top()
    with problems():
        yield
    with top:
        url.notices()


@contextmanager
def problems() -> Iterator[None]:
    """Within a page: a UserError is shown in its place, and the page goes on below."""
    try:
        yield
    except UserError as error:
        show(error)


def show(error: UserError) -> None:
    st.error(f"**{error.what}**\n\nTo fix this: {error.fix}", icon=":material/error:")
