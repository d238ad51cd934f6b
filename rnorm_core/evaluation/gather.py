"""Which measurements speak to a claim: from tables and cards to evidence, with the networks that it rests on.

Compared are networks that were trained alike, seed by seed, on the set of images on which most was measured of
both.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import Tensor

from rnorm_core.evaluation.benefits import LEVELS, epochs_on_crops, epochs_to, trained_as
from rnorm_core.evaluation.evidence import (
    Contest,
    Count,
    Displacement,
    Excess,
    Need,
    Recovery,
    Retention,
    Speed,
    Upkeep,
)
from rnorm_core.evaluation.moved import Moved
from rnorm_core.evaluation.paired import Paired, paired
from rnorm_core.evaluation.row import Row
from rnorm_core.norms import modes
from rnorm_core.zoo import Card, plain

POWER = 0.2  # RobustNorm's default, the paper's
NAMES = {"bn": "BatchNorm", "rn": "RobustNorm", "none": "no norm"}


@dataclass(frozen=True)
class Source:
    """A network in a statistics mode that entered a judgement; seed: of its training."""

    model: str
    statistics: str
    weight_hash: str
    seed: int


Side = tuple[str, str]  # norm, statistics
Sources = tuple[Source, ...]
Alike = dict[str, dict[int, Card]]  # norm -> seed -> card
Curves = dict[str, dict[float, Tensor]]  # set of images -> eps in grey levels, 0 for clean -> bool, which are right
Measured = Callable[[Card, str], Curves]  # of a network in a mode
Nothing: tuple[None, Sources] = (None, ())


def trained_alike(cards: Iterable[Card]) -> Alike:
    """The networks that were trained like the plain BatchNorm, whatever their norm, by seed.

    cards: of one data set.
    """
    cards = sorted(cards, key=lambda card: not _is_reference(card))  # of two with one seed, it counts
    reference = next(filter(_is_reference, cards), None)
    found: Alike = {}
    for card in cards:
        if reference and trained_as(card) == trained_as(reference) and card.power in (None, POWER):
            found.setdefault(card.norm, {}).setdefault(card.seed, card)
    return found


def _is_reference(card: Card) -> bool:
    return card.name == plain(card.dataset, "bn")


def _source(card: Card, statistics: str) -> Source:
    return Source(card.name, statistics, card.sha256, card.seed)


def own(rows: Sequence[Row], card: Card, statistics: str) -> Curves:
    """Under PGD made for the network in this mode, with float pixels."""
    found: Curves = {}
    wanted = card.name, card.sha256, statistics, "float"
    for row in rows:
        here = (row.model, row.weight_hash, row.statistics, row.pixels) == wanted
        if here and row.attack in ("clean", "pgd"):
            found.setdefault(row.images, {}).setdefault(row.eps_255, row.mask)
    return {images: curve for images, curve in found.items() if 0 in curve}


def worst(rows: Sequence[Row], card: Card, statistics: str) -> Curves:
    """What is right under each of the attacks that were made for the network in one of its modes; only sizes at which
    all of these were.

    rows: of the laboratories.
    """
    found: Curves = {}
    attackers: dict[tuple[str, float], set[str]] = {}
    for row in rows:
        if (row.model, row.weight_hash, row.statistics) != (card.name, card.sha256, statistics):
            continue
        made_for = row.settings.get("made_for", {})
        if made_for.get("weight_hash") == card.sha256 or (row.attack == "clean" and row.settings.get("crossed")):
            curve = found.setdefault(row.images, {})
            curve[row.eps_255] = curve[row.eps_255] & row.mask if row.eps_255 in curve else row.mask
            attackers.setdefault((row.images, row.eps_255), set()).add(made_for.get("statistics"))
    return {
        images: {eps: mask for eps, mask in curve.items() if not eps or attackers[images, eps] >= set(modes(card.norm))}
        for images, curve in found.items()
        if 0 in curve
    }


def _most(curves: Sequence[Curves]) -> list[dict[float, Tensor]] | None:
    """The curves on the set of images on which all were measured at most sizes, of equals the largest."""
    common = set(curves[0]).intersection(*curves[1:])
    if not common:
        return None

    def worth(images: str) -> tuple[int, int]:
        shared = set(curves[0][images]).intersection(*(curve[images] for curve in curves))
        return len(shared), len(curves[0][images][0])

    images = max(common, key=worth)
    return [curve[images] for curve in curves]


def _pairs(of: Measured, alike: Alike, left: Side, right: Side) -> dict[int, list[dict[float, Tensor]]]:
    """By seed: the two sides' curves on the same images."""
    seeds = sorted(alike.get(left[0], {}).keys() & alike.get(right[0], {}).keys())
    found = {}
    for seed in seeds:
        if shared := _most([of(alike[norm][seed], mode) for norm, mode in (left, right)]):
            found[seed] = shared
    return found


