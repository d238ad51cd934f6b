"""Batch statistics: the same weights with the statistics of the training set or of the batch.

Six parts, one on screen at a time: the transfer matrix, the batch size, the neighbours of an image, poisoned
neighbours, layers with other statistics, and PreciseBN.
"""

import streamlit as st

from rnorm_core.ui.batch_statistics import question, view
from rnorm_core.ui.batch_statistics.texts import TEXTS
from rnorm_core.ui.settings.sidebar import sidebar
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.navigation import door, with_networks
from rnorm_core.ui.shared.panels import explain

with guard("whose"):
    settings = sidebar()
    st.title("Whose statistics?")
    part = question.part()
    texts = TEXTS[part]
    st.markdown(texts.lead)
    with problems():
        view.show(part, settings)
    explain(texts.see, texts.why)
    with st.container(horizontal=True, vertical_alignment="center"):
        for way in texts.ways:
            door(way.page, way.label, **with_networks(settings.dataset, way.settings))
        door("start", "Back to the start")
