"""One network in full: description, training, measurements, and the command to train it again."""

from functools import partial
from typing import Any

import streamlit as st

from rnorm_core.errors import UserError
from rnorm_core.evaluation import Row
from rnorm_core.evaluation.tables.headline import WHAT, attack_of
from rnorm_core.report import Rows, reproduce, sources
from rnorm_core.rounding import span
from rnorm_core.training.reproduce import changed_since, command
from rnorm_core.ui.models import words
from rnorm_core.ui.models.entries import Entry, tenths
from rnorm_core.ui.shared.plain_text import sentence
from rnorm_core.ui.shared.provenance import how_measured
from rnorm_core.zoo import Card

# The meanings of the fields of a recipe. A field without an entry is shown by its name alone.
MEANINGS = {
    "name": "of the recipe",
    "epochs": "passes over the training images",
    "peak_lr": "highest learning rate of SGD",
    "schedule": "of the learning rate",
    "weight_decay": "on all parameters",
    "batch_size": "images a step",
    "momentum": "of SGD",
    "nesterov": "Nesterov's form of momentum",
    "warmup": "share of steps with a rising rate",
    "milestones": "epochs: from here on a tenth",
    "label_smoothing": "of the label, given to all classes",
    "padding": "pixels around an image",
    "crop": "pixels a side, cut at random",
    "small_crop": "pixels a side, in the first epochs",
    "small_epochs": "epochs with the small crop",
    "flip": "half of the images are mirrored",
    "clip": "bound of the gradient; 0: none",
    "precision": "of activations in training",
    "attack_eps_255": "/255 to withstand; 0: clean images",
    "attack_steps": "of the attack in training",
    "attack_step_255": "/255, the length of such a step",
    "attack_start_255": "/255, its random start at most",
    "attack_projected": "kept within the size",
    "statistics_from": "images behind running statistics",
    "holdout": "training images, not trained on",
    "stop_at_accuracy": "share of those: a stop once it is right",
}
MODES = {
    "tracked": "of the training images", "batch": "of the batch", "tracked-mean": "training's mean, batch's scale",
}  # fmt: skip
ROW = 35  # height of a table's row, in pixels


def show(entry: Entry) -> None:
    card = entry.card
    st.markdown(words.what_it_is(card))
    if rows := accuracy_rows(entry):
        widths = {"attack": 150, "statistics": 220, "eps (k/255)": 100, "accuracy (%)": 110, "95 %": 120, "n": 80}
        numbers = {"eps (k/255)": "%g", "accuracy (%)": "%.1f", "n": "localized"}
        columns = _widths(**widths) | {
            key: st.column_config.NumberColumn(width=widths[key], format=format) for key, format in numbers.items()
        }
        st.dataframe(
            rows, hide_index=True, key=f"measured {card.name}", placeholder="–", width="content",
            column_config=columns, alt=f"Measured accuracies of {card.name}",
        )  # fmt: skip
    else:
        st.caption("No accuracy of this network has been measured yet.")
    scores = [score for by_size in entry.by_mode.values() for score in by_size.values()]
    rows = [score.measured for score in scores if isinstance(score.measured, Row)]
    again = f"{reproduce.rows_script([*rows, *entry.more])}\n{reproduce.command(reproduce.CARD, [card.name])}".strip()
    with st.container(horizontal=True, vertical_alignment="center"):
        how_measured(
            f"card {card.name}",
            f"{WHAT}; where nothing was measured since, as counted when the network was made",
            weights={card.name: card.sha256}, seed=None, command=again,
            sources=[sources.shares("card", partial(_shares, entry), [entry.variant], again)],
        )  # fmt: skip
        with st.popover("How it came to be", icon=":material/history:", type="tertiary", key=f"origins {card.name}"):
            st.markdown(words.origins(card))
            _show_command(card)
    st.markdown("##### How it was trained")
    rows = recipe_rows(card)
    st.dataframe(
        rows, hide_index=True, key=f"recipe {card.name}", alt=f"Recipe of {card.name}", width="content",
        height=ROW * (len(rows) + 1) + 3, column_config=_widths(setting=150, value=120, **{"what it is": 300}),
    )  # fmt: skip


def _shares(entry: Entry) -> Rows:
    from rnorm_core.report.numbers import shares  # all experiments

    scores = [score.record() for scores in entry.by_mode.values() for score in scores.values()]
    return [*scores, *map(shares.row, entry.more)]


def _widths(**pixels: int) -> dict[str, Any]:
    return {key: st.column_config.Column(width=width) for key, width in pixels.items()}


def recipe_rows(card: Card) -> list[dict[str, str]]:
    """The recipe as a table."""
    return [
        {"setting": key, "value": words.setting(value), "what it is": MEANINGS.get(key, "")}
        for key, value in card.recipe.items()
    ]


def accuracy_rows(entry: Entry) -> list[dict[str, Any]]:
    """The network's accuracies as a table, the norm's default mode first, then what was measured on more images."""
    scores = [
        (score.attack, mode, eps, score) for mode, by_size in entry.by_mode.items() for eps, score in by_size.items()
    ]
    return [
        {
            "attack": attack,
            "statistics": MODES.get(mode, mode),
            "eps (k/255)": eps or None,
            "accuracy (%)": tenths(share.value),
            "95 %": span(share.low, share.high),
            "n": share.n,
        }
        for attack, mode, eps, share in [
            *scores, *((attack_of(row), row.statistics, row.eps_255, row) for row in entry.more),
        ]
    ]  # fmt: skip


def _show_command(card: Card) -> None:
    try:
        st.code(command(card), language="sh", wrap_lines=True)
    except UserError as error:
        st.caption(sentence(error.what))
        return
    if changes := changed_since(card):
        listed = "; ".join(
            f"{key}: {words.setting(then)} then, {words.setting(now)} now" for key, (then, now) in changes.items()
        )
        st.caption(f"The recipe has changed since, and the command follows it. {listed}.")
    else:
        st.caption("The same recipe and seed; other machines and versions round differently, so the weights will, too.")