def contest(of: Measured, alike: Alike, left: Side, right: Side, under: str = "") -> tuple[Contest | None, Sources]:
    """Left against right on the images that both get right when clean. under: by which attacks, if not its own."""
    by_eps: dict[float, dict[int, Paired]] = {}
    pairs = _pairs(of, alike, left, right)
    for seed, (one, other) in pairs.items():
        both = one[0] & other[0]
        for eps in sorted((one.keys() & other.keys()) - {0}):
            if both.any():
                by_eps.setdefault(eps, {})[seed] = paired(one[eps][both], other[eps][both])
    if not by_eps:
        return Nothing
    sources = tuple(_source(alike[norm][seed], mode) for norm, mode in (left, right) for seed in pairs)
    return Contest(_label(left), _label(right), by_eps, under), sources


def retention(rows: Sequence[Row], alike: Alike, side: Side) -> tuple[Retention | None, Sources]:
    """What attacks made for the network leave of its accuracy."""
    norm, mode = side
    by_eps: dict[float, dict[int, tuple[Count, Count]]] = {}
    used = []
    for seed, card in sorted(alike.get(norm, {}).items()):
        if shared := _most([own(rows, card, mode)]):
            used.append(_source(card, mode))
            (curve,) = shared
            for eps in sorted(curve.keys() - {0}):
                by_eps.setdefault(eps, {})[seed] = (count(curve[0]), count(curve[eps]))
    return (Retention(_label(side), by_eps), tuple(used)) if by_eps else Nothing


def count(hits: Tensor) -> Count:
    """Of bool (n,), which images are right."""
    return Count(int(hits.sum()), len(hits))


def _label(side: Side) -> str:
    norm, mode = side
    return NAMES[norm] if norm == "none" else f"{NAMES[norm]}, {mode}"


# --- the layers


def _moved_of(rows: Sequence[Moved], alike: Alike, norm: str) -> list[Moved]:
    known = {(card.name, card.sha256) for card in alike.get(norm, {}).values()}
    return [row for row in rows if (row.model, row.weight_hash) in known]


def _cards_of(rows: Sequence[Moved], alike: Alike, norm: str) -> list[Card]:
    measured = {row.model for row in rows}
    return [card for _, card in sorted(alike.get(norm, {}).items()) if card.name in measured]


def displacement(
    rows: Sequence[Moved], alike: Alike, norm: str, measures: tuple[str, ...]
) -> tuple[Displacement | None, Sources]:
    """Which layers lie beyond their natural band in one of `measures`, under PGD and under noise."""
    rows = _moved_of(rows, alike, norm)
    by_attack: dict[str, dict] = {"pgd": {}, "noise": {}}
    for row in rows:
        # Without an attack is attack and control alike: what chance does.
        for kind in by_attack if row.attack == "clean" else (row.attack,):
            by_attack[kind].setdefault(row.eps_255, {})[row.model] = row.beyond(*measures)
    attacked = {eps: models for eps, models in by_attack["pgd"].items() if eps}
    if not attacked:
        return Nothing
    sources = tuple(_source(card, "tracked") for card in _cards_of(rows, alike, norm))
    n = min(row.n for row in rows)
    return Displacement(f"{NAMES[norm]}, tracked", attacked, by_attack["noise"], n, len(measures)), sources


def excess(rows: Sequence[Moved], alike: Alike, norm: str) -> tuple[Excess | None, Sources]:
    """Attack against noise of the same size, on the same images."""
    rows = _moved_of(rows, alike, norm)
    noise = {(row.model, row.images, row.eps_255): row for row in rows if row.attack == "noise"}
    by_eps: dict[float, dict[str, np.ndarray]] = {}
    for row in rows:
        if row.attack == "pgd" and (other := noise.get((row.model, row.images, row.eps_255))):
            by_eps.setdefault(row.eps_255, {})[row.model] = row.further(other, "wasserstein")
    sources = tuple(_source(card, "tracked") for card in _cards_of(rows, alike, norm))
    return (Excess(f"{NAMES[norm]}, tracked", by_eps, min(row.n for row in rows)), sources) if by_eps else Nothing


