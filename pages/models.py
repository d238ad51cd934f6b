"""Models: the networks of the zoo, what they are worth, how they were trained, and what their norm layers learned.

The learner compares the accuracy of some networks, sorts and filters the list, looks into training and norm layers, and
reads a card with the command that trains the same network again.
"""

import streamlit as st

from rnorm_core.evaluation.tables.alike import left_out
from rnorm_core.ui.models import bars, question, seeds, view
from rnorm_core.ui.models import card as model_card
from rnorm_core.ui.models.entries import alike
from rnorm_core.ui.models.question import CARD, CURVES, EVERYTHING, LAYERS, RATES, SEEDS, TRAINING
from rnorm_core.ui.settings.bar import settings_bar
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.panels import answer, explain, page_title, sections

NOTHING = "Select one or more networks above."

with guard("models"):
    dataset = ""
    with problems():
        dataset = settings_bar().dataset
    page_title("What is in the zoo?")
    networks, table = view.read_zoo()
    top = st.container()
    chosen, eps = question.choose(networks, dataset)
    with top:
        compared = alike(chosen, table, eps)
        answer(bars.answer(networks, compared, eps))
        view.show_summary(compared, eps, left_out(table, [entry.variant for entry in chosen], [eps]))
    parts = sections(question.PARTS, question.PART)
    with parts[EVERYTHING]:
        if parts[EVERYTHING].open:
            question.list_networks(networks, eps, chosen)
    for title, show in ((CURVES, view.show_accuracy), (TRAINING, view.show_training), (LAYERS, view.show_norm_layers)):
        with parts[title]:
            if parts[title].open and chosen:
                show(compared)
            elif parts[title].open:
                st.info(NOTHING, icon=":material/touch_app:")
    with parts[CARD]:
        if parts[CARD].open and chosen:
            model_card.show(question.choose_card(chosen))
        elif parts[CARD].open:
            st.info(NOTHING, icon=":material/touch_app:")
    own = [entry.card for entry in networks if not entry.card.brought]
    with parts[SEEDS]:
        if parts[SEEDS].open:
            seeds.show(own)
    with parts[RATES]:
        if parts[RATES].open:
            seeds.show_rates(own)
    explain(
        "The bars compare the chosen networks; the thin lines are 95 % intervals. Each row of the list is one network. "
        "In the training curves, the shade is the time of small crops: quick but imprecise. In the norm layers, the "
        "line is the middle channel of a layer and the band holds nine of ten.",
        "A norm layer computes gamma · (x − mean) / scale + beta. BatchNorm's scale is each channel's own standard "
        "deviation: a quiet channel is divided by little and amplified much. RobustNorm's scale is the range to the "
        "power of p. With a small p all ranges become nearly one number, and a quiet channel stays quiet. "
        "Amplification alone does not make a network easy to fool; the accuracy under attack counts. Two networks that "
        "differ by less than two seeds of one cannot be told apart by it.",
        there=bool(chosen),
    )
    view.show_doors(question.of_dataset(networks, dataset))
