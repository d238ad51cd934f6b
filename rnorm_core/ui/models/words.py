"""A network's card, and several trainings of it, in words."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rnorm_core import model_names
from rnorm_core.data import class_title
from rnorm_core.evaluation.claims.benefits import LEVELS, Benefit
from rnorm_core.evaluation.claims.evidence import difference_texts
from rnorm_core.evaluation.measure.over_seeds import over_seeds
from rnorm_core.figures.models import Dots, Rates
from rnorm_core.figures.style import LOOKS
from rnorm_core.rounding import percent
from rnorm_core.training.learning_rates import Trial
from rnorm_core.ui.models.entries import ADVERSARIAL, UNKNOWN, kind
from rnorm_core.zoo import Card

FILLS = (("hollow", "-open"), ("dotted", "-open-dot"), ("filled", ""))  # for each of `LEVELS`, as Plotly names it


def what_it_is(card: Card) -> str:
    """In Markdown."""
    look, architecture = LOOKS[card.norm], model_names.architecture(card.architecture)
    with_norm = f"with {look.name}" if card.norm != "none" else "without norm layers"
    power = f" (p = {card.power:g})" if card.power is not None else ""
    width = f", {card.width:g} times as wide as usual" if card.width != 1 else ""
    classes = ", ".join(map(class_title, card.classes[:10])) + (" and more" if len(card.classes) > 10 else "")
    images = f"images of {model_names.dataset(card.dataset)}"
    if kind(card) == ADVERSARIAL:
        images = f"attacked {images} ({method(card.recipe)})"
    how = "trained elsewhere" if kind(card) == UNKNOWN else f"trained on {images}, seed {card.seed}"
    if share := card.recipe.get("stop_at_accuracy"):
        how += (
            f", stopped after {len(card.curve)} of {card.recipe['epochs']} epochs, at the first with {percent(share)} "
            f"of {card.recipe['holdout']:,} held-out training images right"
        )
    return (
        f"**{model_names.title(card)}**: a {architecture} {with_norm}{power}{width}, {card.parameters:,} parameters, "
        f"{how}. "
        f"It tells {len(card.classes)} classes apart: {classes}."
    )


def method(recipe: Mapping[str, Any]) -> str:
    """The name of an adversarial training: "PGD-7 at 8/255"."""
    steps, projected = recipe["attack_steps"], recipe["attack_projected"]
    name = f"PGD-{steps}" if steps > 1 else "FGSM from a random start" if projected else "N-FGSM, one step"
    return f"{name} at {recipe['attack_eps_255']:g}/255"


def origins(card: Card) -> str:
    """The date, code, versions and data of the network: a list in Markdown."""
    code, changed = re.fullmatch(r"([^+]*)(\+.*)?", card.code_version).groups()  # pyright: ignore
    versions = ", ".join(f"{key} {value}" for key, value in card.made_with.items() if key != "robustnorm-lab")
    facts = {
        "Name": f"`{card.name}`",
        "Initialisation": card.initialisation,
        "Date": card.date,
        "Code": code and f"`{code}`{' with changes' if changed else ''}",
        "Made with": versions,
        "Training images": card.data_hash and f"`{card.data_hash}` (sha256 over the sorted hashes of their pixels)",
        "Weights": f"`{card.sha256}` (sha256 of the file)",
    }
    return "\n".join(f"- **{key}**: {value}" for key, value in facts.items() if value)


def setting(value: Any) -> str:
    """A value of a recipe."""
    match value:
        case bool():
            return "yes" if value else "no"
        case None | [] | ():
            return "none"
        case list() | tuple():
            return ", ".join(map(setting, value))
        case float():
            return f"{value:g}"
    return str(value)


def lacking(cards: Sequence[Card]) -> str:
    """The networks without some of the quantities of norm layers, with the reason; "" if there are none."""
    why = {
        "none": "no norm layer, so neither gamma nor statistics",
        "gn": "gamma but no statistics: GroupNorm takes them anew from each image",
        "dualbn": "two of each layer: those for clean images are drawn",
    }
    return " ".join(f"{model_names.title(card)}: {why[card.norm]}." for card in cards if card.norm in why)


# --- several seeds, several learning rates


def about_accuracy(group: Sequence[Benefit]) -> str:
    counts = sorted({b.n for b in group if b.n})
    n = " to ".join(f"{n:,}" for n in counts[:: max(1, len(counts) - 1)])
    return f"n = {n} test images, from the cards; bars: 95 % interval"


def differences(rows: Sequence[Dots]) -> str:
    """How far the mean of each norm is from that of the first, over seeds; "" where there are too few trainings."""
    first, *others = [[value / 100 for value in row.values if value is not None] for row in rows]
    parts = []
    for row, values in zip(rows[1:], others, strict=True):
        if over := over_seeds(values, first):
            low, value, high = difference_texts(over)
            parts.append(f"{row.label} {value} points (95 %: {low} to {high})")
    return f"Over trainings (Welch's t), against {rows[0].label}: {'; '.join(parts)}." if parts else ""


def about_speed(group: Sequence[Benefit]) -> str:
    levels = ", ".join(f"{100 * level:.0f} % ({how})" for level, (how, _) in zip(LEVELS, FILLS, strict=True))
    small = sorted({b.small for b in group} - {0})
    crops = f"; small crops until epoch {' or '.join(map(str, small))}" if small else ""
    return f"epochs until the training accuracy was first {levels}{crops}"


def about_study(trial: Trial) -> str:
    """The settings that all trials of a study have in common."""
    numbers = {"bf16": "bfloat16", "fp32": "float32"}[trial.recipe["precision"]]
    architecture, epochs = model_names.architecture(trial.architecture), trial.recipe["epochs"]
    return f"{architecture}, {epochs} epochs each, one training a point; {numbers}"


def diverged(lines: Sequence[Rates]) -> str:
    """The learning rates that were too high; "" if none was."""
    rates = [(line.label, sorted(line.diverged)) for line in lines if line.diverged]
    text = "; ".join(f"{label} at {' and '.join(f'{rate:g}' for rate in some)}" for label, some in rates)
    return text and f"Diverged: {text}."
