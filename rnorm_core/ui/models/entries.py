"""The networks of the Models page with their accuracies, from cards and the table; filters and records of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rnorm_core import evaluation, model_names, norms, zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation import Row
from rnorm_core.evaluation.tables import curves
from rnorm_core.figures.style import LOOKS
from rnorm_core.zoo import Card, Variant

EVERY = "all"
STANDARD, ADVERSARIAL, UNKNOWN = "standard", "adversarial", "not known"
CLEAN, PGD, STEPS = "clean", "pgd", 20
STRONG = ("apgd", "square")  # a worst case has at least one of these attacks


@dataclass(frozen=True)
class Score:
    """correct of n images, with the 95 % interval, low to high, as fractions.

    source: "card" or "table". attacks: the attacks of a worst case, () otherwise.
    """

    correct: int
    n: int
    low: float
    high: float
    source: str
    attacks: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        return self.correct / self.n

    @property
    def interval(self) -> str:
        attacks = f"; of {', '.join(self.attacks)}" if self.attacks else ""
        return f"{100 * self.low:.1f}–{100 * self.high:.1f}, n = {self.n:,}{attacks}"


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
    """How the network was trained: "adversarial at 8/255, 15 epochs"."""
    size = f" at {card.recipe['attack_eps_255']:g}/255" if kind(card) == ADVERSARIAL else ""
    return kind(card) + size + (f", {len(card.curve)} epochs" if card.curve else "")


@dataclass(frozen=True)
class Entry:
    """A network and its accuracy in its norm's default statistics mode, by eps (k of k/255).

    scores: under PGD of `STEPS` steps; at eps 0 without an attack.
    worst:  over all attacks that were measured; only for sizes at which APGD or Square Attack is among them.
    """

    card: Card
    scores: dict[float, Score]
    worst: dict[float, Score] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """For legends and sentences."""
        return model_names.title(self.card)


def entries(cards: Sequence[Card], table: evaluation.Table) -> list[Entry]:
    """Entries from cards and table. If both have an accuracy for a condition, the one on more images counts."""
    rows: dict[str, list[Row]] = {}
    for row in table.rows:
        rows.setdefault(row.model, []).append(row)
    return [Entry(card, _scores(card, mine := rows.get(card.name, [])), _worst(card, mine)) for card in cards]


def _scores(card: Card, rows: Sequence[Row]) -> dict[float, Score]:
    mode = norms.modes(card.norm)[0]
    scores = [
        (row.eps_255, Score(row.correct, row.n, row.low, row.high, "table"))
        for row in rows
        if row.statistics == mode and row.pixels == "float" and _is_shown(row.attack, row.settings)
    ]
    scores += [
        (row["eps_255"] or 0, Score(row["correct"], row["n"], row["low"], row["high"], "card"))
        for row in card.accuracies
        if row["statistics"] == mode and _is_shown(row["attack"] or CLEAN, row["settings"])
    ]
    best: dict[float, Score] = {}
    for eps, score in sorted(scores, key=lambda pair: (pair[0], -pair[1].n)):
        best.setdefault(eps, score)
    return best


def _worst(card: Card, rows: Sequence[Row]) -> dict[float, Score]:
    variant = Variant(card.name, norms.modes(card.norm)[0], card.sha256)
    strong = {row.eps_255 for row in rows if row.attack in STRONG and row.statistics == variant.statistics}
    lines = curves.lines(evaluation.Table(tuple(rows)), [variant], curves.WORST, "float", fair=False) if strong else []
    return {
        row.eps_255: Score(row.correct, row.n, row.low, row.high, "table", tuple(row.settings["worst of"]))
        for line in lines
        for row in line.rows
        if row.eps_255 in strong
    }


def _is_shown(attack: str, settings: dict[str, Any]) -> bool:
    return attack == CLEAN or (attack == PGD and settings.get("steps") == STEPS)


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
    worst = any(eps_255 in entry.worst for entry in listed)
    return [_record(entry, eps_255, worst) for entry in listed]


def _record(entry: Entry, eps_255: float, with_worst: bool) -> dict[str, Any]:
    card, plain, attacked = entry.card, entry.scores.get(0), entry.scores.get(eps_255)
    pgd, worst = f"PGD-{STEPS} at {eps_255:g}/255", entry.worst.get(eps_255)
    scores = {"clean": plain, pgd: attacked} | ({"worst case": worst} if with_worst else {})
    numbers = {f"{name} (%)": score and 100 * score.value for name, score in scores.items()}
    intervals = {f"{name}, 95 %": score and score.interval for name, score in scores.items()}
    return {
        "model": card.name,
        **{key: value for pair in zip(numbers.items(), intervals.items(), strict=True) for key, value in pair},
        "norm": LOOKS[card.norm].name,
        "p": card.power,
        "training": training(card),
        "seed": card.seed,
        "data": card.dataset,
        "architecture": card.architecture + (f" × {card.width:g}" if card.width != 1 else ""),
        "parameters": card.parameters,
        "weights": card.sha256[:12],
    }


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
