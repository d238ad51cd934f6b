"""Collects the evidence for a claim from tables and cards, with the networks that were measured for it.

Compared networks were trained alike, have the same seed, and are compared on the same images. If several sets of images
were measured at a size, the one with the most attacks is used, because a weak attack looks like robustness.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnorm_core.evaluation.claims.benefits import LEVELS, epochs_on_crops, epochs_to
from rnorm_core.evaluation.claims.evidence import (
    Attacks,
    BatchSizes,
    Contest,
    Count,
    Displacement,
    Excess,
    KeptAccuracy,
    Recovery,
    Retention,
    Speed,
    Trainings,
)
from rnorm_core.evaluation.measure.over_seeds import over_seeds
from rnorm_core.evaluation.measure.paired import Paired, paired
from rnorm_core.evaluation.tables.accuracies import Table
from rnorm_core.evaluation.tables.alike import shared
from rnorm_core.evaluation.tables.headline import attacks_of, by_size
from rnorm_core.evaluation.tables.layer_shifts import Moved
from rnorm_core.evaluation.tables.row import Row
from rnorm_core.model_names import title
from rnorm_core.norms import DEFAULT_POWER, NORM_NAMES, modes
from rnorm_core.zoo import Card, Variant, plain


@dataclass(frozen=True)
class NormMode:
    """A norm in a statistics mode, for any seed of the training."""

    norm: str
    statistics: str = "tracked"

    @property
    def label(self) -> str:
        """ "BatchNorm", "BatchNorm with batch statistics": the usual mode is not named."""
        return NORM_NAMES[self.norm] + ("" if self.statistics == "tracked" else f" with {self.statistics} statistics")


Sources = tuple[Variant, ...]  # the networks that were measured
Alike = dict[str, dict[int, Card]]  # norm -> seed -> card


class Hits(NamedTuple):
    """right: bool (n,), the images that are right. attacks: names of the attacks that they withstand."""

    right: Tensor
    attacks: tuple[str, ...]


Curve = dict[float, Hits]  # by eps in grey levels, 0 for clean
Curves = dict[str, Curve]  # by set of images
CurvesOf = Callable[[Sources], list[Curves]]  # of each network, all under the same attacks
Nothing: tuple[None, Sources] = (None, ())


def trained_alike(cards: Iterable[Card]) -> Alike:
    """The networks that were trained like the plain BatchNorm network, with any norm. cards: of one data set."""
    # the first of two cards with the same seed is taken
    cards = sorted(cards, key=lambda card: not _is_reference(card))
    reference = next(filter(_is_reference, cards), None)
    by_norm: Alike = {}
    for card in cards:
        if reference and card.trained_as == reference.trained_as and card.power in (None, DEFAULT_POWER):
            by_norm.setdefault(card.norm, {}).setdefault(card.seed, card)
    return by_norm


def stopped_early(cards: Iterable[Card], alike: Alike) -> Alike:
    """RobustNorm as in `alike`, and BatchNorm trained in the same way but stopped early, at an accuracy on held-out
    images.
    """
    usual = next(iter(alike.get("bn", {}).values()), None)
    early = {
        card.seed: card
        for card in cards
        if usual and card.norm == "bn" and card.recipe.get("stop_at_accuracy")
        and replace(card, data_hash=usual.data_hash).trained_as == usual.trained_as
    }  # fmt: skip
    return {"rn": alike.get("rn", {}), "bn": early}


def _is_reference(card: Card) -> bool:
    return card.name == plain(card.dataset, "bn")


def _variant(card: Card, statistics: str) -> Variant:
    return Variant(card.name, statistics, card.sha256, card.norm, title(card), card.seed)


def _variants(alike: Alike, norm_modes: Iterable[NormMode], seeds: Iterable[int]) -> Sources:
    seeds = list(seeds)
    return tuple(_variant(alike[mode.norm][seed], mode.statistics) for mode in norm_modes for seed in seeds)


def under_own_attacks(rows: Sequence[Row], networks: Sources) -> list[Curves]:
    """The headline rows of each network, under attacks that were made for it and that all these networks have."""
    table, curves = shared(Table(tuple(rows)), networks), []
    for network in networks:
        mine = table.select(model=network.model, weight_hash=network.weight_hash, statistics=network.statistics)
        by_images: Curves = {}
        for images in dict.fromkeys(row.images for row in mine.rows):
            found = by_size(mine.select(images=images), network)
            by_images[images] = {eps: Hits(row.mask, attacks_of(row)) for eps, row in found.items()}
        curves.append({images: curve for images, curve in by_images.items() if 0 in curve})
    return curves


def under_all_attacks(rows: Sequence[Row], networks: Sources) -> list[Curves]:
    """Clean images that are right, and images that are right under the attacks for all modes of the network.

    Only sizes with an attack for every mode. rows: of `laboratories.rows`.
    """
    return [_under_all_attacks(rows, network) for network in networks]


def _under_all_attacks(rows: Sequence[Row], network: Variant) -> Curves:
    curves: Curves = {}
    attackers: dict[tuple[str, float], set[str]] = {}
    for row in rows:
        if (row.model, row.weight_hash, row.statistics) != (network.model, network.weight_hash, network.statistics):
            continue
        made_for = row.settings.get("made_for", {})
        own = made_for.get("weight_hash") == network.weight_hash
        if own or (row.attack == "clean" and row.settings.get("crossed")):
            curve = curves.setdefault(row.images, {})
            before = curve.get(row.eps_255)
            curve[row.eps_255] = Hits(before.right & row.mask if before else row.mask, (row.attack,))
            attackers.setdefault((row.images, row.eps_255), set()).add(made_for.get("statistics"))
    every = set(modes(network.norm))
    return {
        images: {eps: hits for eps, hits in curve.items() if not eps or attackers[images, eps] >= every}
        for images, curve in curves.items()
        if 0 in curve
    }


class Measured(NamedTuple):
    """Several networks on the same images: those that are right without an attack, and those under one."""

    clean: list[Tensor]
    attacked: list[Hits]


def _on_common_images(curves: Sequence[Curves]) -> dict[float, Measured]:
    """By eps, 0 for clean, all networks on one set of images: of several the largest."""
    by_eps: dict[float, Measured] = {}
    for images in sorted(set(curves[0]).intersection(*curves[1:])):
        some = [curve[images] for curve in curves]
        for eps in set(some[0]).intersection(*some[1:]):
            new = Measured([curve[0].right for curve in some], [curve[eps] for curve in some])
            by_eps[eps] = max(new, by_eps.get(eps, new), key=lambda measured: len(measured.clean[0]))
    return dict(sorted(by_eps.items()))


def _pairs(curves_of: CurvesOf, alike: Alike, left: NormMode, right: NormMode) -> dict[int, dict[float, Measured]]:
    """Seed -> left and right on the same images, by eps; 0 for clean."""
    seeds = sorted(alike.get(left.norm, {}).keys() & alike.get(right.norm, {}).keys())
    pairs = {seed: _on_common_images(curves_of(_variants(alike, (left, right), [seed]))) for seed in seeds}
    return {seed: by_eps for seed, by_eps in pairs.items() if by_eps}


def contest(
    curves_of: CurvesOf, alike: Alike, left: NormMode, right: NormMode, under: str = ""
) -> tuple[Contest | None, Sources]:
    """Compares left and right on the images that both classify correctly without an attack. under: see `Contest`."""
    by_eps: dict[float, dict[int, Paired]] = {}
    attacks: Attacks = {}
    pairs = _pairs(curves_of, alike, left, right)
    for seed, measured in pairs.items():
        for eps, (clean, (one, other)) in measured.items():
            both = clean[0] & clean[1]
            if eps and both.any():
                by_eps.setdefault(eps, {})[seed] = paired(one.right[both], other.right[both])
                attacks.setdefault(eps, {})[seed] = one.attacks
    if not by_eps:
        return Nothing
    networks = _variants(alike, (left, right), pairs)
    trainings = {eps: some for eps, some in _over_trainings(curves_of(networks), left, right).items() if eps}
    return Contest(left.label, right.label, by_eps, attacks, under, trainings), networks


def _over_trainings(curves: Sequence[Curves], left: NormMode, right: NormMode) -> dict[float, Trainings]:
    """By eps, 0 without an attack, the difference over trainings; {} of one training, or of the same on both sides.

    curves: of all trainings of left, then of right. An attack is on the images that all of them get right without it.
    """
    if left.norm == right.norm:
        return {}
    by_eps = {}
    for eps, (clean, attacked) in _on_common_images(curves).items():
        all_right = torch.stack(clean).all(0)
        among = all_right if eps else torch.ones_like(all_right)
        values = [count(hits.right[among]).value for hits in attacked] if among.any() else []
        half = len(values) // 2
        if difference := over_seeds(values[:half], values[half:]):
            by_eps[eps] = Trainings(difference, int(among.sum()), attacked[0].attacks * bool(eps))
    return by_eps


def retention(rows: Sequence[Row], alike: Alike, mode: NormMode) -> tuple[Retention | None, Sources]:
    """The accuracy that is left under attacks that were made for the network."""
    by_eps: dict[float, dict[int, tuple[Count, Count]]] = {}
    attacks: Attacks = {}
    used = []
    for seed, card in sorted(alike.get(mode.norm, {}).items()):
        network = _variant(card, mode.statistics)
        if measured := _on_common_images(under_own_attacks(rows, (network,))):
            used.append(network)
            for eps, ((clean,), (attacked,)) in measured.items():
                if eps:
                    by_eps.setdefault(eps, {})[seed] = (count(clean), count(attacked.right))
                    attacks.setdefault(eps, {})[seed] = attacked.attacks
    return (Retention(mode.label, by_eps, attacks), tuple(used)) if by_eps else Nothing


def count(right: Tensor) -> Count:
    """The number of true entries of bool (n,), as a Count."""
    return Count(int(right.sum()), len(right))


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
    """The layers with a shift beyond their natural band in one of `measures`, under PGD and under noise."""
    rows = _moved_of(rows, alike, norm)
    by_attack: dict[str, dict] = {"pgd": {}, "noise": {}}
    for row in rows:
        # Clean images are the rows of size 0 for the attack and for the noise: layers are outside by chance.
        for kind in by_attack if row.attack == "clean" else (row.attack,):
            by_attack[kind].setdefault(row.eps_255, {})[row.model] = row.beyond(*measures)
    attacked = {eps: models for eps, models in by_attack["pgd"].items() if eps}
    if not attacked:
        return Nothing
    sources = tuple(_variant(card, "tracked") for card in _cards_of(rows, alike, norm))
    n = min(row.n for row in rows)
    return Displacement(NORM_NAMES[norm], attacked, by_attack["noise"], n, len(measures)), sources


def excess(rows: Sequence[Moved], alike: Alike, norm: str) -> tuple[Excess | None, Sources]:
    """Compares the attack with noise of the same size, on the same images."""
    rows = _moved_of(rows, alike, norm)
    noise = {(row.model, row.images, row.eps_255): row for row in rows if row.attack == "noise"}
    by_eps: dict[float, dict[str, np.ndarray]] = {}
    for row in rows:
        if row.attack == "pgd" and (other := noise.get((row.model, row.images, row.eps_255))):
            by_eps.setdefault(row.eps_255, {})[row.model] = row.further(other, "wasserstein")
    sources = tuple(_variant(card, "tracked") for card in _cards_of(rows, alike, norm))
    return (Excess(NORM_NAMES[norm], by_eps, min(row.n for row in rows)), sources) if by_eps else Nothing


def recovery(rows: Sequence[Moved], alike: Alike, norm: str) -> tuple[Recovery | None, Sources]:
    """The images that an attack made wrong, and how many of them are right with the statistics of their batch."""
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
    return Recovery(NORM_NAMES[norm], by_eps), tuple(_variant(c, mode) for c in cards for mode in ("tracked", "batch"))


# --- batch sizes, benefits


def batch_sizes(rows: Sequence[Row], alike: Alike, norm: str) -> tuple[BatchSizes | None, Sources]:
    """Accuracy by batch size, of the first seed. rows: of `tables.batch_sizes`."""
    card = alike.get(norm, {}).get(_first(alike, norm))
    rows = [row for row in rows if card and (row.model, row.weight_hash) == (card.name, card.sha256)]

    def counts(which: Callable[[Row], bool]) -> dict[int, Count]:
        return {row.batch_size: Count(row.correct, row.n) for row in rows if which(row)}

    tracked = {row.attack: row for row in rows if row.statistics == "tracked"}
    clean = counts(lambda row: row.statistics == "batch" and row.attack == "clean")
    if card is None or not clean or "clean" not in tracked:
        return Nothing
    attacked = next((row for attack, row in tracked.items() if attack != "clean"), None)
    evidence = BatchSizes(
        f"{NORM_NAMES[norm]} with batch statistics", Count(tracked["clean"].correct, tracked["clean"].n), clean,
        counts(lambda row: row.statistics == "batch" and row.attack != "clean"),
        f"PGD (L-inf), {attacked.settings['steps']} steps at {attacked.eps_255:g}/255" if attacked else "",
    )  # fmt: skip
    return evidence, tuple(_variant(card, mode) for mode in ("tracked", "batch"))


def _first(alike: Alike, norm: str) -> int:
    return min(alike.get(norm, {}), default=-1)


def kept_accuracy(rows: Sequence[Row], alike: Alike) -> tuple[KeptAccuracy | None, Sources]:
    """Compares RobustNorm and BatchNorm without an attack."""
    left, right = NormMode("rn"), NormMode("bn")
    curves_of = partial(under_own_attacks, rows)
    pairs = _pairs(curves_of, alike, left, right)
    if not pairs:
        return Nothing
    by_seed = {}
    for seed, measured in pairs.items():
        one, other = measured[0].clean
        by_seed[seed] = paired(one, other)
    networks = _variants(alike, (left, right), pairs)
    trainings = _over_trainings(curves_of(networks), left, right).get(0)
    return KeptAccuracy(left.label, right.label, by_seed, trainings), networks


def speed(alike: Alike) -> tuple[Speed | None, Sources]:
    """The learning speeds of RobustNorm, BatchNorm and the network without a norm, from their training curves."""
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
    sources = tuple(_variant(some[seed], "tracked") for some in by_norm.values() for seed in seeds if seed in some)
    return Speed(
        NORM_NAMES["rn"], NORM_NAMES["bn"], LEVELS, by_seed, curves, epochs_on_crops(by_norm["bn"][seeds[0]])
    ), sources


def _training(card: Card) -> tuple[float, ...]:
    return tuple(row["train_accuracy"] for row in card.curve)


def _epochs(card: Card) -> tuple[int | None, ...]:
    return tuple(epochs_to(card, level) for level in LEVELS)
