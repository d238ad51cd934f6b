"""Wraps a page: shows errors that concern the visitor, and names values of the address that cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from rnorm_core.errors import UserError
from rnorm_core.ui.shared import navigation, query_params, theme
from rnorm_core.ui.shared.live_job import one_thread
from rnorm_core.ui.shared.plain_text import sentence


@contextmanager
def guard(page: str) -> Iterator[None]:
    """Shows a UserError as a box with the problem and the remedy. Any other exception is a defect and is not caught."""
    one_thread()
    theme.apply_look()
    arrival = navigation.enter(page)
    top = st.container()
    with problems():
        yield
    with top:
        query_params.notices()
    if arrival:
        navigation.arrive(arrival)


@contextmanager
def problems() -> Iterator[None]:
    """Wraps a part of a page: shows a UserError in its place; the rest of the page is drawn as usual."""
    try:
        yield
    except UserError as error:
        show(error)


def show(error: UserError) -> None:
    st.error(f"**{sentence(error.what)}**\n\nTo fix this: {sentence(error.fix)}", icon=":material/error:")
