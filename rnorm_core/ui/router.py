"""The script of the app: page settings and navigation. The pages are in `pages/`."""

import streamlit as st

from rnorm_core.ui import warm_up

warm_up.wait()

from rnorm_core.ui.shared.navigation import PAGES  # noqa: E402  (only after the warm-up)
from rnorm_core.ui.shared.theme import FAVICON  # noqa: E402

st.set_page_config(page_title="RobustNorm Lab", page_icon=FAVICON, layout="wide")

places = [
    st.Page(place.path, title=place.title, icon=place.icon, url_path=name, default=name == "start")
    for name, place in PAGES.items()
]
st.navigation(places).run()
