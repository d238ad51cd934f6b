"""Does a norm keep what BatchNorm is used for: accuracy, and fast training? Read off the cards, seed by seed."""

from collections.abc import Iterable
from dataclasses import dataclass

from rnorm_core.zoo import Card

# Training accuracies; how soon they are reached says how fast a network learns. In the shipped recipe the last two fall
# where its images grow to full size, and a network without a norm is there as soon; the first is reached before.
LEVELS = (0.7, 0.8, 0.85)


@dataclass(frozen=True)
class Benefit:
    """One training.

    correct of n test images without an attack, low and high its 95 % interval; None all four if not measured.
    epochs: until the training accuracy was first at each of `LEVELS`; None where it never was. trained: epochs in all.
    small: of these, on crops that are smaller than the images.
    """

    model: str
    norm: str
    seed: int
    weight_hash: str
    correct: int | None
    n: int | None
    low: float | None
    high: float | None
    epochs: tuple[int | None, ...]
    trained: int
    small: int


def benefits(cards: Iterable[Card]) -> list[list[Benefit]]:
    """Groups of trainings that differ only in norm and seed, largest first; only norms with several seeds.

    Within a group by norm, in the order of the cards, then by seed.
    """
    groups: dict[tuple, list[Card]] = {}
    for card in cards:
        groups.setdefault(trained_as(card), []).append(card)
    kept = [group for group in groups.values() if _most_seeds(group) > 1]
    return [_ordered(group) for group in sorted(kept, key=len, reverse=True)]


def epochs_to(card: Card, level: float) -> int | None:
    """The first epoch with a training accuracy of at least `level`, or None."""
    return next((int(row["epoch"]) for row in card.curve if row["train_accuracy"] >= level), None)


def epochs_on_crops(card: Card) -> int:
    """How many of its first epochs were on crops that are smaller than the images."""
    return int(card.recipe.get("small_epochs", 0))


def trained_as(card: Card) -> tuple:
    """What has to be the same for two trainings to be compared; a recipe's other numbers may be a norm's own."""
    how = card.recipe["name"], card.recipe.get("epochs")
    return card.dataset, card.data_hash, card.architecture, card.width, *how


def _most_seeds(group: list[Card]) -> int:
    kinds = [(card.norm, card.power) for card in group]
    return max(kinds.count(kind) for kind in kinds)


def _ordered(group: list[Card]) -> list[Benefit]:
    kinds = list(dict.fromkeys((card.norm, card.power) for card in group))
    several = [kind for kind in kinds if sum((card.norm, card.power) == kind for card in group) > 1]
    shown = [card for card in group if (card.norm, card.power) in several]
    return [_benefit(card) for card in sorted(shown, key=lambda c: (several.index((c.norm, c.power)), c.seed))]


def _benefit(card: Card) -> Benefit:
    row = card.accuracy() or {}
    numbers = {key: row.get(key) for key in ("correct", "n", "low", "high")}
    soon = tuple(epochs_to(card, level) for level in LEVELS)
    trained, small = len(card.curve), epochs_on_crops(card)
    return Benefit(card.name, card.norm, card.seed, card.sha256, **numbers, epochs=soon, trained=trained, small=small)
