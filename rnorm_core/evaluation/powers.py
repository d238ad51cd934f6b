"""Networks that differ in RobustNorm's p alone, told by their cards."""

from collections.abc import Iterable
from dataclasses import dataclass

from rnorm_core.zoo import Card


@dataclass(frozen=True)
class Powers:
    """by_power: RobustNorm's p -> card, by p. plain: BatchNorm trained like them, or None."""

    by_power: dict[float, Card]
    plain: Card | None


def powers(cards: Iterable[Card], dataset: str, architecture: str = "resnet20", seed: int = 0) -> Powers:
    """The networks of this shape and seed that were trained on clean images of `dataset`, as wide as the BatchNorm.

    Where several recipes made one, that counts with which the BatchNorm was made, then the first by name.
    """
    kin = [
        card
        for card in sorted(cards, key=lambda card: card.name)
        if (card.dataset, card.architecture, card.seed) == (dataset, architecture, seed) and not card.adversarial
    ]
    plain = next((card for card in kin if card.norm == "bn"), None)
    found: dict[float, Card] = {}
    for card in sorted(kin, key=lambda card: plain is None or card.recipe["name"] != plain.recipe["name"]):
        if card.norm == "rn" and card.power is not None and (plain is None or card.width == plain.width):
            found.setdefault(card.power, card)
    return Powers(dict(sorted(found.items())), plain)
