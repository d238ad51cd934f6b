"""The app as a server, so that other routes can stand beside Streamlit's; what it shows begins in the router.

`streamlit run app.py` reads this file and looks for `app = st.App(...)`: one that a function makes is not found.
"""

from pathlib import Path

import streamlit as st

app = st.App(Path(__file__).resolve().parent / "rnorm_core" / "ui" / "router.py")
