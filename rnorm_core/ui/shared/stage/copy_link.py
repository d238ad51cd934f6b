"""A link to the page as it is now: with all its settings, as the presenter's view or not, locked or not."""

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from urllib.parse import urlencode

import streamlit as st
from streamlit.elements.lib.mutable_popover_container import PopoverContainer

from rnorm_core.ui.shared import query_params, server_address
from rnorm_core.ui.shared.query_params import Drawn
from rnorm_core.ui.shared.stage import address

_button: ContextVar[PopoverContainer | None] = ContextVar("copy_link", default=None)


def button() -> None:
    """The place of the button. `fill` is called when the page is complete and its settings are known."""
    if not address.presents():
        help_text = "A link to this page as it is now."
        _button.set(st.popover("Copy link", icon=":material/link:", key="copy_link", on_change="rerun", help=help_text))


def bar() -> None:
    """The bar above a page that has no settings."""
    with st.container(horizontal=True, horizontal_alignment="right", key="settings_bar"):
        button()


def fill(page: str) -> None:
    popover = _button.get()
    _button.set(None)
    if popover is not None and popover.open:
        with popover:
            st.fragment(_choose)(_base(page), query_params.drawn())


def link(base: str, drawn: Mapping[str, Drawn], stage: Mapping[str, str]) -> str:
    """The whole address. Streamlit leaves defaults out of it; here they are written, too, so that it sets all."""
    values = [(key, value) for key, one in drawn.items() for value in one.values]
    return f"{base}?{urlencode([*values, *stage.items()])}"


def _choose(base: str, drawn: Mapping[str, Drawn]) -> None:
    """Runs alone when a choice changes: the page stays as it is."""
    stage = {}
    if st.toggle("Presenter's view", key="link_present", help="One figure in large type, for a projector."):
        stage[address.PRESENT] = "1"
        if kept := _controls(drawn):
            stage[address.CONTROLS] = ",".join(kept)
    if st.toggle("Lock the settings", key="link_lock", help="Who opens the link can unlock them with one click."):
        stage[address.LOCK] = "1"
    whole = link(base, drawn, stage)
    st.code(whole, language=None, wrap_lines=True)
    st.link_button("Open it", whole, icon=":material/open_in_new:")
    st.caption("The link has all settings of this page. Your own images and weights are not in it.")


def _controls(drawn: Mapping[str, Drawn]) -> Sequence[str]:
    labels = {key: one.label for key, one in drawn.items() if one.label}
    return st.multiselect(
        "Controls to keep", list(labels), format_func=labels.__getitem__, key="link_controls",
        help="All others are hidden in the presenter's view.",
    )  # fmt: skip


def _base(page: str) -> str:
    """The page's address without its settings: below the app's given address, else as the browser asked for it."""
    path = "" if page == "start" else page
    if root := server_address.given():
        return f"{root}/{path}"
    return (st.context.url or f"/{path}").split("?")[0]
