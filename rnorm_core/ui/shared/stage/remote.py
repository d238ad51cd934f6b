"""The presenter's remote control: forward and back by a clicker's keys, full screen, and the way out."""

from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from rnorm_core.ui.shared.navigation import PAGES
from rnorm_core.ui.shared.stage import address

WALK = tuple(PAGES)  # the pages that a presenter walks along
_HERE, _KEY = Path(__file__).parent, "remote"
_mount = component(
    "remote",
    css=(_HERE / "remote.css").read_text("utf-8"),
    js="\n".join((_HERE / name).read_text("utf-8") for name in ("fit.js", "remote.js")),
    isolate_styles=False,
)


def remote(page: str) -> None:
    """Walks along the pages in the order of the navigation."""
    at = WALK.index(page)
    ways = {"back": WALK[at - 1] if at else "", "forward": (*WALK, "")[at + 1]}

    def go() -> None:
        where = st.session_state[_KEY].go
        if where == "leave":
            leave()
        elif there := ways.get(where):
            st.switch_page(PAGES[there].path, query_params={address.PRESENT: "1"})

    titles = {way: PAGES[there].title if there else "" for way, there in ways.items()}
    _mount(key=_KEY, data={"place": f"{at + 1} of {len(WALK)}", **titles}, on_go_change=go)


def leave() -> None:
    """Shows the page as usual, with the same choices."""
    for key in (address.PRESENT, address.CONTROLS):
        if key in st.query_params:
            del st.query_params[key]
