"""All pages, and the doors from one page to another."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component
from streamlit.errors import StreamlitAPIException

from rnorm_core import zoo
from rnorm_core.ui.shared.stage import address, places

_ROOT = Path(__file__).resolve().parents[3]
_HERE, _PASSED, _TAKEN = "_page", "_passed", "_taken"  # in the session


@dataclass(frozen=True)
class Place:
    """A page as the navigation shows it; `file` is relative to the checkout."""

    file: str
    title: str
    icon: str
    group: str

    @property
    def path(self) -> Path:
        """Absolute, because Streamlit looks for pages beside its script, which is the router."""
        return _ROOT / self.file


LEARN, UNDERSTAND, MEASURE, CHECK = "Learn", "Understand", "Measure", "Check"
PAGES = {
    "start": Place("pages/start.py", "Start", ":material/home:", LEARN),
    "lessons": Place("pages/lessons.py", "Lessons", ":material/school:", LEARN),
    "teach": Place("pages/teach.py", "Teach", ":material/co_present:", LEARN),
    "room": Place("pages/room.py", "Class vote", ":material/how_to_vote:", LEARN),
    "glossary": Place("pages/glossary.py", "Glossary", ":material/menu_book:", LEARN),
    "craft": Place("pages/craft.py", "Craft an attack", ":material/construction:", UNDERSTAND),
    "inside": Place("pages/inside.py", "Inside a norm layer", ":material/frame_inspect:", UNDERSTAND),
    "shift": Place("pages/shift.py", "Statistic shift", ":material/ssid_chart:", UNDERSTAND),
    "accuracy": Place("pages/accuracy.py", "Accuracy", ":material/show_chart:", MEASURE),
    "batch": Place("pages/batch.py", "Batch statistics", ":material/groups:", MEASURE),
    "paper": Place("pages/paper.py", "The paper", ":material/fact_check:", CHECK),
    "honesty": Place("pages/honesty.py", "Is it really robust?", ":material/verified_user:", CHECK),
    "models": Place("pages/models.py", "Models", ":material/pets:", CHECK),
}
# Addresses that pages had before: the page they lead to, and what to choose there.
MOVED: dict[str, tuple[str, dict[str, str]]] = {
    "whose": ("batch", {}),
    "corruptions": ("batch", {"part": "Corruptions"}),
}
RENAMED = {"Counted anew": "PreciseBN"}  # choices in such addresses: what they are called now

# In the browser, when a page begins.
_arrive = component("arrival", js=Path(__file__).with_name("arrival.js").read_text("utf-8"), isolate_styles=False)


def enter(page: str) -> dict[str, Any] | None:
    """Notes which page is shown, for the doors on it. Returns what `arrive` needs if the visitor comes to the page."""
    before, passed = st.session_state.get(_HERE), st.session_state.pop(_PASSED, None)
    st.session_state[_HERE] = page
    if taken := st.session_state.pop(_TAKEN, None):
        # A new widget takes its value from the session, but does not write it into its address. Here it can be written:
        # the last page's widgets are gone and this one's are not there yet.
        st.query_params.update({key: _text(value) for key, value in taken.items()})
    if passed is None and before in (None, page):  # the first page of a visit: whoever opens the list means it
        return None
    return {"number": uuid.uuid4().hex, "passed": passed is not None, "part": passed or ""}


def arrive(arrival: dict[str, Any]) -> None:
    """Shows the part that a door leads to. It takes a line, so it comes last: otherwise it would move the page."""
    _arrive(key="arrival", data=arrival)


def door(page: str, label: str, *, to: str = "", **settings: Any) -> None:
    """A button or link to `page`, which may be the current page. `settings` are values by the keys of its widgets.

    to: the key of the element there that changes; it is scrolled to and marked. Without it the page is shown from its
    top. Other choices of the page do not change. On a page that runs alone, without the others, a link is only a text.
    """
    with places.at(places.BACKSTAGE):
        _door(page, label, to, settings)


def _door(page: str, label: str, to: str, settings: dict[str, Any]) -> None:
    place = PAGES[page]
    if settings or to:
        # A link is not enough: an address can neither set a default value nor change a widget that is on the screen.
        key = f"door {page} {to} {sorted(settings.items())}"
        here = st.session_state.get(_HERE) == page
        st.button(
            label, key=key, icon=":material/tune:" if here else place.icon, on_click=_pass, args=(page, to, settings),
            disabled=here and address.is_locked(),
        )  # fmt: skip
        return
    try:
        st.page_link(place.path, label=label, icon=place.icon)
    except StreamlitAPIException:
        st.caption(f"{label} ({place.title})")


def way(page: str, label: str, address: Mapping[str, Sequence[str]], **options: Any) -> None:
    """A button to another page with these choices, as its address names them; the page names those it cannot use."""
    st.button(
        label, key=f"way {page} {label}", icon=PAGES[page].icon, on_click=_go, args=(page, dict(address)), **options
    )


def with_networks(dataset: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The same settings; the norms under `left` and `right` become the names of the data set's plain networks."""
    return {key: zoo.plain(dataset, value) if key in ("left", "right") else value for key, value in settings.items()}


def _pass(page: str, to: str, settings: dict[str, Any]) -> None:
    for key, value in settings.items():
        st.session_state[key] = value
    st.session_state[_PASSED] = to
    if st.session_state.get(_HERE) != page:
        st.session_state[_TAKEN] = settings
        # Without query_params Streamlit clears the address, which fails if a widget of this page is bound to it.
        st.switch_page(PAGES[page].path, query_params={})


def _go(page: str, address: dict[str, Sequence[str]]) -> None:
    st.session_state[_PASSED] = ""
    st.switch_page(PAGES[page].path, query_params=address)


def _text(value: Any) -> str | list[str]:
    """A setting as the address writes it."""
    if isinstance(value, list):
        return [str(one) for one in value]
    return f"{value:g}" if isinstance(value, float) else str(value)
