"""Kinds of evidence for a claim. Each has a rule that turns its numbers into findings.

The rules are pure functions of counts. The same rules judge the shipped tables and the measurements of visitors.
`RULES` states every rule in words; the constants below are its thresholds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rnorm_core.attacks import CATALOGUE
from rnorm_core.evaluation.claims.benefits import LEVELS
from rnorm_core.evaluation.claims.verdict import (
    EPS,
    FAILS,
    HOLDS,
    IMAGES,
    OPEN,
    OPPOSITE,
    OPPOSITE_PER_IMAGE,
    PER_IMAGE,
    Axis,
    Finding,
)
from rnorm_core.evaluation.measure.accuracy import wilson
from rnorm_core.evaluation.measure.over_seeds import OverSeeds
from rnorm_core.evaluation.measure.paired import Paired
from rnorm_core.rounding import percent, span

KEPT = 0.9  # share of clean accuracy: if an attack leaves this much, the vulnerability has disappeared
HALF = 0.5  # of the layers, or of the lost images
MARGIN = 0.01  # a loss of accuracy below one point counts as none
LATER = 1  # epochs: a training that is at most this much later counts as equally fast
_TRAININGS = (
    "Where both sides have several trainings, the same must hold for the 95 % interval of their mean difference over "
    "trainings (Welch's t, unpaired)"
)
RULES = {
    "disappears": f"“Disappears” holds at an eps where robust accuracy is at least {KEPT:g} of clean accuracy, for "
    "every seed that was measured.",
    "more robust": "“More robust” holds at an eps where the paired difference's 95 % interval lies above 0 for every "
    "seed that was measured, on images that both networks get right when clean. The opposite holds where it lies below "
    f"0 for every seed; anything else is open. {_TRAININGS}, on images that all of them get right when clean; else the "
    "claim, or its opposite, holds per image, not over trainings.",
    "moved": f"“Moves” holds at an eps where, in every batch, at least {HALF:g} of the layers lie further from the "
    "training images than 97.5 % of clean batches do (C2: in their mean or in their standard deviation); "
    "not where fewer do in every batch; anything else is open.",
    "more than noise": f"Holds at an eps where, in every batch, at least {HALF:g} of the layers move further under the "
    "attack than under noise of the same size on the same images; not where fewer do in every batch; anything else is "
    "open.",
    "regained": f"Holds at an eps where at least {HALF:g} of the images that the attack cost come back when the very "
    "same attacked images are normalised with their own batch's statistics, by the whole 95 % interval; not where the "
    "whole interval lies below; anything else is open.",
    "unusable": f"“Unusable” holds for a batch size at which clean accuracy is below {KEPT:g} of that with the "
    "statistics of training, on the same images.",
    "accuracy kept": f"“Kept” holds where the paired difference's 95 % interval lies above {-100 * MARGIN:g} point for "
    f"every seed that was measured; not where it lies below 0 for every seed; anything else is open. {_TRAININGS}; "
    "else it is kept per image, not over trainings, or open.",
    "speed kept": "“Kept” holds where RobustNorm reaches "
    + ", ".join(f"{100 * level:.0f} %" for level in LEVELS)
    + f" training accuracy at most {LATER} epoch after BatchNorm, and BatchNorm reaches one of them more than {LATER} "
    "epoch before the same network without a norm (else there is nothing to keep, and it is open), for every seed that "
    "was measured.",
}


@dataclass(frozen=True)
class Count:
    """`correct` of `n` images."""

    correct: int
    n: int

    @property
    def value(self) -> float:
        return self.correct / self.n

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.correct, self.n)

    def __str__(self) -> str:
        return f"{percent(self.value)} (95 %: {span(*self.interval)})"


@dataclass(frozen=True)
class Trainings:
    """The difference over all trainings of both sides, on the same `n` images and under the same attacks for all."""

    difference: OverSeeds
    n: int
    attacks: tuple[str, ...] = ()

    def __str__(self) -> str:
        low, value, high = difference_texts(self.difference)
        return f"over {self.difference.trainings} {value} points (95 %: {low} to {high}), n = {self.n:,}"


# eps in grey levels -> seed -> names of the attacks that an image has to withstand
Attacks = dict[float, dict[int, tuple[str, ...]]]


@dataclass(frozen=True)
class Retention:
    """Accuracy that is left under attacks: eps in grey levels -> seed -> (clean, attacked)."""

    label: str
    by_eps: dict[float, dict[int, tuple[Count, Count]]]
    attacks: Attacks
    rule = "disappears"
    axis: Axis = EPS

    def findings(self) -> list[Finding]:
        return [Finding(eps, *self._at(eps, seeds)) for eps, seeds in sorted(self.by_eps.items())]

    @staticmethod
    def ratio(clean: Count, attacked: Count) -> float:
        return attacked.value / clean.value if clean.correct else 0.0

    def _at(self, eps: float, seeds: dict[int, tuple[Count, Count]]) -> tuple[str, str]:
        states = [
            HOLDS if clean.correct and _at_least(attacked, KEPT, clean) else FAILS for clean, attacked in seeds.values()
        ]
        texts = {
            seed: f"{self.ratio(clean, attacked):.2f} of clean accuracy, {attacked}"
            for seed, (clean, attacked) in seeds.items()
        }
        n = {attacked.n for _, attacked in seeds.values()}
        return _agreed(states), f"{_by_seed(texts, n)}, {named(self.attacks, eps)}"


@dataclass(frozen=True)
class Contest:
    """Two networks on the same images, left against right: eps in grey levels -> seed -> paired difference.

    attacks: the same for both networks. under: a text for them, "under the worst of ...", if they were made for several
    modes of the network. trainings: by eps, where both sides have several trainings.
    """

    left: str
    right: str
    by_eps: dict[float, dict[int, Paired]]
    attacks: Attacks
    under: str = ""
    trainings: dict[float, Trainings] = field(default_factory=dict)
    rule = "more robust"
    axis: Axis = EPS

    def findings(self) -> list[Finding]:
        return [Finding(eps, *self._at(eps, seeds)) for eps, seeds in sorted(self.by_eps.items())]

    def _at(self, eps: float, seeds: dict[int, Paired]) -> tuple[str, str]:
        states = [HOLDS if p.low > 0 else OPPOSITE if p.high < 0 else OPEN for p in seeds.values()]
        text, trainings = f"{_differences(seeds)}, {self.under or named(self.attacks, eps)}", self.trainings.get(eps)
        state, text = _over_trainings(_agreed(states), text, trainings)
        if trainings and {trainings.attacks} != set(self.attacks[eps].values()):
            text += f", {_attack(trainings.attacks)}"
        return state, text


@dataclass(frozen=True)
class Displacement:
    """Layers with a shift larger than in 97.5 % of clean batches: eps -> model -> bool (batches, layers).

    noise: the same under noise of the attack's size, for comparison. measures: the number of measures of a shift; it is
    enough if the layer's shift by one of them is larger.
    """

    label: str
    by_eps: dict[float, dict[str, np.ndarray]]
    noise: dict[float, dict[str, np.ndarray]]
    n: int
    measures: int = 1
    rule = "moved"
    axis: Axis = EPS

    def findings(self) -> list[Finding]:
        return [Finding(eps, *_half(models, "beyond", self.n)) for eps, models in sorted(self.by_eps.items())]


@dataclass(frozen=True)
class Excess:
    """Layers that an attack shifts more than noise of its size does: eps -> model -> bool (batches, layers)."""

    label: str
    by_eps: dict[float, dict[str, np.ndarray]]
    n: int
    rule = "more than noise"
    axis: Axis = EPS

    def findings(self) -> list[Finding]:
        return [Finding(eps, *_half(models, "further", self.n)) for eps, models in sorted(self.by_eps.items())]


@dataclass(frozen=True)
class Recovery:
    """Images that an attack made wrong with tracked statistics: eps -> (right with batch statistics, all)."""

    label: str
    by_eps: dict[float, tuple[int, int]]
    rule = "regained"
    axis: Axis = EPS

    def findings(self) -> list[Finding]:
        return [Finding(eps, *self._at(*counts)) for eps, counts in sorted(self.by_eps.items())]

    @staticmethod
    def _at(regained: int, lost: int) -> tuple[str, str]:
        if not lost:
            return OPEN, "the attack cost no image"
        low, high = wilson(regained, lost)
        state = HOLDS if low >= HALF else FAILS if high < HALF else OPEN
        return state, f"{Count(regained, lost)} of n = {lost:,} lost images come back"


@dataclass(frozen=True)
class BatchSizes:
    """Accuracy with batch statistics for each batch size, compared with tracked statistics on the same images.

    attacked: accuracy under `attack` (a title) for each batch size.
    """

    label: str
    tracked: Count
    by_size: dict[int, Count]
    attacked: dict[int, Count]
    attack: str = ""
    rule = "unusable"
    axis: Axis = IMAGES

    def findings(self) -> list[Finding]:
        findings = []
        for size, count in sorted(self.by_size.items()):
            state = FAILS if _at_least(count, KEPT, self.tracked) else HOLDS
            text = f"{count} against {self.tracked} with the statistics of training, n = {count.n:,}"
            findings.append(Finding(size, state, text))
        return findings


@dataclass(frozen=True)
class KeptAccuracy:
    """Clean accuracy, left against right: seed -> paired difference. trainings: None if a side has only one."""

    left: str
    right: str
    by_seed: dict[int, Paired]
    trainings: Trainings | None = None
    rule = "accuracy kept"
    axis: Axis = EPS

    def findings(self) -> list[Finding]:
        if not self.by_seed:
            return []
        states = [HOLDS if p.low > -MARGIN else FAILS if p.high < 0 else OPEN for p in self.by_seed.values()]
        return [Finding(None, *_over_trainings(_agreed(states), _differences(self.by_seed), self.trainings, -MARGIN))]


Epochs = tuple[int | None, ...]


@dataclass(frozen=True)
class Speed:
    """The first epochs with a training accuracy of `levels`, of left, right and a network without a norm.

    by_seed: for each network the epoch at each level, None if it was never reached; () if there is no such network.
    curves:  for each network the training accuracy after each epoch.
    small:   the number of epochs, at the start, on crops that are smaller than the images.
    """

    left: str
    right: str
    levels: tuple[float, ...]
    by_seed: dict[int, tuple[Epochs, Epochs, Epochs]]
    curves: dict[int, tuple[tuple[float, ...], ...]]
    small: int = 0
    rule = "speed kept"
    axis: Axis = EPS

    def findings(self) -> list[Finding]:
        if not self.by_seed:
            return []
        states = [self._state(*epochs) for epochs in self.by_seed.values()]
        texts = {seed: self._text(*epochs) for seed, epochs in self.by_seed.items()}
        return [Finding(None, _agreed(states), _by_seed(texts, set()))]

    @staticmethod
    def _state(left: Epochs, right: Epochs, without: Epochs) -> str:
        if not all(_in_time(e, r) for e, r in zip(left, right, strict=True)):
            return FAILS
        sooner = without and not all(_in_time(w, r) for w, r in zip(without, right, strict=True))
        return HOLDS if sooner else OPEN

    def _text(self, left: Epochs, right: Epochs, without: Epochs) -> str:
        return ", ".join(
            f"{100 * level:.0f} % after {left[i] or 'no'} and {right[i] or 'no'} epochs"
            + (f" (no norm {without[i] or 'never'})" if without else "")
            for i, level in enumerate(self.levels)
            if any(epochs and epochs[i] for epochs in (left, right, without))  # else no network reached it
        )


def _in_time(epoch: int | None, right: int | None) -> bool:
    return right is None or (epoch is not None and epoch <= right + LATER)


Evidence = Retention | Contest | Displacement | Excess | Recovery | BatchSizes | KeptAccuracy | Speed


def named(attacks: Attacks, *sizes: float) -> str:
    """The attacks at these sizes, else at all, of all seeds: "PGD", "worst of 3 attacks"."""
    groups = dict.fromkeys(names for eps in sizes or attacks for names in attacks[eps].values())
    return " or ".join(dict.fromkeys(map(_attack, groups)))


def _attack(names: Sequence[str]) -> str:
    if len(names) > 1:
        return f"worst of {len(names)} attacks"
    return CATALOGUE[names[0]].title.replace(" (L-inf)", "")


def points(p: Paired) -> str:
    """Both accuracies, and the paired difference in percentage points with its interval."""
    left, right = percent(p.left), percent(p.right)
    low, value, high = difference_texts(p)
    return f"{left} against {right}, {value} points (95 %: {low} to {high})"


def difference_texts(p: Paired | OverSeeds) -> tuple[str, str, str]:
    """Lower end, difference and upper end in percentage points: ("−3.1", "+15.0", "+31.2")."""
    return signed(100 * p.low), signed(100 * p.difference), signed(100 * p.high)


def signed(value: float) -> str:
    """The number with its sign. A small number gets more digits, so it is not rounded to zero and keeps its sign."""
    value += math.copysign(1e-9, value) if value else 0.0  # halves away from 0; 7.15 is a little less in binary
    text = f"{value:+.1f}" if abs(value) >= 0.05 or value == 0 else f"{value:+.2g}"
    return "0.0" if text == "+0.0" else text.replace("-", "\N{MINUS SIGN}")


def _at_least(count: Count, share: float, of: Count) -> bool:
    """count >= share * of, without the rounding error of the product."""
    return count.correct * of.n >= share * of.correct * count.n - 1e-9


def _half(models: dict[str, np.ndarray], where: str, n: int) -> tuple[str, str]:
    """State and text from bool (batches, layers) by model: are at least half of the layers true in every batch?"""
    states, texts = [], []
    for layers in models.values():
        shares, counts = layers.mean(1), layers.sum(1)
        states.append(HOLDS if shares.min() >= HALF else FAILS if shares.max() < HALF else OPEN)
        ends = " to ".join(dict.fromkeys(str(int(end)) for end in (counts.min(), counts.max())))
        texts.append(f"{ends} of {layers.shape[1]} layers {where}")
    batches = len(next(iter(models.values())))
    return _agreed(states), f"{'; '.join(texts)} ({batches} batch{'es' * (batches > 1)}, n = {n:,})"


def _agreed(states: Sequence[str]) -> str:
    """The common state if all states are equal, else open."""
    return states[0] if len(set(states)) == 1 else OPEN


def _over_trainings(state: str, text: str, trainings: Trainings | None, least: float = 0.0) -> tuple[str, str]:
    """State and text where the interval over trainings is asked, too. least: a claim holds above this difference."""
    if trainings is None:
        return state, text
    over = trainings.difference
    if state == HOLDS and over.low <= least:
        state = PER_IMAGE
    elif state in (OPPOSITE, FAILS) and over.high >= 0:
        state = OPPOSITE_PER_IMAGE if state == OPPOSITE else OPEN
    return state, f"{text}; {trainings}"


def _differences(pairs: dict[int, Paired]) -> str:
    return _by_seed({seed: points(p) for seed, p in pairs.items()}, {p.n for p in pairs.values()})


def _by_seed(texts: dict[int, str], n: set[int]) -> str:
    images = f", n = {' and '.join(f'{k:,}' for k in sorted(n))}" if n else ""
    if len(texts) == 1:
        return next(iter(texts.values())) + images
    return "; ".join(f"seed {seed}: {text}" for seed, text in sorted(texts.items())) + images
