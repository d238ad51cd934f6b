"""Wraps a page: shows errors that concern the visitor, and names values of the address that cannot be used."""

from collections.abc import Iterator
from contextlib import contextmanager

import streamlit as st

from rnorm_core.errors import UserError
from rnorm_core.ui.keep import shown
from rnorm_core.ui.shared import navigation, query_params, theme
from rnorm_core.ui.shared.live_job import one_thread
from rnorm_core.ui.shared.plain_text import sentence
from rnorm_core.ui.shared.stage import address, copy_link, lock, places
from rnorm_core.ui.shared.stage.remote import remote


@contextmanager
def guard(page: str, *, whole: bool = False) -> Iterator[None]:
    """Shows a UserError as a box with the problem and the remedy. Any other exception is a defect and is not caught.

    whole: whether the presenter's view shows all of the page, and not only its first figure.
    """
    one_thread()
    shown.begin(page)
    theme.apply_look()
    arrival = navigation.enter(page)
    query_params.begin()
    top = st.container()
    with places.stage(whole=whole), problems():
        yield
    with top:
        lock.show()
        query_params.notices()
    copy_link.fill(page)
    if address.presents():
        remote(page)
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
    with places.at(places.NOTICES):
        st.error(f"**{sentence(error.what)}**\n\nTo fix this: {sentence(error.fix)}", icon=":material/error:")
