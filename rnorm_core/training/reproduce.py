"""The command that trains the network of a card again."""

import shlex
from dataclasses import asdict
from typing import Any

from rnorm_core.errors import UserError
from rnorm_core.training.recipe import RECIPES, Recipe, recipe
from rnorm_core.zoo import Card

# Fields of a recipe that an option may change.
OVERRIDES = {"epochs": "--epochs", "peak_lr": "--lr", "precision": "--precision"}
# What a training that was stopped early adds to its recipe.
EARLY = {"holdout": "--holdout", "stop_at_accuracy": "--stop-at-accuracy"}


def command(card: Card) -> str:
    """The shell command that trains the card's network again. UserError if its recipe is not one of this project."""
    base = _base(card)
    options = ["--model", card.architecture, "--norm", card.norm]
    options += ["--power", str(card.power)] if card.power is not None else []
    options += ["--width", str(card.width)] if card.width != 1 else []
    options += ["--dataset", card.dataset, "--recipe", base.name, "--seed", str(card.seed)]
    for field, option in OVERRIDES.items():
        value = card.recipe.get(field, getattr(base, field))
        if value != getattr(base, field) or field == "precision":  # without it the hardware decides
            options += [option, str(value)]
    options += [word for key, option in EARLY.items() if key in card.recipe for word in (option, str(card.recipe[key]))]
    options += ["--name", f"{card.name}-again"]  # the card's own weights are kept
    return shlex.join(["python", "-m", "rnorm_core.training", *options])


def changed_since(card: Card) -> dict[str, tuple[Any, Any]]:
    """Fields of the card's recipe that differ in the command's recipe: (the card's value, the command's value)."""
    changed = {field: card.recipe[field] for field in OVERRIDES if field in card.recipe}
    base = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(_base(card, **changed)).items()}
    repeated = {"name", *OVERRIDES, *EARLY}
    return {
        key: (value, base.get(key))
        for key, value in card.recipe.items()
        if key not in repeated and value != base.get(key)
    }


def _base(card: Card, **changes: Any) -> Recipe:
    if card.recipe["name"] not in RECIPES:
        raise UserError(f"The training of {card.name} is not known.", "ask the person who trained the network.")
    return recipe(card.recipe["name"], card.norm, **changes)
