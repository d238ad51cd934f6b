"""One network in full: description, training, measurements, and the command to train it again."""

from functools import partial
from typing import Any

import streamlit as st

from rnorm_core import norms
from rnorm_core.attacks import CATALOGUE
from rnorm_core.errors import UserError
from rnorm_core.report import Rows, reproduce, sources
from rnorm_core.rounding import span
from rnorm_core.training.reproduce import changed_since, command
from rnorm_core.ui.models import words
from rnorm_core.ui.models.entries import tenths
from rnorm_core.ui.shared.plain_text import sentence
from rnorm_core.ui.shared.provenance import how_measured
from rnorm_core.zoo import Card, Variant

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
}
MODES = {
    "tracked": "of the training images", "batch": "of the batch", "tracked-mean": "training's mean, batch's scale",
}  # fmt: skip
ROW = 35  # height of a table's row, in pixels


def show(card: Card) -> None:
    st.markdown(words.what_it_is(card))
    if card.accuracies:
        widths = {"attack": 110, "statistics": 220, "eps (k/255)": 100, "accuracy (%)": 110, "95 %": 120, "n": 80}
        numbers = {"eps (k/255)": "%g", "accuracy (%)": "%.1f", "n": "localized"}
        columns = _widths(**widths) | {
            key: st.column_config.NumberColumn(width=widths[key], format=format) for key, format in numbers.items()
        }
        st.dataframe(
            accuracy_rows(card), hide_index=True, key=f"measured {card.name}", placeholder="–", width="content",
            column_config=columns, alt=f"Measured accuracies of {card.name}",
        )  # fmt: skip
        st.caption("Counted when the network was made, on n test images. The bars above have an n of their own.")
    else:
        st.caption("The card holds no measured accuracies yet.")
    with st.container(horizontal=True, vertical_alignment="center"):
        how_measured(
            f"card {card.name}", "accuracy when the network was made", weights={card.name: card.sha256}, seed=None,
            command=(command_ := reproduce.command(reproduce.CARD, [card.name])),
            sources=[sources.shares("card", partial(_shares, card), [Variant.of(card.name)], command_)],
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


def _shares(card: Card) -> Rows:
    from rnorm_core.report.numbers import shares  # all experiments

    return [shares.of_card(card, row) for row in card.accuracies]


def _widths(**pixels: int) -> dict[str, Any]:
    return {key: st.column_config.Column(width=width) for key, width in pixels.items()}


def recipe_rows(card: Card) -> list[dict[str, str]]:
    """The recipe as a table."""
    return [
        {"setting": key, "value": words.setting(value), "what it is": MEANINGS.get(key, "")}
        for key, value in card.recipe.items()
    ]


def accuracy_rows(card: Card) -> list[dict[str, Any]]:
    """The card's accuracies as a table, the norm's default mode first."""
    default = norms.modes(card.norm)[0]
    rows = sorted(
        card.accuracies, key=lambda row: (row["statistics"] != default, row["attack"] or "", row["eps_255"] or 0)
    )
    return [_accuracy_row(row) for row in rows]


def _accuracy_row(row: dict[str, Any]) -> dict[str, Any]:
    entry, steps = CATALOGUE.get(row["attack"] or ""), row["settings"].get("steps", 1)
    attack = entry.title.removesuffix(" (L-inf)") if entry else row["attack"] or "none"
    return {
        "attack": f"{attack}-{steps}" if steps > 1 else attack,
        "statistics": MODES.get(row["statistics"], row["statistics"]),
        "eps (k/255)": row["eps_255"],
        "accuracy (%)": tenths(row["correct"] / row["n"]),
        "95 %": span(row["low"], row["high"]),
        "n": row["n"],
    }


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
