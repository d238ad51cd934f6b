"""Class vote: the presenter's page. A room that phones join, a question, two votes and what changed between them.

The learner commits to an answer before the experiment is shown, argues for it, and votes once more.
"""

import streamlit as st

from rnorm_core.ui.classroom import owner, view
from rnorm_core.ui.lessons import parts
from rnorm_core.ui.shared.guard import guard

with guard("room", whole=True):
    view.apply_style()
    owner.keep()
    found = owner.room()
    if found is None:
        st.title("Ask the class")
        view.show_no_room()
    else:
        view.show_room(*found, page="room", experiment=parts.show)
