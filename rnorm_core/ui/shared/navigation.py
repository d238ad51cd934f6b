"""All pages, and the doors from one page to another."""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException

from rnorm_core import zoo

_ROOT = Path(__file__).resolve().parents[3]
_HERE, _PASSED, _TAKEN = "_page", "_passed", "_taken"  # in the session


@dataclass(frozen=True)
class Place:
    """A page as the navigation shows it; `file` is relative to the checkout."""

    file: str
    title: str
    icon: str

    @property
    def path(self) -> Path:
        """Absolute, because Streamlit looks for pages beside its script, which is the router."""
        return _ROOT / self.file


PAGES = {
    "start": Place("pages/start.py", "Start", ":material/home:"),
    "craft": Place("pages/craft.py", "Craft an attack", ":material/construction:"),
    "accuracy": Place("pages/accuracy.py", "Accuracy", ":material/show_chart:"),
    "shift": Place("pages/shift.py", "Statistic shift", ":material/ssid_chart:"),
    "inside": Place("pages/inside.py", "Inside RobustNorm", ":material/frame_inspect:"),
    "corruptions": Place("pages/corruptions.py", "A natural shift", ":material/foggy:"),
    "whose": Place("pages/whose.py", "Whose statistics?", ":material/groups:"),
    "honesty": Place("pages/honesty.py", "Is it really robust?", ":material/verified_user:"),
    "models": Place("pages/models.py", "Models", ":material/pets:"),
    "paper": Place("pages/paper.py", "The paper, claim by claim", ":material/fact_check:"),
}


def enter(page: str) -> None:
    """Note which page is shown, for the doors on it."""
    st.session_state[_HERE] = page
    if taken := st.session_state.pop(_TAKEN, None):
        # A new widget takes its value from the session, but does not write it into its address. Here it can be written:
        # the last page's widgets are gone and this one's are not there yet.
        st.query_params.update({key: _text(value) for key, value in taken.items()})


def to_top() -> None:
    """Shows the page from its top when a door on it was taken; from one page to another Streamlit does so itself."""
    if passed := st.session_state.pop(_PASSED, None):
        # With a new number each time, because the browser runs no script twice.
        script = f"<script>/* {passed} */ document.querySelector('[data-testid=stMain]').scrollTo(0, 0)</script>"
        st.html(script, unsafe_allow_javascript=True)


def door(page: str, label: str, **settings: Any) -> None:
    """A button or link to `page`, which may be the current page. `settings` are values by the keys of its widgets.

    Other choices of the page do not change. On a page that runs alone, without the others, a link is only a text.
    """
    place = PAGES[page]
    if settings:
        # A link is not enough: an address can neither set a default value nor change a widget that is on the screen.
        key = f"door {page} {sorted(settings.items())}"
        icon = ":material/tune:" if st.session_state.get(_HERE) == page else place.icon
        st.button(label, key=key, icon=icon, on_click=_pass, args=(page, settings))
        return
    try:
        st.page_link(place.path, label=label, icon=place.icon)
    except StreamlitAPIException:
        st.caption(f"{label} ({place.title})")


def with_networks(dataset: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The same settings; the norms under `left` and `right` become the names of the data set's plain networks."""
    return {key: zoo.plain(dataset, value) if key in ("left", "right") else value for key, value in settings.items()}


def _pass(page: str, settings: dict[str, Any]) -> None:
    for key, value in settings.items():
        st.session_state[key] = value
    if st.session_state.get(_HERE) == page:
        st.session_state[_PASSED] = uuid.uuid4().hex
    else:
        st.session_state[_TAKEN] = settings
        # Without query_params Streamlit clears the address, which fails if a widget of this page is bound to it.
        st.switch_page(PAGES[page].path, query_params={})


def _text(value: Any) -> str | list[str]:
    """A setting as the address writes it."""
    if isinstance(value, list):
        return [str(one) for one in value]
    return f"{value:g}" if isinstance(value, float) else str(value)
