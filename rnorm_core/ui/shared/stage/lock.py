"""A page whose link locks its settings: it says so, and has a way out."""

import streamlit as st

from rnorm_core.ui.shared.stage import address

TEXT = "This link locks the settings: the controls in grey cannot be changed."


def show() -> None:
    if address.is_locked():
        with st.container(horizontal=True, vertical_alignment="center", key="lock"):
            st.markdown(f":material/lock: {TEXT}", width="content")
            st.button("Unlock", on_click=_unlock, icon=":material/lock_open:", key="unlock")


def _unlock() -> None:
    del st.query_params[address.LOCK]
