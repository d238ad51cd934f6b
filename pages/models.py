"""Models: the networks of the zoo, how they were trained, what was measured, and what their norm layers learned.

The learner sorts and filters the list, compares training and accuracy of some networks in one figure, looks into their
norm layers by depth, and reads a card with the command that trains the same network again.
"""

import streamlit as st

from rnorm_core.ui.models import card as model_card
from rnorm_core.ui.models import question, seeds, view
from rnorm_core.ui.settings.sidebar import sidebar
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.panels import explain

with guard("models"):
    with problems():
        sidebar()
        st.sidebar.caption("On this page the list chooses; left and right are for the other pages.")
    st.title("What is in the zoo, and how was it made?")
    st.markdown(
        "Networks that differ in the **norm**, the **seed**, RobustNorm's **p**, the **training** or the architecture. "
        "Each has a card that says how it was made and what was measured. Select some to lay them over each other."
    )
    networks = view.read_zoo()
    chosen = question.choose(networks, *question.filters(networks))
    if chosen:
        view.show_training_and_accuracy(chosen)
        view.show_norm_layers(chosen)
        st.markdown("#### One of them in full")
        model_card.show(question.choose_card([entry.card for entry in chosen]))
    else:
        st.info("Select one or more models above.", icon=":material/touch_app:")
    seeds.show([entry.card for entry in networks if not entry.card.brought])
    explain(
        "Each row of the list is one network; a number without its interval and n says little, so both stand beside "
        "it. The curves below are of the networks you selected. While a training sees small crops (shaded) it is "
        "quick but imprecise; the jump at the end of the shade is the change to whole images. In the norm layers, the "
        "line is the middle channel of a layer and the band holds nine of ten.",
        "A norm layer computes gamma · (x − mean) / scale + beta. BatchNorm's scale is each channel's own deviation: "
        "a quiet channel is divided by little and amplified much; look at |gamma| / scale in the late layers. "
        "RobustNorm's scale is the range to the power of p. With a small p all ranges become nearly one number, and a "
        "quiet channel stays quiet. Amplification alone does not make a network easy to fool, for the weights before "
        "it may be small in turn; the curve under attack is what counts, and two networks that differ by less than "
        "two seeds of one cannot be told apart by it.",
        there=bool(chosen),
    )
    view.show_doors([entry.card for entry in networks])
