"""The script of the app: page settings and navigation. What is on a page is in `pages/`."""

import streamlit as st

from rnorm_core import ui

st.set_page_config(page_title="RobustNorm Lab", page_icon=ui.FAVICON, layout="wide")

places = [
    st.Page(place.path, title=place.title, icon=place.icon, url_path=name, default=name == "start")
    for name, place in ui.PAGES.items()
]
st.navigation(places).run()
