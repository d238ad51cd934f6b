"""The zoo as rows and figures of the Models page: cards and the table of accuracies -> numbers. No Streamlit."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rnorm_core import evaluation, figures, norms, zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation.learned import LearnedLayer
from rnorm_core.ui import naming
from rnorm_core.zoo import Card

EVERY = "all"
STANDARD, ADVERSARIAL, UNKNOWN = "standard", "adversarial", "not known"
PGD, STEPS = "pgd", 20


@dataclass(frozen=True)
class Score:
    """correct of n images, with the 95 % interval as fractions; source: "card" or "table"."""

    correct: int
    n: int
    low: float
    high: float
    source: str

    @property
    def value(self) -> float:
        return self.correct / self.n

    @property
    def interval(self) -> str:
        return f"{100 * self.low:.1f}–{100 * self.high:.1f}, n = {self.n:,}"


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
    return ADVERSARIAL if card.recipe.get("attack_eps_255") else STANDARD


def training(card: Card) -> str:
    """How it was trained, in a few words."""
    size = f" at {card.recipe['attack_eps_255']:g}/255" if kind(card) == ADVERSARIAL else ""
    return kind(card) + size + (f", {len(card.curve)} epochs" if card.curve else "")


def clean(card: Card, table: evaluation.Table) -> Score | None:
    """Accuracy without an attack in the norm's default mode, on the most images it was measured on."""
    return _best(card, table, None, 0)


def robust(card: Card, table: evaluation.Table, eps_255: float) -> Score | None:
    """The same under PGD with 20 steps at eps_255 (k of k/255)."""
    return _best(card, table, PGD, eps_255)


def _best(card: Card, table: evaluation.Table, attack: str | None, eps_255: float) -> Score | None:
    mode = norms.modes(card.norm)[0]
    about = {"statistics": mode, "attack": attack or "clean", "eps_255": eps_255, "pixels": "float"}
    found = [
        Score(row.correct, row.n, row.low, row.high, "table")
        for row in table.select(model=card.name, **about).rows
        if attack is None or row.settings.get("steps") == STEPS
    ]
    if (row := card.accuracy(attack, eps_255 if attack else None)) and row["settings"].get("steps", STEPS) == STEPS:
        found.append(Score(row["correct"], row["n"], row["low"], row["high"], "card"))
    return max(found, key=lambda score: score.n, default=None)


def sizes(cards: Sequence[Card], table: evaluation.Table) -> list[float]:
    """The eps (k of k/255) under which any of these was measured with PGD, in order."""
    known = {row["eps_255"] for card in cards for row in card.accuracies if row["attack"] == PGD}
    names = {card.name for card in cards}
    return sorted(known | {row.eps_255 for row in table.select(attack=PGD, pixels="float").rows if row.model in names})


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


def record(card: Card, table: evaluation.Table, eps_255: float) -> dict[str, Any]:
    """A row of the list, for people; numbers stay numbers, so that they sort as such."""
    plain, attacked = clean(card, table), robust(card, table, eps_255)
    under = f"PGD-{STEPS} at {eps_255:g}/255"
    return {
        "model": card.name,
        "norm": figures.LOOKS[card.norm].name,
        "p": card.power,
        "clean (%)": plain and 100 * plain.value,
        "clean, 95 %": plain and plain.interval,
        f"{under} (%)": attacked and 100 * attacked.value,
        f"{under}, 95 %": attacked and attacked.interval,
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
    known = {card.name: card.norm for card in cards}
    alike = [[name, *naming.siblings(name, known)] for name in first_choice(cards)]
    seeds = [name for names in alike if len(names) > 1 for name in names]
    powers = list(reversed(naming.powers(known).values()))
    found = {
        "seeds": seeds,
        "powers": powers,
        "adversarial": [card.name for card in cards if kind(card) == ADVERSARIAL],
    }
    return {family: names for family, names in found.items() if len(names) > 1}


def label(card: Card) -> str:
    """What it is called in legends and sentences."""
    return naming.title(card.name, card.norm)


# --- for the figures


def trained(card: Card) -> figures.Training:
    columns = ([row[key] for row in card.curve] for key in ("epoch", "train_loss", "train_accuracy"))
    epochs, pixels = min(card.recipe.get("small_epochs", 0), len(card.curve)), card.recipe.get("small_crop", 0)
    small = (epochs, pixels) if epochs and pixels < card.recipe.get("crop", 0) else None
    return figures.Training(label(card), card.norm, card.sha256, *columns, small=small)


def curve(card: Card, table: evaluation.Table) -> figures.Curve | None:
    """Accuracy by the size of PGD, clean as 0: each point on the most images; None if nothing under attack is known."""
    points = [(eps, score) for eps in sizes([card], table) if (score := robust(card, table, eps))]
    if not points:
        return None
    if plain := clean(card, table):
        points.insert(0, (0, plain))
    eps, scores = zip(*points, strict=True)
    columns = ([getattr(score, key) for score in scores] for key in ("correct", "n", "low", "high"))
    return figures.Curve(label(card), card.norm, norms.modes(card.norm)[0], eps, *columns, weight_hash=card.sha256)


# What is drawn of the norm layers: the layer's number, the question, the axis, whether it is logarithmic.
QUANTITIES = (
    ("gamma", "How large is the learned gamma?", "|gamma|", False),
    ("mean", "Where is the running mean?", "running mean", False),
    ("spread", "How far do the inputs spread?", "deviation (BN), range (RN)", True),
    ("gain", "How much does a layer amplify?", "|gamma| / scale", True),
)


def depth(layers: Sequence[LearnedLayer], quantity: str, card: Card) -> figures.Depth | None:
    """A quantity over a network's norm layers; None where its norm has no such thing."""
    values = [(layer.name, getattr(layer, quantity)) for layer in layers]
    known = [(name, abs(v) if quantity == "gamma" else v) for name, v in values if v is not None]
    if not known:
        return None
    names, numbers = zip(*known, strict=True)
    return figures.Depth(label(card), card.norm, card.sha256, names, numbers)


def lacking(cards: Sequence[Card]) -> str:
    """What networks have none of these, and why; empty if all have all."""
    why = {
        "none": "no norm layer, so neither gamma nor statistics",
        "gn": "gamma but no statistics: GroupNorm takes them anew from each image",
        "dualbn": "two of each layer: those for clean images are drawn",
    }
    return " ".join(f"{card.name} has {why[card.norm]}." for card in cards if card.norm in why)
