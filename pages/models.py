"""Models: the networks of the zoo, how they were trained, what was measured, and what their norm layers learned.

The learner sorts and filters the list, lays training and accuracy of some networks over each other, looks into their
norm layers by depth, and reads a card that says how to train the same network again.
"""

import streamlit as st

from rnorm_core import evaluation, figures, ui, zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation.learned import learned
from rnorm_core.ui import bringing, choose_models, listing, model_card, seeds_view


def read_zoo() -> list[listing.Entry]:
    """Every model with a sound card, and its measured accuracies; what is wrong with the rest is named."""
    cards, problems = listing.sound([*zoo.names(), *bringing.names()])
    for problem in problems:
        ui.show_error(problem)
    rows = []
    for dataset in dict.fromkeys(card.dataset for card in cards):
        try:
            rows += evaluation.table(dataset).rows
        except UserError as error:
            st.caption(f"{error.what} What the cards of these models hold is shown.")
    return listing.entries(cards, evaluation.Table(tuple(rows)))


def compare(chosen: list[listing.Entry]) -> None:
    """Training and accuracy over each other."""
    st.markdown("#### How did they learn, and what is it worth?")
    if trainings := [listing.trained(entry) for entry in chosen if entry.card.curve]:
        left, right = st.columns(2, gap="large")
        with left:
            ui.chart(figures.training_loss(trainings), key="loss")
        with right:
            ui.chart(figures.training_accuracy(trainings), key="training_accuracy")
    if curves := [curve for entry in chosen if (curve := listing.curve(entry))]:
        title = "How much is left under attack?"
        figure = figures.accuracy_curve(curves, "PGD (L-inf), 20 steps", evenly=True, title=title)
        ui.chart(figure, key="accuracy")
    if missing := [entry.card.name for entry in chosen if not any(entry.scores)]:
        st.caption(f"Not measured under attack yet: {', '.join(missing)}.")


def inside(chosen: list[listing.Entry]) -> None:
    """What training left in the norm layers, by depth."""
    layers = {}
    for entry in chosen:
        with ui.problems():
            layers[entry.card.name] = learned(entry.card.name)
    known, drawn = [entry for entry in chosen if entry.card.name in layers], []
    for quantity, question, axis, log in listing.QUANTITIES:
        if depths := [d for e in known if (d := listing.depth(layers[e.card.name], quantity, e))]:
            drawn.append((quantity, figures.by_depth(depths, question, axis, log)))
    if drawn:
        st.markdown("#### What is in their norm layers?")
        columns = st.columns(2, gap="large"), st.columns(2, gap="large")
        for i, (quantity, figure) in enumerate(drawn):
            with columns[i // 2][i % 2]:
                ui.chart(figure, key=f"depth_{quantity}")
    if lacking := listing.lacking([entry.card for entry in known]):
        st.caption(lacking)


def in_full(chosen: list[listing.Entry]) -> None:
    """The card of one of them."""
    st.markdown("#### One of them in full")
    model_card.show(choose_models.one([entry.card for entry in chosen]))


def doors(cards: list[zoo.Card]) -> None:
    """What to try; only where there is something to be seen."""
    families = listing.families(cards)
    with st.container(horizontal=True, vertical_alignment="center"):
        if seeds := families.get("seeds"):
            ui.door("models", "The same training from other seeds", show=seeds)
        if powers := families.get("powers"):
            ui.door("models", "RobustNorm's p, from large to small", show=powers)
        if adversarial := families.get("adversarial"):
            ui.door("models", "Adversarially trained, at 8/255", show=adversarial, training="adversarial", robust_at=8)
        ui.door("models", "An attack of half a grey level: 0.5/255", robust_at=0.5)
        ui.door("models", "RobustNorm alone", norm=["RobustNorm"])
        ui.door("accuracy", "More attacks, and left against right")
        ui.door("shift", "What an attack does to these statistics")
        ui.door("craft", "Attack one of them yourself")


with ui.guard("models"):
    with ui.problems():
        ui.sidebar()
        st.sidebar.caption("On this page the list chooses; left and right are for the other pages.")
    st.title("What is in the zoo, and how was it made?")
    st.markdown(
        "Networks that differ in the **norm**, the **seed**, RobustNorm's **p**, the **training** or the architecture. "
        "Each has a card that says how it was made and what was measured. Select some to lay them over each other."
    )
    everything = read_zoo()
    cards = [entry.card for entry in everything]
    chosen = choose_models.choose(everything, *choose_models.filters(everything))
    if chosen:
        compare(chosen)
        inside(chosen)
        in_full(chosen)
    else:
        st.info("Select one or more models above.", icon=":material/touch_app:")
    seeds_view.show([card for card in cards if not zoo.is_brought(card.name)])
    ui.explain(
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
    doors(cards)
