"""The networks of the Models page with their accuracies, from cards and the table; filters and records of them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rnorm_core import evaluation, model_names, norms, zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation import Row
from rnorm_core.evaluation.tables.alike import to_compare
from rnorm_core.evaluation.tables.headline import attack_of, by_size
from rnorm_core.rounding import span
from rnorm_core.zoo import Card, Variant

EVERY = "all"
STANDARD, ADVERSARIAL, UNKNOWN = "standard", "adversarial", "not known"
CLEAN, PGD, STEPS = "clean", "pgd", 20
USUAL = f"PGD, {STEPS} steps"  # the attack of cards


@dataclass(frozen=True)
class Score:
    """correct of n images, with the 95 % interval, low to high, as fractions.

    attack: in words, "clean" without one.
    measured: the row of the table, or of the card, that it is from.
    """

    correct: int
    n: int
    low: float
    high: float
    attack: str
    measured: Row | tuple[Card, dict[str, Any]] | None = field(default=None, compare=False, repr=False)

    @property
    def value(self) -> float:
        return self.correct / self.n

    def record(self) -> dict[str, Any]:
        """With its conditions, see `report.numbers.shares`."""
        from rnorm_core.report.numbers import shares  # all experiments

        assert self.measured is not None
        return shares.of_card(*self.measured) if isinstance(self.measured, tuple) else shares.row(self.measured)


def sound(names: Iterable[str]) -> tuple[list[Card], list[UserError]]:
    """The sound cards, in the order of every list, and the errors of the others."""
    cards, problems = [], zoo.halves()
    for name in names:
        try:
            cards.append(zoo.card(name))
        except UserError as error:
            problems.append(error)
    return model_names.ordered(cards), problems


def kind(card: Card) -> str:
    """STANDARD, ADVERSARIAL (trained on attacked images) or, for a brought network, UNKNOWN."""
    if card.brought:
        return UNKNOWN
    return ADVERSARIAL if card.adversarial else STANDARD


def training(card: Card) -> str:
    """How the network was trained: "adversarial at 8/255"."""
    return kind(card) + (f" at {card.recipe['attack_eps_255']:g}/255" if kind(card) == ADVERSARIAL else "")


@dataclass(frozen=True)
class Entry:
    """A network and its accuracy, by statistics mode and eps (k of k/255), 0 without an attack.

    more: what was measured on more images than these, without an attack or under one alone.
    """

    card: Card
    by_mode: dict[str, dict[float, Score]]
    more: tuple[Row, ...] = ()

    @property
    def scores(self) -> dict[float, Score]:
        """In the norm's default mode."""
        return self.by_mode[norms.modes(self.card.norm)[0]]

    @property
    def label(self) -> str:
        """For legends and sentences."""
        return model_names.title(self.card)

    @property
    def variant(self) -> Variant:
        card = self.card
        return Variant(card.name, norms.modes(card.norm)[0], card.sha256, card.norm, self.label, card.seed)


def entries(cards: Sequence[Card], table: evaluation.Table) -> list[Entry]:
    """Entries with the headline rows of the table, and with the cards' accuracies where the table has none."""
    rows: dict[str, list[Row]] = {}
    for row in table.rows:
        rows.setdefault(row.model, []).append(row)
    found = []
    for card in cards:
        mine, variant = evaluation.Table(tuple(rows.get(card.name, ()))), Entry(card, {}).variant
        by_mode = {mode: _scores(card, mine, variant.in_mode(mode)) for mode in norms.modes(card.norm)}
        found.append(Entry(card, by_mode, tuple(row for row in mine.rows if _has_more_images(row, by_mode))))
    return found


def _has_more_images(row: Row, by_mode: dict[str, dict[float, Score]]) -> bool:
    score = by_mode[row.statistics].get(row.eps_255)
    return row.pixels == "float" and score is not None and row.n > score.n


