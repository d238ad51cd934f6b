"""The zoo as rows and figures of the Models page: cards and the table of accuracies -> numbers. No Streamlit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from rnorm_core import evaluation, figures, norms, zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation import Row
from rnorm_core.evaluation.benefits import epochs_on_crops
from rnorm_core.evaluation.learned import LearnedLayer
from rnorm_core.ui import naming, shipped
from rnorm_core.ui.crafting import Side
from rnorm_core.zoo import Card

EVERY = "all"
STANDARD, ADVERSARIAL, UNKNOWN = "standard", "adversarial", "not known"
CLEAN, PGD, STEPS = "clean", "pgd", 20
STRONG = ("apgd", "square")  # attacks that make a worst case one


@dataclass(frozen=True)
class Score:
    """correct of n images, with the 95 % interval as fractions; source: "card" or "table".

    attacks: of a worst case, over which.
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
        of = f"; of {', '.join(self.attacks)}" if self.attacks else ""
        return f"{100 * self.low:.1f}–{100 * self.high:.1f}, n = {self.n:,}{of}"


def sound(names: Iterable[str]) -> tuple[list[Card], list[UserError]]:
    """The cards that are sound, as they are listed everywhere, and what is wrong with the others."""
    cards, problems = [], zoo.halves()
    for name in names:
        try:
            cards.append(zoo.card(name))
        except UserError as error:
            problems.append(error)
    order = naming.ordered({card.name: card.norm for card in cards})
    return sorted(cards, key=lambda card: order.index(card.name)), problems


def kind(card: Card) -> str:
    """STANDARD, ADVERSARIAL (trained on attacked images) or, of a model that was brought, UNKNOWN."""
    if zoo.is_brought(card.name):
        return UNKNOWN
    return ADVERSARIAL if card.adversarial else STANDARD


def training(card: Card) -> str:
    """How it was trained, in a few words."""
    size = f" at {card.recipe['attack_eps_255']:g}/255" if kind(card) == ADVERSARIAL else ""
    return kind(card) + size + (f", {len(card.curve)} epochs" if card.curve else "")


