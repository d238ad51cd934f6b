"""Whose statistics? The same weights with statistics of the training set or of the batch, one cause changed at a time.

The learner crafts with one mode and scores with another, changes the size of a batch and who is in it, poisons
neighbours, hands layers other statistics, and counts the population's anew: one question in view at a time.
"""

import streamlit as st

from rnorm_core import ui
from rnorm_core.ui import ask_statistics, statistics_parts
from rnorm_core.ui.doors import with_networks
from rnorm_core.ui.statistics_words import WORDS

with ui.guard("whose"):
    settings = ui.sidebar()
    st.title("Whose statistics?")
    part = ask_statistics.part()
    words = WORDS[part]
    st.markdown(words.lead)
    with ui.problems():
        statistics_parts.show(part, settings)
    ui.explain(words.see, words.why)
    with st.container(horizontal=True, vertical_alignment="center"):
        for page, label, choices in words.ways:
            ui.door(page, label, **with_networks(settings.dataset, choices))
        ui.door("start", "Back to the start")