def alike(chosen: Sequence[Entry], table: evaluation.Table, eps_255: float) -> list[Entry]:
    """These networks with accuracies under the attacks that all of them had, if there are any at this size."""
    same = to_compare(table, [entry.variant for entry in chosen])
    if not any(row.eps_255 == eps_255 for row in same.rows):
        return list(chosen)
    return entries([entry.card for entry in chosen], same)


def _scores(card: Card, table: evaluation.Table, variant: Variant) -> dict[float, Score]:
    scores = {
        (row["eps_255"] or 0): Score(
            row["correct"], row["n"], row["low"], row["high"], _attack(row), measured=(card, row)
        )
        for row in card.accuracies
        if row["statistics"] == variant.statistics and _attack(row)
    }
    scores |= {
        eps: Score(row.correct, row.n, row.low, row.high, attack_of(row), row)
        for eps, row in by_size(table, variant).items()
    }
    return dict(sorted(scores.items()))


def _attack(row: dict[str, Any]) -> str:
    """The attack of a card's accuracy in words, "" if it is another one than pages show."""
    if not row["attack"]:
        return CLEAN
    usual = row["attack"] == PGD and row["settings"].get("steps") == STEPS
    return USUAL if usual else ""


def sizes(listed: Sequence[Entry]) -> list[float]:
    """The eps (k of k/255) at which any of these was measured, in order."""
    return sorted({eps for entry in listed for eps in entry.scores if eps})


@dataclass(frozen=True)
class Filter:
    """Which networks are listed. norms: () for all; architecture, training: EVERY for all."""

    norms: tuple[str, ...] = ()
    architecture: str = EVERY
    training: str = EVERY

    def passes(self, card: Card) -> bool:
        return (
            (not self.norms or card.norm in self.norms)
            and self.architecture in (EVERY, card.architecture)
            and self.training in (EVERY, kind(card))
        )


def records(listed: Sequence[Entry], eps_255: float) -> list[dict[str, Any]]:
    """The rows of the list; numbers stay numbers, so that they are sorted as such."""
    return [_record(entry, eps_255) for entry in listed]


def _record(entry: Entry, eps_255: float) -> dict[str, Any]:
    card, clean, attacked = entry.card, entry.scores.get(0), entry.scores.get(eps_255)
    measured = attacked or clean
    return {
        "network": entry.label,
        "clean (%)": clean and tenths(clean.value),
        f"at {eps_255:g}/255 (%)": attacked and tenths(attacked.value),
        "95 %": attacked and span(attacked.low, attacked.high),
        "attack": attacked and attacked.attack,
        "n": measured and measured.n,
        "training": training(card),
    }


def tenths(fraction: float) -> float:
    """A share in percent with one decimal, halves up as in every text."""
    return math.floor(1000 * fraction + 0.5 + 1e-9) / 10


def first_choice(cards: Sequence[Card]) -> list[str]:
    """Names of the networks shown at first: one of each norm, otherwise trained alike."""
    if not cards:
        return []
    first = cards[0]
    alike = ("dataset", "architecture", "width", "seed")
    chosen: dict[str, str] = {}
    for card in cards:
        same = all(getattr(card, key) == getattr(first, key) for key in alike)
        if same and card.recipe["name"] == first.recipe["name"]:
            chosen.setdefault(card.norm, card.name)
    return list(chosen.values())


def families(cards: Sequence[Card]) -> dict[str, list[str]]:
    """Names of networks that are worth comparing: "seeds", "powers" (the largest p first), "adversarial"."""
    known = [card for card in cards if card.dataset == cards[0].dataset]
    first = set(first_choice(cards))
    alike = [[card, *model_names.siblings(card, known)] for card in cards if card.name in first]
    seeds = [card.name for group in alike if len(group) > 1 for card in group]
    powers = [card.name for card in reversed(model_names.powers(known).values())]
    by_family = {
        "seeds": seeds,
        "powers": powers,
        "adversarial": [card.name for card in cards if kind(card) == ADVERSARIAL],
    }
    return {family: names for family, names in by_family.items() if len(names) > 1}
