"""The benefits of BatchNorm, accuracy and fast training, for each norm and seed. All numbers are from the cards."""

from collections.abc import Iterable
from dataclasses import dataclass

from rnorm_core.model_names import title
from rnorm_core.zoo import Card

# Training accuracies: a network learns faster if it reaches them in earlier epochs. In the shipped recipe the last two
# are reached when the images grow to full size, also by a network without a norm. The first one is reached earlier.
LEVELS = (0.7, 0.8, 0.85)


@dataclass(frozen=True)
class Benefit:
    """One training. title: the name of the network without its seed.

    correct, n, low, high: clean test accuracy and its 95 % interval; all None if it was not measured.
    epochs:  the first epoch with a training accuracy of each of `LEVELS`; None if the level was never reached.
    trained: number of epochs.
    small:   number of epochs on crops that are smaller than the images.
    """

    model: str
    title: str
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
    """Groups of trainings that differ only in norm and seed, the largest group first. Norms with one seed are left out.

    A group is ordered by norm, in the order of the cards, then by seed.
    """
    groups: dict[tuple, list[Card]] = {}
    for card in cards:
        groups.setdefault(card.trained_as, []).append(card)
    kept = [group for group in groups.values() if _most_seeds(group) > 1]
    return [_ordered(group) for group in sorted(kept, key=len, reverse=True)]


def epochs_to(card: Card, level: float) -> int | None:
    """The first epoch with a training accuracy of at least `level`, or None."""
    return next((int(row["epoch"]) for row in card.curve if row["train_accuracy"] >= level), None)


def epochs_on_crops(card: Card) -> int:
    """The number of epochs, at the start, on crops that are smaller than the images."""
    return int(card.recipe.get("small_epochs", 0))


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
    return Benefit(
        card.name, title(card, with_seed=False), card.norm, card.seed, card.sha256, **numbers, epochs=soon,
        trained=trained, small=small,
    )  # fmt: skip
