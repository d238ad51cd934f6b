"""One network in full: description, training, measurements, and the command to train it again."""

from typing import Any

import streamlit as st

from rnorm_core import norms
from rnorm_core.attacks import CATALOGUE
from rnorm_core.errors import UserError
from rnorm_core.training.reproduce import changed_since, command
from rnorm_core.ui.models import words
from rnorm_core.ui.shared import reproduce
from rnorm_core.ui.shared.plain_text import sentence
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
}
ROW = 35  # height of a table's row, in pixels


def show(card: Card) -> None:
    st.markdown(words.what_it_is(card))
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("##### What was measured")
        if card.accuracies:
            accuracy = {"accuracy (%)": st.column_config.NumberColumn(format="%.2f")}
            st.dataframe(
                accuracy_rows(card), hide_index=True, key=f"measured {card.name}", placeholder="–",
                column_config=accuracy, alt=f"Measured accuracies of {card.name}",
            )  # fmt: skip
            st.caption(f"Measure again with `{reproduce.command(reproduce.CARD, [card.name])}`.")
        else:
            st.caption("The card holds no measured accuracies yet.")
        st.markdown("##### How it came to be")
        st.markdown(words.origins(card))
    with right:
        st.markdown("##### How it was trained")
        rows = recipe_rows(card)
        st.dataframe(
            rows, hide_index=True, key=f"recipe {card.name}", alt=f"Recipe of {card.name}",
            height=ROW * (len(rows) + 1) + 3,
        )  # fmt: skip
    st.markdown("##### To train it again")
    _show_command(card)


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
        "eps (k/255)": row["eps_255"],
        "accuracy (%)": round(100 * row["correct"] / row["n"], 2),
        "95 %": f"{100 * row['low']:.1f}–{100 * row['high']:.1f}",
        "n": row["n"],
        "statistics": row["statistics"],
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
