"""The Models page's charts: the chosen networks' training, accuracy and norm layers; doors to more."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from rnorm_core import evaluation, norms, zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation.claims.benefits import epochs_on_crops
from rnorm_core.evaluation.measure.learned_layers import LearnedLayer, learned
from rnorm_core.evaluation.published import EPS_255, RESNET18, comparable
from rnorm_core.figures import published as of_others
from rnorm_core.figures.accuracy import Curve, accuracy_curve
from rnorm_core.figures.models import Depth, Training, by_depth, training_accuracy, training_loss
from rnorm_core.report import Rows, sources
from rnorm_core.ui.chart.component import chart
from rnorm_core.ui.models import bars, words
from rnorm_core.ui.models.entries import Entry, entries, families, sound
from rnorm_core.ui.models.question import CARD, EVERYTHING, LAYERS, PART
from rnorm_core.ui.settings import upload_weights
from rnorm_core.ui.shared import panels
from rnorm_core.ui.shared.guard import problems
from rnorm_core.ui.shared.guard import show as show_error
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.plain_text import sentence
from rnorm_core.zoo import Card

# Figures of the norm layers: field of `LearnedLayer` -> question, axis.
QUANTITIES = {
    "gamma": ("How large is the learned gamma?", "|gamma|"),
    "mean": ("Where is the running mean?", "running mean"),
    "spread": ("How far do the inputs spread?", "standard deviation (BN), range (RN)"),
    "gain": ("How much does a layer amplify?", "|gamma| / scale"),
}
LOGARITHMIC = ("spread", "gain")


def read_zoo() -> tuple[list[Entry], evaluation.Table]:
    """Every network with a sound card, and the measured accuracies; the page shows the problems of the rest."""
    cards, errors = sound([*zoo.names(), *upload_weights.names()])
    for error in errors:
        show_error(error)
    rows = []
    for dataset in dict.fromkeys(card.dataset for card in cards):
        try:
            rows += evaluation.table(dataset).rows
        except UserError as error:
            st.caption(f"{sentence(error.what)} What the cards of these models hold is shown.")
    table = evaluation.Table(tuple(rows))
    return entries(cards, table), table


def show_summary(chosen: Sequence[Entry], eps: float, note: str) -> None:
    """The accuracy of the chosen networks beside each other, under attack and without."""
    drawn = [entry for entry in chosen if entry.scores]
    panels.show_summary(bars.accuracies(drawn, eps, note))
    if missing := [entry.label for entry in chosen if not any(entry.scores)]:
        st.caption(f"Not measured under attack yet: {', '.join(missing)}.")


def show_accuracy(chosen: Sequence[Entry]) -> None:
    if curves := [drawn for entry in chosen if (drawn := curve(entry))]:
        attack = "worst case over the attacks that all of these met, else PGD of 20 steps"
        known = comparable(entry.variant for entry in chosen if EPS_255 in entry.scores)
        title, published = "How much is left under attack?", RESNET18 if known else ()
        figure = accuracy_curve(curves, attack, evenly=True, title=title, published=published)
        chart(figure, "accuracy", sources.shares("accuracy", partial(_points, chosen), [e.variant for e in chosen]))
        if known:
            beside = [(e.card, e.scores[EPS_255].value) for e in chosen if e.variant in known]
            st.caption(of_others.caption(RESNET18, beside))


def _points(chosen: Sequence[Entry]) -> Rows:
    return [
        {"picture": e.label, "bar": f"{eps:g}/255", **score.record()} for e in chosen for eps, score in e.scores.items()
    ]


def show_training(chosen: Sequence[Entry]) -> None:
    if trainings := [training(entry) for entry in chosen if entry.card.curve]:
        models = tuple(entry.card.name for entry in chosen if entry.card.curve)
        source = sources.shipped("training", "training", models=models)
        left, right = st.columns(2, gap="large")
        with left:
            chart(training_loss(trainings), "loss", source)
        with right:
            chart(training_accuracy(trainings), "training_accuracy", source)


def show_norm_layers(chosen: Sequence[Entry]) -> None:
    """The learned parameters and statistics of the norm layers, by depth."""
    layers = {}
    for entry in chosen:
        with problems():
            layers[entry.card.name] = learned(entry.card.name)
    known, figures = [entry for entry in chosen if entry.card.name in layers], {}
    for quantity, (question, axis) in QUANTITIES.items():
        if depths := [d for e in known if (d := depth(layers[e.card.name], quantity, e))]:
            figures[quantity] = by_depth(depths, question, axis, log=quantity in LOGARITHMIC)
    if figures:
        source = sources.shipped("norm layers", "norm_layers", models=tuple(entry.card.name for entry in known))
        columns = st.columns(2, gap="large"), st.columns(2, gap="large")
        for i, (quantity, figure) in enumerate(figures.items()):
            with columns[i // 2][i % 2]:
                chart(figure, f"depth_{quantity}", source)
    if text := words.lacking([entry.card for entry in known]):
        st.caption(text)


def show_doors(cards: Sequence[Card]) -> None:
    """Doors to try; only those behind which there is something to see."""
    known, top, parts = families(cards), "answer", f"parts_{PART}"
    with st.container(horizontal=True, vertical_alignment="center"):
        if seeds := known.get("seeds"):
            door("models", "The same training from other seeds", to=top, show=seeds)
        if powers := known.get("powers"):
            door("models", "RobustNorm's p, from large to small", to=top, show=powers)
        if adversarial := known.get("adversarial"):
            door("models", "Adversarially trained, at 8/255", to=top, show=adversarial, robust_at=8)
        door("models", "RobustNorm alone", to=parts, about=EVERYTHING, norm=["RobustNorm"])
        door("models", "What is in their norm layers?", to=parts, about=LAYERS)
        door("models", "One network in full", to=parts, about=CARD)
        door("accuracy", "More attacks, and left against right")


# --- entries -> input of figures


def training(entry: Entry) -> Training:
    card = entry.card
    columns = ([row[key] for row in card.curve] for key in ("epoch", "train_loss", "train_accuracy"))
    epochs, pixels = min(epochs_on_crops(card), len(card.curve)), card.recipe.get("small_crop", 0)
    small = (epochs, pixels) if epochs and pixels < card.recipe.get("crop", 0) else None
    return Training(entry.label, card.norm, card.sha256, *columns, small=small)


def curve(entry: Entry) -> Curve | None:
    """Accuracy by the size of the attack; None if nothing under attack is known."""
    if not any(entry.scores):
        return None
    card, scores = entry.card, entry.scores.values()
    columns = ([getattr(score, key) for score in scores] for key in ("correct", "n", "low", "high"))
    return Curve(
        entry.label, card.norm, norms.modes(card.norm)[0], list(entry.scores), *columns, weight_hash=card.sha256
    )


def depth(layers: Sequence[LearnedLayer], quantity: str, entry: Entry) -> Depth | None:
    """One of `QUANTITIES` over a network's norm layers; None if its norm does not have it."""
    values = [(layer.name, getattr(layer, quantity)) for layer in layers]
    known = [(name, abs(v) if quantity == "gamma" else v) for name, v in values if v is not None]
    if not known:
        return None
    names, numbers = zip(*known, strict=True)
    return Depth(entry.label, entry.card.norm, entry.card.sha256, names, numbers)