def recovery(rows: Sequence[Moved], alike: Alike, norm: str) -> tuple[Recovery | None, Sources]:
    """How many images that an attack cost come back with the batch's own statistics."""
    rows = [row for row in _moved_of(rows, alike, norm) if row.own is not None]
    clean = {(row.model, row.images): row.mask() for row in rows if row.attack == "clean"}
    by_eps: dict[float, tuple[int, int]] = {}
    for row in rows:
        if row.attack == "pgd" and (row.model, row.images) in clean:
            lost = clean[row.model, row.images] & ~row.mask()
            before = by_eps.get(row.eps_255, (0, 0))
            by_eps[row.eps_255] = before[0] + int((lost & row.mask("own")).sum()), before[1] + int(lost.sum())
    if not by_eps:
        return Nothing
    cards = _cards_of(rows, alike, norm)
    return Recovery(NAMES[norm], by_eps), tuple(_source(c, mode) for c in cards for mode in ("tracked", "batch"))


# --- batch sizes, benefits


def need(rows: Sequence[Row], alike: Alike, norm: str) -> tuple[Need | None, Sources]:
    """Accuracy by batch size. rows: of the file of batch sizes; of the first seed alone."""
    card = alike.get(norm, {}).get(_first(alike, norm))
    rows = [row for row in rows if card and (row.model, row.weight_hash) == (card.name, card.sha256)]

    def counts(wanted: Callable[[Row], bool]) -> dict[int, Count]:
        return {row.batch_size: Count(row.correct, row.n) for row in rows if wanted(row)}

    tracked = {row.attack: row for row in rows if row.statistics == "tracked"}
    clean = counts(lambda row: row.statistics == "batch" and row.attack == "clean")
    if card is None or not clean or "clean" not in tracked:
        return Nothing
    attacked = next((row for attack, row in tracked.items() if attack != "clean"), None)
    found = Need(
        f"{NAMES[norm]}, batch", Count(tracked["clean"].correct, tracked["clean"].n), clean,
        counts(lambda row: row.statistics == "batch" and row.attack != "clean"),
        f"PGD (L-inf), {attacked.settings['steps']} steps at {attacked.eps_255:g}/255" if attacked else "",
    )  # fmt: skip
    return found, tuple(_source(card, mode) for mode in ("tracked", "batch"))


def _first(alike: Alike, norm: str) -> int:
    return min(alike.get(norm, {}), default=-1)


def upkeep(rows: Sequence[Row], alike: Alike) -> tuple[Upkeep | None, Sources]:
    """RobustNorm against BatchNorm without an attack."""
    left, right = ("rn", "tracked"), ("bn", "tracked")
    pairs = _pairs(partial(own, rows), alike, left, right)
    if not pairs:
        return Nothing
    by_seed = {seed: paired(one[0], other[0]) for seed, (one, other) in pairs.items()}
    sources = tuple(_source(alike[norm][seed], mode) for norm, mode in (left, right) for seed in pairs)
    return Upkeep(_label(left), _label(right), by_seed), sources


def speed(alike: Alike) -> tuple[Speed | None, Sources]:
    """How soon RobustNorm and BatchNorm learn, and the network without a norm, by the curves of their trainings."""
    norms = ("rn", "bn", "none")
    by_norm = {norm: {seed: card for seed, card in alike.get(norm, {}).items() if card.curve} for norm in norms}
    seeds = sorted(by_norm["rn"].keys() & by_norm["bn"].keys())
    if not seeds:
        return Nothing
    trained = {seed: [by_norm[norm][seed] for norm in norms if seed in by_norm[norm]] for seed in seeds}
    by_seed = {}
    for seed, (rn, bn, *without) in trained.items():
        by_seed[seed] = _epochs(rn), _epochs(bn), _epochs(without[0]) if without else ()
    curves = {seed: tuple(_training(card) for card in cards) for seed, cards in trained.items()}
    sources = tuple(_source(some[seed], "tracked") for some in by_norm.values() for seed in seeds if seed in some)
    return Speed(NAMES["rn"], NAMES["bn"], LEVELS, by_seed, curves, epochs_on_crops(by_norm["bn"][seeds[0]])), sources


def _training(card: Card) -> tuple[float, ...]:
    return tuple(row["train_accuracy"] for row in card.curve)


def _epochs(card: Card) -> tuple[int | None, ...]:
    return tuple(epochs_to(card, level) for level in LEVELS)
