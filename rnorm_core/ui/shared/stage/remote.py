"""The presenter's remote control: forward and back by a clicker's keys, full screen, and the way out."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import streamlit as st
from streamlit.components.v2 import component

from rnorm_core.ui.shared.navigation import PAGES
from rnorm_core.ui.shared.stage import address

# The pages that a presenter walks along: those with a figure that is not part of a lesson.
WALK = tuple(name for name in PAGES if name not in {"lessons", "room", "teach"})
BACK, FORWARD = "back", "forward"
_HERE, _KEY = Path(__file__).parent, "remote"
_mount = component(
    "remote",
    css=(_HERE / "remote.css").read_text("utf-8"),
    js="\n".join((_HERE / name).read_text("utf-8") for name in ("fit.js", "remote.js")),
    isolate_styles=False,
)


@dataclass(frozen=True)
class Ways:
    """Where the presenter can go. place: where the presenter is. ways: BACK, FORWARD or a letter, A to F -> (label,
    action). leave: the way out of the page, None to show the page as usual.
    """

    place: str = ""
    ways: Mapping[str, tuple[str, Callable[[], object]]] | None = None
    leave: Callable[[], object] | None = None


_lead: ContextVar[Ways | None] = ContextVar("ways", default=None)


def lead(ways: Ways) -> None:
    """A page's own ways, in place of those to the other pages."""
    _lead.set(ways)


def remote(page: str) -> None:
    """Call it when the page is complete."""
    found = _lead.get() or _along_pages(page)
    _lead.set(None)
    ways = found.ways or {}

    def go() -> None:
        where = st.session_state[_KEY].go
        if where == "leave":
            (found.leave or leave)()
        elif where in ways:
            ways[where][1]()

    labels = {way: label for way, (label, _) in ways.items()}
    _mount(key=_KEY, data={"place": found.place, "ways": labels}, on_go_change=go)


def leave() -> None:
    """Shows the page as usual, with the same choices."""
    for key in (address.PRESENT, address.CONTROLS):
        if key in st.query_params:
            del st.query_params[key]


def _along_pages(page: str) -> Ways:
    if page not in WALK:
        return Ways()
    at = WALK.index(page)
    near = {BACK: at - 1, FORWARD: at + 1}
    there = {way: WALK[i] for way, i in near.items() if 0 <= i < len(WALK)}
    ways = {way: (PAGES[name].title, partial(_switch, name)) for way, name in there.items()}
    return Ways(f"{at + 1} of {len(WALK)}", ways)


def _switch(page: str) -> None:
    st.switch_page(PAGES[page].path, query_params={address.PRESENT: "1"})
