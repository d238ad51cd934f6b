"""One model in full: what it is, how it was trained, what was measured, how to train it again."""

import re
from collections.abc import Mapping
from typing import Any

import streamlit as st

from rnorm_core import figures, norms
from rnorm_core.attacks import CATALOGUE
from rnorm_core.errors import UserError
from rnorm_core.training.reproduce import command, unsaid
from rnorm_core.ui import again, naming
from rnorm_core.ui.listing import ADVERSARIAL, UNKNOWN, kind
from rnorm_core.zoo import Card

# What the fields of a recipe mean, for people; a field that is not here is shown by its name alone.
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
ROW = 35  # a table's row, in pixels


def show(card: Card) -> None:
    st.markdown(what_it_is(card))
    facts, made = st.columns(2, gap="large")
    with facts:
        st.markdown("##### What was measured")
        if card.accuracies:
            accuracy = {"accuracy (%)": st.column_config.NumberColumn(format="%.2f")}
            st.dataframe(
                measured(card), hide_index=True, key=f"measured {card.name}", placeholder="–", column_config=accuracy,
                alt=f"Measured accuracies of {card.name}",
            )  # fmt: skip
            st.caption(f"Measure again with `{again.command(again.CARD, [card.name])}`.")
        else:
            st.caption("The card holds no measured accuracies yet.")
        st.markdown("##### How it came to be")
        st.markdown(origins(card))
    with made:
        st.markdown("##### How it was trained")
        rows = recipe_rows(card)
        st.dataframe(
            rows, hide_index=True, key=f"recipe {card.name}", alt=f"Recipe of {card.name}",
            height=ROW * (len(rows) + 1) + 3,
        )  # fmt: skip
    st.markdown("##### To train it again")
    reproduce(card)


def what_it_is(card: Card) -> str:
    """In Markdown."""
    look, architecture = figures.LOOKS[card.norm], naming.architecture(card.architecture)
    with_norm = f"with {look.name}" if card.norm != "none" else "without norm layers"
    power = f" (p = {card.power:g})" if card.power is not None else ""
    width = f", {card.width:g} times as wide as usual" if card.width != 1 else ""
    classes = ", ".join(card.classes[:10]) + (" and more" if len(card.classes) > 10 else "")
    images = f"images of {naming.dataset(card.dataset)}"
    if kind(card) == ADVERSARIAL:
        images = f"attacked {images} ({method(card.recipe)})"
    how = "trained elsewhere" if kind(card) == UNKNOWN else f"trained on {images}, seed {card.seed}"
    return (
        f"**{card.name}**: a {architecture} {with_norm}{power}{width}, {card.parameters:,} parameters, {how}. "
        f"It tells {len(card.classes)} classes apart: {classes}."
    )


def method(recipe: Mapping[str, Any]) -> str:
    """What an adversarial training is called: "PGD-7 at 8/255"."""
    steps, projected = recipe["attack_steps"], recipe["attack_projected"]
    name = f"PGD-{steps}" if steps > 1 else "FGSM from a random start" if projected else "N-FGSM, one step"
    return f"{name} at {recipe['attack_eps_255']:g}/255"


def recipe_rows(card: Card) -> list[dict[str, str]]:
    """The recipe as a table."""
    return [
        {"setting": key, "value": _said(value), "what it is": MEANINGS.get(key, "")}
        for key, value in card.recipe.items()
    ]


def _said(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case None | [] | ():
            return "none"
        case list() | tuple():
            return ", ".join(map(_said, value))
        case float():
            return f"{value:g}"
    return str(value)


def measured(card: Card) -> list[dict[str, Any]]:
    """The card's accuracies, the norm's default mode first."""
    order = norms.modes(card.norm)
    rows = sorted(
        card.accuracies, key=lambda row: (row["statistics"] != order[0], row["attack"] or "", row["eps_255"] or 0)
    )
    return [_measured(row) for row in rows]


def _measured(row: dict[str, Any]) -> dict[str, Any]:
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


def origins(card: Card) -> str:
    """A list in Markdown."""
    code, changed = re.fullmatch(r"([^+]*)(\+.*)?", card.code_version).groups()  # pyright: ignore
    with_what = ", ".join(f"{key} {value}" for key, value in card.made_with.items() if key != "robustnorm-lab")
    facts = {
        "Initialisation": card.initialisation,
        "Date": card.date,
        "Code": code and f"`{code}`{' with changes' if changed else ''}",
        "Made with": with_what,
        "Training images": card.data_hash and f"`{card.data_hash}` (sha256 over the sorted hashes of their pixels)",
        "Weights": f"`{card.sha256}` (sha256 of the file)",
    }
    return "\n".join(f"- **{key}**: {value}" for key, value in facts.items() if value)


def reproduce(card: Card) -> None:
    try:
        st.code(command(card), language="sh", wrap_lines=True)
    except UserError as error:
        st.caption(error.what)
        return
    if others := unsaid(card):
        told = "; ".join(f"{key}: {_said(value)} then, {_said(now)} now" for key, (value, now) in others.items())
        st.caption(f"The recipe has changed since, and the command follows it. {told}.")
    else:
        st.caption("The same recipe and seed; other machines and versions round differently, so the weights will, too.")
