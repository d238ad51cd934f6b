"""Titles of networks, the order of networks in lists, and the pairs of networks that are worth comparing.

All of this is read from the networks' cards, because a file may have any name. All functions are pure.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from rnorm_core.cards import Card
from rnorm_core.data import CLASSES
from rnorm_core.models import ARCHITECTURES
from rnorm_core.norms import DEFAULT_POWER, NORM_NAMES

# If data set, architecture and recipe are the usual ones, a network's title is only its norm.
USUAL_DATASET, USUAL_ARCHITECTURE, USUAL_RECIPE, ADVERSARIAL_RECIPE = "cifar10", "resnet20", "fast", "adv"
_WORDS = {"early": "stopped early"}  # for parts of a name


def plain(dataset: str, norm: str) -> str:
    """Name of the plain network of a data set and norm, whether it exists or not; other networks are variations of it.

    The plain networks of two norms differ only in the norm. But the plain network without a norm has the recipe that it
    needs.
    """
    return default_name(dataset, USUAL_ARCHITECTURE, norm)


def default_name(
    dataset: str, architecture: str, norm: str, *, power: float | None = None, recipe: str = USUAL_RECIPE, seed: int = 0
) -> str:
    """The name that training gives a network: "cifar10-resnet20-rn-p050-adv-seed1".

    Power, recipe and seed are left out where they are the usual ones.
    """
    name = f"{dataset}-{architecture}-{norm}"
    if power not in (None, DEFAULT_POWER):
        hundredths = round(power * 100)
        name += f"-p{hundredths:03d}" if hundredths / 100 == power else f"-p{written(power).replace('.', '_')}"
    if recipe != USUAL_RECIPE:
        name += f"-{recipe}"
    return name + (f"-seed{seed}" if seed else "")


def written(power: float) -> str:
    """p in as few digits as distinguish it from every other number: two networks never share a name."""
    return f"{power:g}" if float(f"{power:g}") == power else repr(power)


@dataclass(frozen=True)
class Kind:
    """What distinguishes a network from others.

    power:  RobustNorm's p, None for other norms.
    rest:   an unusual recipe, and a name that training would not have given.
    upload: the file of a brought network and the first digits of its hash, "" for others.
    """

    dataset: str
    architecture: str
    norm: str
    power: float | None = None
    adversarial: bool = False
    seed: int = 0
    rest: tuple[str, ...] = ()
    upload: str = ""


def kind(card: Card) -> Kind:
    if card.brought:
        file = card.recipe.get("file", card.name)
        return Kind("", "", card.norm, card.power, upload=f"{file_stem(file)} {card.sha256[:4]}")
    recipe = str(card.recipe["name"])
    # The title already has words for the usual recipe and for adversarial training. For "adv-pgd" only "pgd" is left.
    usual = ADVERSARIAL_RECIPE if card.adversarial else USUAL_RECIPE
    rest = [part for part in recipe.split("-") if part != usual]
    given = default_name(card.dataset, card.architecture, card.norm, power=card.power, recipe=recipe, seed=card.seed)
    if card.name != given:
        rest.append(card.name.removeprefix(f"{given}-"))
    return Kind(card.dataset, card.architecture, card.norm, card.power, card.adversarial, card.seed, tuple(rest))


def file_stem(filename: str) -> str:
    """The filename's part of a brought network's name: letters, digits and underscores, at most 24."""
    return re.sub(r"\W+", "_", Path(filename).stem)[:24].strip("_") or "model"


def is_plain(card: Card) -> bool:
    """Whether it is the plain network of its data set and norm; see `plain`."""
    return card.name == plain(card.dataset, card.norm)


def title(card: Card, *, with_seed: bool = True) -> str:
    """Title of a network in legends and sentences; with the seed, no two networks have the same title.

    "BatchNorm", "BatchNorm, seed 1", "RobustNorm p=0.5", "BatchNorm adv. trained", "VGG-11 BatchNorm".
    """
    known = kind(card) if with_seed else replace(kind(card), seed=0)
    return " ".join([*_dataset_and_architecture(known), _rest(known)])


def listed(card: Card) -> str:
    """Title of a network in lists, where a line has room for only a few letters: its group first, then the rest.

    "BatchNorm, seed 1", "Adv. trained · BatchNorm", "VGG-11 · BatchNorm", "Yours · net 1a2b, BatchNorm".
    """
    known = kind(card)
    if known.upload:
        return f"Yours · {known.upload}, {_norm(known)}"
    group = _dataset_and_architecture(known)
    group += ["adv. trained" if group else "Adv. trained"] if known.adversarial else []
    return " · ".join(filter(None, [" ".join(group), _rest(replace(known, adversarial=False))]))


def _dataset_and_architecture(known: Kind) -> list[str]:
    parts = [dataset(known.dataset)] if known.dataset not in ("", USUAL_DATASET) else []
    return parts + ([architecture(known.architecture)] if known.architecture not in ("", USUAL_ARCHITECTURE) else [])


def _rest(known: Kind) -> str:
    """The title without data set and architecture."""
    parts = [_norm(known) + (" adv. trained" if known.adversarial else "")]
    parts += [f"yours: {known.upload}"] if known.upload else []
    parts += [f"seed {known.seed}"] if known.seed else []
    return ", ".join([*parts, *(_WORDS.get(part, part) for part in known.rest)])


def _norm(known: Kind) -> str:
    name, usual = NORM_NAMES[known.norm], (None, DEFAULT_POWER)
    return name if known.power in usual and not (known.upload and known.power) else f"{name} p={written(known.power)}"


def architecture(name: str) -> str:
    """Title of an architecture: "resnet20" -> "ResNet-20". For torchvision networks, their name in torchvision."""
    if not (parts := re.fullmatch(r"([a-z]+)(\d*)", name)):
        return name.rpartition(":")[2]
    family, depth = parts.groups()
    return "-".join(filter(None, [{"resnet": "ResNet", "vgg": "VGG"}.get(family, family), depth]))


def dataset(name: str) -> str:
    """Title of a data set: "cifar10" -> "CIFAR-10"."""
    return name.replace("cifar", "CIFAR-")


def in_a_text(text: str) -> str:
    """A text with titles of networks: each data set stands before the first of its networks only.

    A figure's labels are read one by one, so there every title keeps its data set.
    """
    norms = "|".join(NORM_NAMES.values())
    for name in CLASSES:
        named = re.compile(rf"{dataset(name)} (?=(\S+-\d+ )?({norms}))")
        if first := named.search(text):
            text = text[: first.end()] + named.sub("", text[first.end() :])
    return text


def ordered(cards: Iterable[Card]) -> list[Card]:
    """In the order of every list: by data set, architecture, training, seed, norm and p; brought networks last."""
    order = list(NORM_NAMES)

    def place(card: Card) -> tuple:
        known = kind(card)
        has_architecture = known.architecture in ARCHITECTURES
        return (
            bool(known.upload), list(CLASSES).index(card.dataset),
            ARCHITECTURES.index(known.architecture) if has_architecture else len(ARCHITECTURES), known.adversarial,
            known.rest, known.seed, order.index(known.norm), known.power != DEFAULT_POWER, -(known.power or 0),
            card.name,
        )  # fmt: skip

    return sorted(cards, key=place)


def siblings(card: Card, cards: Iterable[Card]) -> list[Card]:
    """Those of `cards` that differ from `card` only in their seed, ordered by seed; without `card` itself."""
    mine = kind(card)
    if mine.upload:
        return []
    alike = [other for other in cards if other.name != card.name and replace(kind(other), seed=mine.seed) == mine]
    return sorted(alike, key=lambda other: other.seed)


def powers(cards: Iterable[Card]) -> dict[float, Card]:
    """p -> the RobustNorm network that differs from the plain one only in p, ordered by p. cards: of one data set."""
    by_power = {}
    for card in cards:
        known = kind(card)
        usual = Kind(card.dataset, USUAL_ARCHITECTURE, "rn", known.power)
        if card.power is not None and known == usual:
            by_power[card.power] = card
    return dict(sorted(by_power.items()))


@dataclass(frozen=True)
class Pair:
    """Names of two networks that are worth comparing, and the reason. what: their titles."""

    why: str
    left: str
    right: str
    what: str

    def __str__(self) -> str:
        return f"{self.why}: {self.what}"


def pairs(cards: Iterable[Card]) -> list[Pair]:
    """Pairs that are worth comparing, by reason, the most instructive first. Only pairs with both networks in `cards`.

    cards: of one data set.
    """
    kinds = {known: card for card in ordered(cards) if not (known := kind(card)).upload}

    def offer(why: str, left: Kind, right: Kind) -> list[Pair]:
        if left not in kinds or right not in kinds:
            return []
        one, other = kinds[left], kinds[right]
        return [Pair(why, one.name, other.name, f"{title(one)} | {title(other)}")]

    def other_norms(why: str, known: Kind, offered: Iterable[str]) -> list[Pair]:
        to = (replace(known, norm=norm, power=DEFAULT_POWER if norm == "rn" else None) for norm in offered)
        return [pair for other in to for pair in offer(why, known, other)]

    batch = [known for known in kinds if known.norm == "bn"]
    others = [norm for norm in NORM_NAMES if norm != "bn"]
    offered: list[Pair] = []
    for known in batch:
        if not known.adversarial:
            offered += other_norms("Same seed, another norm", known, others if is_plain(kinds[known]) else ["rn"])
        if "early" in known.rest:
            robust = replace(known, norm="rn", power=DEFAULT_POWER, rest=())
            offered += offer("As accurate, by an early stop", known, robust)
    if len(by_power := powers(kinds.values())) > 1:
        low, *_, high = (kind(card) for card in by_power.values())
        offered += offer(f"p from {low.power:g} to {high.power:g}", low, high)
    for known in batch:
        if known.adversarial:
            offered += other_norms("Adversarially trained", known, others)
    for known in kinds:
        if known.adversarial:
            offered += offer("What adversarial training changes", replace(known, adversarial=False), known)
    for known in kinds:
        if known.seed == 1 and not known.adversarial:
            offered += offer("Only the seed differs", replace(known, seed=0), known)
    return offered
