"""Batch statistics: the same weights with the statistics of the training set or of the batch.

Seven parts, one on screen at a time: the batch size, the neighbours of an image, poisoned neighbours, the transfer
matrix, corruptions, and behind "Advanced" layers with other statistics and PreciseBN.
"""

import streamlit as st

from rnorm_core.ui.batch_statistics import question, view
from rnorm_core.ui.batch_statistics.texts import TEXTS
from rnorm_core.ui.corruptions import part as corruptions
from rnorm_core.ui.settings.bar import settings_bar
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.navigation import door, with_networks
from rnorm_core.ui.shared.panels import explain, page_title

with guard("batch"):
    settings = settings_bar()
    page_title("What does the batch change?")
    part = question.part()
    if part == question.CORRUPTIONS:
        corruptions.show(settings)
    else:
        texts = TEXTS[part]
        with problems():
            view.show(part, settings)
        explain(texts.see, texts.why)
        with st.container(horizontal=True, vertical_alignment="center"):
            for way in texts.ways:
                door(way.page, way.label, to=way.to, **with_networks(settings.dataset, way.settings))
