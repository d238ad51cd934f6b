"""The script of the app: page settings and navigation. The pages are in `pages/`."""

from collections.abc import Callable

import streamlit as st

from rnorm_core.ui import warm_up

warm_up.wait()

from rnorm_core.ui.shared.navigation import MOVED, PAGES, RENAMED  # noqa: E402  (only after the warm-up)
from rnorm_core.ui.shared.theme import FAVICON  # noqa: E402

st.set_page_config(page_title="RobustNorm Lab", page_icon=FAVICON, layout="wide", initial_sidebar_state=244)

groups: dict[str, list] = {}
for name, place in PAGES.items():
    page = st.Page(place.path, title=place.title, icon=place.icon, url_path=name, default=name == "start")
    groups.setdefault(place.group, []).append(page)


def moved(name: str) -> Callable[[], None]:
    """The page at an address of old: it leads to the new one, with all that the address says."""

    def lead() -> None:
        page, choices = MOVED[name]
        said = {key: st.query_params.get_all(key) for key in st.query_params}
        asked = {key: [RENAMED.get(value, value) for value in values] for key, values in said.items()}
        st.switch_page(PAGES[page].path, query_params=choices | asked)

    return lead


groups[""] = [st.Page(moved(name), url_path=name, title=name, visibility="hidden") for name in MOVED]
st.navigation(groups).run()