@dataclass(frozen=True)
class Entry:
    """A model and its accuracy in its norm's default mode, by eps (k of k/255): without an attack at 0, else PGD.

    worst: over all attacks it was measured under, where APGD or Square Attack are among them.
    """

    card: Card
    scores: dict[float, Score]
    worst: dict[float, Score] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What it is called in legends and sentences."""
        return naming.title(self.card.name, self.card.norm)


def entries(cards: Sequence[Card], table: evaluation.Table) -> list[Entry]:
    """Each accuracy on the most images it was measured on, be it in the card or in the table."""
    rows: dict[str, list[Row]] = {}
    for row in table.rows:
        rows.setdefault(row.model, []).append(row)
    return [Entry(card, _scores(card, mine := rows.get(card.name, [])), _worst(card, mine)) for card in cards]


def _scores(card: Card, rows: Sequence[Row]) -> dict[float, Score]:
    mode = norms.modes(card.norm)[0]
    found = [
        (row.eps_255, Score(row.correct, row.n, row.low, row.high, "table"))
        for row in rows
        if row.statistics == mode and row.pixels == "float" and _counts(row.attack, row.settings)
    ]
    found += [
        (row["eps_255"] or 0, Score(row["correct"], row["n"], row["low"], row["high"], "card"))
        for row in card.accuracies
        if row["statistics"] == mode and _counts(row["attack"] or CLEAN, row["settings"])
    ]
    best: dict[float, Score] = {}
    for eps, score in sorted(found, key=lambda pair: (pair[0], -pair[1].n)):
        best.setdefault(eps, score)
    return best


def _worst(card: Card, rows: Sequence[Row]) -> dict[float, Score]:
    side = Side(card.name, norms.modes(card.norm)[0], card.norm, card.sha256)
    strong = {row.eps_255 for row in rows if row.attack in STRONG and row.statistics == side.statistics}
    lines = shipped.lines(evaluation.Table(tuple(rows)), [side], shipped.WORST, "float", fair=False) if strong else []
    return {
        row.eps_255: Score(row.correct, row.n, row.low, row.high, "table", tuple(row.settings["worst of"]))
        for line in lines
        for row in line.rows
        if row.eps_255 in strong
    }


def _counts(attack: str, settings: dict[str, Any]) -> bool:
    return attack == CLEAN or (attack == PGD and settings.get("steps") == STEPS)


def sizes(listed: Sequence[Entry]) -> list[float]:
    """The eps (k of k/255) under which any of these was measured, in order."""
    return sorted({eps for entry in listed for eps in entry.scores if eps})


@dataclass(frozen=True)
class Filter:
    """What to list: norms (none: all), an architecture and a training, or EVERY."""

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
    """The rows of the list, for people; numbers stay numbers, so that they sort as such."""
    worst = any(eps_255 in entry.worst for entry in listed)
    return [_record(entry, eps_255, worst) for entry in listed]


def _record(entry: Entry, eps_255: float, with_worst: bool) -> dict[str, Any]:
    card, plain, attacked = entry.card, entry.scores.get(0), entry.scores.get(eps_255)
    under, worst = f"PGD-{STEPS} at {eps_255:g}/255", entry.worst.get(eps_255)
    found = {"clean": plain, under: attacked} | ({"worst case": worst} if with_worst else {})
    numbers = {f"{name} (%)": score and 100 * score.value for name, score in found.items()}
    intervals = {f"{name}, 95 %": score and score.interval for name, score in found.items()}
    return {
        "model": card.name,
        **{key: value for pair in zip(numbers.items(), intervals.items(), strict=True) for key, value in pair},
        "norm": figures.LOOKS[card.norm].name,
        "p": card.power,
        "training": training(card),
        "seed": card.seed,
        "data": card.dataset,
        "architecture": card.architecture + (f" × {card.width:g}" if card.width != 1 else ""),
        "parameters": card.parameters,
        "weights": card.sha256[:12],
    }


def first_choice(cards: Sequence[Card]) -> list[str]:
    """What is shown before anybody has chosen: one of each norm, alike in everything else."""
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
    """Names of models that are worth seeing together: "seeds", "powers" (the largest p first), "adversarial"."""
    known = {card.name: card.norm for card in cards if card.dataset == cards[0].dataset}
    alike = [[name, *naming.siblings(name, known)] for name in first_choice(cards)]
    seeds = [name for names in alike if len(names) > 1 for name in names]
    powers = list(reversed(naming.powers(known).values()))
    found = {
        "seeds": seeds,
        "powers": powers,
        "adversarial": [card.name for card in cards if kind(card) == ADVERSARIAL],
    }
    return {family: names for family, names in found.items() if len(names) > 1}


# --- for the figures


def trained(entry: Entry) -> figures.Training:
    card = entry.card
    columns = ([row[key] for row in card.curve] for key in ("epoch", "train_loss", "train_accuracy"))
    epochs, pixels = min(epochs_on_crops(card), len(card.curve)), card.recipe.get("small_crop", 0)
    small = (epochs, pixels) if epochs and pixels < card.recipe.get("crop", 0) else None
    return figures.Training(entry.label, card.norm, card.sha256, *columns, small=small)


def curve(entry: Entry) -> figures.Curve | None:
    """Accuracy by the size of the attack; None if nothing under attack is known."""
    if not any(entry.scores):
        return None
    card, scores = entry.card, entry.scores.values()
    columns = ([getattr(score, key) for score in scores] for key in ("correct", "n", "low", "high"))
    return figures.Curve(
        entry.label, card.norm, norms.modes(card.norm)[0], list(entry.scores), *columns, weight_hash=card.sha256
    )


# What is drawn of the norm layers: the layer's number, the question, the axis, whether it is logarithmic.
QUANTITIES = (
    ("gamma", "How large is the learned gamma?", "|gamma|", False),
    ("mean", "Where is the running mean?", "running mean", False),
    ("spread", "How far do the inputs spread?", "deviation (BN), range (RN)", True),
    ("gain", "How much does a layer amplify?", "|gamma| / scale", True),
)


def depth(layers: Sequence[LearnedLayer], quantity: str, entry: Entry) -> figures.Depth | None:
    """A quantity over a network's norm layers; None where its norm has no such thing."""
    values = [(layer.name, getattr(layer, quantity)) for layer in layers]
    known = [(name, abs(v) if quantity == "gamma" else v) for name, v in values if v is not None]
    if not known:
        return None
    names, numbers = zip(*known, strict=True)
    return figures.Depth(entry.label, entry.card.norm, entry.card.sha256, names, numbers)


def lacking(cards: Sequence[Card]) -> str:
    """What networks have none of these, and why; empty if all have all."""
    why = {
        "none": "no norm layer, so neither gamma nor statistics",
        "gn": "gamma but no statistics: GroupNorm takes them anew from each image",
        "dualbn": "two of each layer: those for clean images are drawn",
    }
    return " ".join(f"{card.name} has {why[card.norm]}." for card in cards if card.norm in why)
