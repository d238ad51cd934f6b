"""The paper's claims, and what this project's shipped measurements say of each. Pure functions of tables and cards."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from torch import Tensor

from rnorm_core.evaluation.benefits import LEVELS, epochs_to
from rnorm_core.evaluation.evidence import (
    Contest,
    Count,
    Displacement,
    Evidence,
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
from rnorm_core.evaluation.verdict import HOLDS, Finding, reach
from rnorm_core.zoo import Card

REFERENCE = "cifar10-resnet20-bn"  # networks are compared that were trained like this one
POWER = 0.2  # RobustNorm's default, the paper's
NAMES = {"bn": "BatchNorm", "rn": "RobustNorm", "none": "no norm"}
PAPER = "Awais et al. 2020, arXiv 2006.11007"


@dataclass(frozen=True)
class Claim:
    """text: the claim, in this project's words. experiment: what was done here to judge it."""

    id: str
    text: str
    source: str
    experiment: str


_PGD_20 = "each attacked for itself by PGD in 20 steps"
WORST = "under the worst of all modes' attacks"
_WORST = (
    "Gradients through a batch's own statistics can make a weak attack. So a second look gives each network, in every "
    "mode of its statistics, an attack by PGD in 10 steps of its own, and counts an image only if none of these fools "
    "it in the mode that is judged."
)
CLAIMS = {
    claim.id: claim
    for claim in (
        Claim(
            "C0", "Networks without BatchNorm are more robust than networks with it.",
            f"from earlier work (Galloway et al. 2019), taken up by {PAPER}",
            f"Two ResNet-20, one without norm and one with BatchNorm, {_PGD_20}. Only images that both recognise "
            "without an attack count, for the network without norm starts lower.",
        ),
        Claim(
            "C1", "Adversarial images shift the distribution of what BatchNorm layers receive.", PAPER,
            "Test images in batches of 128, attacked by PGD in 10 steps. At each layer: the Wasserstein-1 distance to "
            "what arrived there from all training images, against that of clean training batches, and of noise.",
        ),
        Claim(
            "C2", "That shift makes the statistics estimated in training inaccurate.", PAPER,
            "The same batches: has a layer's mean or deviation left the range of clean batches? And is that the harm, "
            "as the paper supposes? The same attacked images, scored again with their own batch's statistics.",
        ),
        Claim(
            "C3", "With the statistics of the batch at hand, BatchNorm's vulnerability disappears.", PAPER,
            "The same weights, with the statistics of each batch of 128 in place of those of training, attacked "
            f"jointly by PGD in 20 steps. {_WORST}",
        ),
        Claim(
            "C4", "This is no remedy: without large batches, batch statistics cannot be used.", PAPER,
            "Test images in batches of 1 to 256 that are looked at together, without an attack and under PGD.",
        ),
        Claim(
            "C5", "RobustNorm, which divides by a power of the range, is more robust than BatchNorm.", PAPER,
            f"Two ResNet-20, trained alike but for the norm, {_PGD_20}. The authors' code calls RobustNorm “RN” with "
            f"the statistics of the batch and “RNT” with tracked ones. {_WORST}",
        ),
        Claim(
            "C6", "RobustNorm keeps BatchNorm's benefits: accuracy, and fast training.", PAPER,
            "The same networks without an attack, and their training as the cards have it. Stability at higher "
            "learning rates is not judged here.",
        ),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Source:
    """A network in a statistics mode that entered a judgement; seed: of its training."""

    model: str
    statistics: str
    weight_hash: str
    seed: int


@dataclass(frozen=True, eq=False)
class Judgement:
    """One reading of a claim, judged."""

    claim: str
    reading: str
    evidence: Evidence
    sources: tuple[Source, ...]
    findings: tuple[Finding, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "findings", tuple(self.evidence.findings()))

    @property
    def verdict(self) -> str:
        """How far it holds: "holds up to 1/255; does not at 2, 4 and 8/255"."""
        return reach(self.findings, self.evidence.axis)

    @property
    def edge(self) -> Finding | None:
        """The finding that says most: the last at which the claim holds, or the first if it holds from there on; the
        first of all where it never holds.
        """
        held = [i for i, finding in enumerate(self.findings) if finding.state == HOLDS]
        if not held:
            return self.findings[0] if self.findings else None
        begins = held[0] > 0 and held[-1] == len(self.findings) - 1
        return self.findings[held[0] if begins else held[-1]]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the trainings that entered."""
        return tuple(sorted({source.seed for source in self.sources}))


def judge(
    rows: Sequence[Row],
    moved: Sequence[Moved],
    sizes: Sequence[Row],
    cards: Iterable[Card],
    laboratories: Sequence[Row] = (),
) -> dict[str, list[Judgement]]:
    """Every claim with its readings, judged; a claim of which nothing was measured has none.

    rows: of the shipped table; moved, sizes, laboratories: of the files beside it; all of the weights that are
    shipped now.
    """
    alike = _alike(cards)

    def versus(left: Side, right: Side) -> tuple[Contest | None, Sources]:
        return _contest(partial(_curve, rows), alike, left, right)

    def worst(left: Side, right: Side) -> tuple[Contest | None, Sources]:
        return _contest(partial(_worst, laboratories), alike, left, right, WORST)

    bn, bn_batch, none = ("bn", "tracked"), ("bn", "batch"), ("none", "tracked")
    rn, rn_batch = ("rn", "tracked"), ("rn", "batch")
    found: dict[str, list[tuple[str, Evidence | None, Sources]]] = {
        "C0": [("no norm ahead of BatchNorm", *versus(none, bn))],
        "C1": [
            ("BatchNorm's layers move", *_displacement(moved, alike, "bn", ("wasserstein",))),
            ("further than under noise", *_excess(moved, alike, "bn")),
            ("RobustNorm's layers move, too", *_displacement(moved, alike, "rn", ("wasserstein",))),
        ],
        "C2": [
            ("BatchNorm's mean or deviation moves", *_displacement(moved, alike, "bn", ("mean", "log_std"))),
            ("and that is what costs the accuracy", *_recovery(moved, alike, "bn")),
        ],
        "C3": [
            ("the vulnerability disappears", *_retention(rows, alike, bn_batch)),
            ("it is smaller than with tracked statistics", *versus(bn_batch, bn)),
            (f"the same, {WORST}", *worst(bn_batch, bn)),
        ],
        "C4": [(f"batch statistics unusable: {NAMES[norm]}", *_need(sizes, alike, norm)) for norm in ("bn", "rn")],
        "C5": [
            ("RobustNorm ahead of BatchNorm, both tracked", *versus(rn, bn)),
            ("RobustNorm (batch) ahead of BatchNorm (tracked)", *versus(rn_batch, bn)),
            (f"the same, {WORST}", *worst(rn_batch, bn)),
            ("RobustNorm ahead of BatchNorm, both batch", *versus(rn_batch, bn_batch)),
            (f"the same, {WORST}", *worst(rn_batch, bn_batch)),
        ],
        "C6": [("accuracy is kept", *_upkeep(rows, alike)), ("fast training is kept", *_speed(alike))],
    }
    return {
        claim: [Judgement(claim, reading, evidence, sources) for reading, evidence, sources in readings if evidence]
        for claim, readings in found.items()
    }


# --- which measurements belong to which side

Side = tuple[str, str]  # norm, statistics
Sources = tuple[Source, ...]
Alike = dict[str, dict[int, Card]]  # norm -> seed -> card
Curves = dict[str, dict[float, Tensor]]  # set of images -> eps in grey levels, 0 for clean -> bool, which are right
Measured = Callable[[Card, str], Curves]  # of a network in a mode
Nothing: tuple[None, Sources] = (None, ())


def _alike(cards: Iterable[Card]) -> Alike:
    """Of the reference's norm, and of others, the networks that were trained like it, by seed."""
    cards = list(cards)
    reference = next((card for card in cards if card.name == REFERENCE), None)
    found: Alike = {}
    for card in cards:
        if reference and _kind(card) == _kind(reference) and card.power in (None, POWER):
            found.setdefault(card.norm, {}).setdefault(card.seed, card)
    return found


def _kind(card: Card) -> tuple:
    return card.dataset, card.data_hash, card.architecture, card.width, card.recipe["name"]


def _source(card: Card, statistics: str) -> Source:
    return Source(card.name, statistics, card.sha256, card.seed)


def _curve(rows: Sequence[Row], card: Card, statistics: str) -> Curves:
    """Under PGD made for the network in this mode, with float pixels."""
    found: Curves = {}
    wanted = card.name, card.sha256, statistics, "float"
    for row in rows:
        here = (row.model, row.weight_hash, row.statistics, row.pixels) == wanted
        if here and row.attack in ("clean", "pgd"):
            found.setdefault(row.images, {}).setdefault(row.eps_255, row.mask)
    return {images: curve for images, curve in found.items() if 0 in curve}


def _worst(rows: Sequence[Row], card: Card, statistics: str) -> Curves:
    """What is right under each of the attacks that were made for the network in one of its modes.

    rows: of the laboratories.
    """
    found: Curves = {}
    for row in rows:
        if (row.model, row.weight_hash, row.statistics) != (card.name, card.sha256, statistics):
            continue
        made_for = row.settings.get("made_for", {}).get("weight_hash")
        if made_for == card.sha256 or (row.attack == "clean" and row.settings.get("crossed")):
            curve = found.setdefault(row.images, {})
            curve[row.eps_255] = curve[row.eps_255] & row.mask if row.eps_255 in curve else row.mask
    return {images: curve for images, curve in found.items() if 0 in curve}


def _most(curves: Sequence[Curves]) -> list[dict[float, Tensor]] | None:
    """The curves on the largest set of images that all were measured on."""
    common = set(curves[0]).intersection(*curves[1:])
    if not common:
        return None

    def worth(images: str) -> tuple[bool, int]:
        attacked = set(curves[0][images]).intersection(*(curve[images] for curve in curves)) - {0}
        return bool(attacked), len(curves[0][images][0])

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


def _contest(of: Measured, alike: Alike, left: Side, right: Side, under: str = "") -> tuple[Contest | None, Sources]:
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


def _retention(rows: Sequence[Row], alike: Alike, side: Side) -> tuple[Retention | None, Sources]:
    norm, mode = side
    by_eps: dict[float, dict[int, tuple[Count, Count]]] = {}
    used = []
    for seed, card in sorted(alike.get(norm, {}).items()):
        if shared := _most([_curve(rows, card, mode)]):
            used.append(_source(card, mode))
            (curve,) = shared
            for eps in sorted(curve.keys() - {0}):
                by_eps.setdefault(eps, {})[seed] = (_count(curve[0]), _count(curve[eps]))
    return (Retention(_label(side), by_eps), tuple(used)) if by_eps else Nothing


def _count(hits: Tensor) -> Count:
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
    return [card for _, card in sorted(alike[norm].items()) if card.name in measured]


def _displacement(
    rows: Sequence[Moved], alike: Alike, norm: str, measures: tuple[str, ...]
) -> tuple[Displacement | None, Sources]:
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
    return Displacement(f"{NAMES[norm]}, tracked", attacked, by_attack["noise"], min(row.n for row in rows)), sources


def _excess(rows: Sequence[Moved], alike: Alike, norm: str) -> tuple[Excess | None, Sources]:
    """Attack against noise of the same size, on the same images."""
    rows = _moved_of(rows, alike, norm)
    noise = {(row.model, row.images, row.eps_255): row for row in rows if row.attack == "noise"}
    by_eps: dict[float, dict[str, np.ndarray]] = {}
    for row in rows:
        if row.attack == "pgd" and (other := noise.get((row.model, row.images, row.eps_255))):
            by_eps.setdefault(row.eps_255, {})[row.model] = row.further(other, "wasserstein")
    sources = tuple(_source(card, "tracked") for card in _cards_of(rows, alike, norm))
    return (Excess(f"{NAMES[norm]}, tracked", by_eps, min(row.n for row in rows)), sources) if by_eps else Nothing


def _recovery(rows: Sequence[Moved], alike: Alike, norm: str) -> tuple[Recovery | None, Sources]:
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


def _need(rows: Sequence[Row], alike: Alike, norm: str) -> tuple[Need | None, Sources]:
    card = alike.get(norm, {}).get(_first(alike, norm))
    rows = [row for row in rows if card and (row.model, row.weight_hash) == (card.name, card.sha256)]

    def counts(wanted: Callable[[Row], bool]) -> dict[int, Count]:
        return {row.batch_size: Count(row.correct, row.n) for row in rows if wanted(row)}

    tracked = {row.attack: row for row in rows if row.statistics == "tracked"}
    clean = counts(lambda row: row.statistics == "batch" and row.attack == "clean")
    if card is None or not clean or "clean" not in tracked:
        return Nothing
    attacked = next((row for attack, row in tracked.items() if attack != "clean"), None)
    need = Need(
        f"{NAMES[norm]}, batch", Count(tracked["clean"].correct, tracked["clean"].n), clean,
        counts(lambda row: row.statistics == "batch" and row.attack != "clean"),
        Count(attacked.correct, attacked.n) if attacked else None,
        f"PGD (L-inf), {attacked.settings['steps']} steps at {attacked.eps_255:g}/255" if attacked else "",
    )  # fmt: skip
    return need, tuple(_source(card, mode) for mode in ("tracked", "batch"))


def _first(alike: Alike, norm: str) -> int:
    return min(alike.get(norm, {}), default=-1)


def _upkeep(rows: Sequence[Row], alike: Alike) -> tuple[Upkeep | None, Sources]:
    left, right = ("rn", "tracked"), ("bn", "tracked")
    pairs = _pairs(partial(_curve, rows), alike, left, right)
    if not pairs:
        return Nothing
    by_seed = {seed: paired(one[0], other[0]) for seed, (one, other) in pairs.items()}
    sources = tuple(_source(alike[norm][seed], mode) for norm, mode in (left, right) for seed in pairs)
    return Upkeep(_label(left), _label(right), by_seed), sources


def _speed(alike: Alike) -> tuple[Speed | None, Sources]:
    by_norm = {norm: alike.get(norm, {}) for norm in ("rn", "bn")}
    # The length of a training decides how steep it is: only those of one length can be compared.
    seeds = [
        seed for seed in sorted(by_norm["rn"].keys() & by_norm["bn"].keys())
        if by_norm["rn"][seed].recipe.get("epochs") == by_norm["bn"][seed].recipe.get("epochs")
        and all(by_norm[norm][seed].curve for norm in by_norm)
    ]  # fmt: skip
    if not seeds:
        return Nothing
    by_seed = {seed: (_epochs(by_norm["rn"][seed]), _epochs(by_norm["bn"][seed])) for seed in seeds}
    sources = tuple(_source(by_norm[norm][seed], "tracked") for norm in by_norm for seed in seeds)
    curves = {seed: (_training(by_norm["rn"][seed]), _training(by_norm["bn"][seed])) for seed in seeds}
    return Speed(NAMES["rn"], NAMES["bn"], LEVELS, by_seed, curves), sources


def _training(card: Card) -> tuple[float, ...]:
    return tuple(row["train_accuracy"] for row in card.curve)


def _epochs(card: Card) -> tuple[int | None, ...]:
    return tuple(epochs_to(card, level) for level in LEVELS)
