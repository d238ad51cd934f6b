"""From a card back to the command that trains such a network."""

import shlex
from dataclasses import asdict
from typing import Any

from rnorm_core.errors import UserError
from rnorm_core.training.recipe import RECIPES, Recipe, recipe
from rnorm_core.zoo import Card

# Fields of a recipe that an option may change.
OVERRIDES = {"epochs": "--epochs", "peak_lr": "--lr", "precision": "--precision"}


def command(card: Card) -> str:
    """What to type to train the card's network anew. UserError if its recipe is not one of this project."""
    base = _base(card)
    options = ["--model", card.architecture, "--norm", card.norm]
    options += ["--power", str(card.power)] if card.power is not None else []
    options += ["--width", str(card.width)] if card.width != 1 else []
    options += ["--dataset", card.dataset, "--recipe", base.name, "--seed", str(card.seed)]
    for field, option in OVERRIDES.items():
        value = card.recipe.get(field, getattr(base, field))
        if value != getattr(base, field) or field == "precision":  # unsaid, that would be the hardware's choice
            options += [option, str(value)]
    options += ["--name", f"{card.name}-again"]  # the card's own weights are kept
    return shlex.join(["python", "-m", "rnorm_core.training", *options])


def unsaid(card: Card) -> dict[str, tuple[Any, Any]]:
    """Fields of the card's recipe that the command does not repeat: (the card's value, what the command would do)."""
    changed = {field: card.recipe[field] for field in OVERRIDES if field in card.recipe}
    base = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(_base(card, **changed)).items()}
    said = {"name", *OVERRIDES}
    return {
        key: (value, base.get(key)) for key, value in card.recipe.items() if key not in said and value != base.get(key)
    }


def _base(card: Card, **changes: Any) -> Recipe:
    if card.recipe["name"] not in RECIPES:
        raise UserError(f"How {card.name} was trained is not known here.", "ask whoever trained it.")
    return recipe(card.recipe["name"], card.norm, **changes)
