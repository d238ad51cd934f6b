"""A small version of a claim: the paper's claims judged by the same rules on few images and few attack sizes."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from rnorm_core import attacks, evaluation, norms, shift, zoo
from rnorm_core.attacks import Attack, Step
from rnorm_core.data import Batch, ImageChoice
from rnorm_core.errors import UserError
from rnorm_core.evaluation import Accuracy
from rnorm_core.evaluation.claims.evidence import (
    Attacks,
    BatchSizes,
    Contest,
    Count,
    Displacement,
    Evidence,
    KeptAccuracy,
    Recovery,
    Retention,
)
from rnorm_core.evaluation.claims.gather import NormMode, count
from rnorm_core.evaluation.claims.judge import Judgement
from rnorm_core.evaluation.measure.batches import sizes
from rnorm_core.evaluation.measure.paired import paired
from rnorm_core.experiments import accuracy_sweep
from rnorm_core.experiments.corruption_sweep import right_images
from rnorm_core.norms import NORM_NAMES
from rnorm_core.progress import Parts, Progress, silent
from rnorm_core.shift import Population
from rnorm_core.zoo import Variant

EPS_255 = (0.25, 1, 4)
SHIFT_EPS_255 = (1, 8)  # 1: few layers are outside their natural bands; 8: all are
MOST = 128  # images: one batch
BN, BN_BATCH, RN, NONE = NormMode("bn"), NormMode("bn", "batch"), NormMode("rn"), NormMode("none")
NETWORKS = {
    "C0": (NONE, BN),
    "C1": (BN, BN_BATCH),
    "C2": (BN, BN_BATCH),
    "C3": (BN_BATCH, BN),
    "C4": (BN_BATCH, BN),
    "C5": (RN, BN),
    "C6": (RN, BN),
}


Readings = Iterator[tuple[str, Evidence]]  # a reading of the claim, and the evidence for it


@dataclass(frozen=True)
class Request:
    """Everything the result depends on. claim: a key of `judge.CLAIMS`. left, right: the networks to compare."""

    claim: str
    left: Variant
    right: Variant
    images: ImageChoice
    device: str

    @classmethod
    def of(cls, claim: str, images: ImageChoice, device: str) -> "Request":
        """The request for the shipped networks of the claim; UserError if one of them is missing."""
        left, right = (_variant(images.dataset, mode) for mode in NETWORKS[claim])
        return cls(claim, left, right, images, device)

    @property
    def variants(self) -> tuple[Variant, Variant]:
        return self.left, self.right

    @property
    def eps_255(self) -> tuple[float, ...]:
        """Attack sizes in grey levels."""
        return {"C1": SHIFT_EPS_255, "C2": SHIFT_EPS_255, "C4": (), "C6": ()}.get(self.claim, EPS_255)


@dataclass(frozen=True, eq=False)
class Result:
    """The judged readings of the claim; a partial result has fewer readings, or readings with fewer sizes."""

    request: Request
    judgements: tuple[Judgement, ...]


def run(request: Request, progress: Progress = silent) -> Result:
    """Measures and judges the claim."""

    def judged(readings: Readings) -> Result:
        judgements = [Judgement(request.claim, title, evidence, request.variants) for title, evidence in readings]
        return Result(request, tuple(judgements))

    def with_judgements(fraction: float, text: str, partial: Any = None) -> None:
        result = None if partial is None else judged(judge(request, partial))
        progress(fraction, text, result if result and result.judgements else None)

    measure, judge = METHODS[request.claim]
    return judged(judge(request, measure(request, with_judgements)))


def _variant(dataset: str, mode: NormMode) -> Variant:
    name = zoo.plain(dataset, mode.norm)
    if name not in zoo.names():
        raise UserError(f"The network {name} is missing.", "restore the folder pretrained/ from the repository.")
    return Variant.of(name, mode.statistics)


def _label(variant: Variant) -> str:
    return NormMode(variant.norm, variant.statistics).label


# --- C0, C3, C5, C6: accuracies of two networks on the same images


def _accuracies(request: Request, progress: Progress) -> accuracy_sweep.Result:
    sweep = accuracy_sweep.Request(
        request.left, request.right, "pgd", request.eps_255, "float", request.images, request.device
    )
    return accuracy_sweep.run(sweep, progress)


def _contest(request: Request, measured: accuracy_sweep.Result) -> Readings:
    left, right, hits = request.left, request.right, measured.hits
    if (left, 0.0) not in hits or (right, 0.0) not in hits:
        return
    both = hits[left, 0.0] & hits[right, 0.0]
    pairs = {
        eps: {left.seed: paired(hits[left, eps][both], hits[right, eps][both])}
        for eps in request.eps_255
        if (left, eps) in hits and (right, eps) in hits and both.any()
    }
    if pairs:
        reading = f"{_label(left)} against {_label(right)}"
        yield reading, Contest(_label(left), _label(right), pairs, _by_pgd(pairs, left.seed))


def _retention_and_contest(request: Request, measured: accuracy_sweep.Result) -> Readings:
    left, hits = request.left, measured.hits
    kept = {
        eps: {left.seed: (count(hits[left, 0.0]), count(hits[left, eps]))}
        for eps in request.eps_255
        if (left, eps) in hits
    }
    if kept:
        yield "the vulnerability disappears", Retention(_label(left), kept, _by_pgd(kept, left.seed))
    yield from _contest(request, measured)


def _by_pgd(sizes: Iterable[float], seed: int) -> Attacks:
    return {eps: {seed: ("pgd",)} for eps in sizes}


def _kept_accuracy(request: Request, measured: accuracy_sweep.Result) -> Readings:
    left, right, hits = request.left, request.right, measured.hits
    if (left, 0.0) in hits and (right, 0.0) in hits:
        pairs = {left.seed: paired(hits[left, 0.0], hits[right, 0.0])}
        yield "accuracy is kept", KeptAccuracy(_label(left), _label(right), pairs)


# --- C1, C2: layer shifts under attack


@dataclass(frozen=True, eq=False)
class AttackedBatch:
    """One batch under an attack on the network with tracked statistics.

    shifts:      measure -> (L,), the shift of each layer's input from the training images.
    right:       bool (N,), classified correctly with tracked statistics.
    right_batch: bool (N,), the same for the statistics of this batch; None if the network has no such mode.
    """

    shifts: dict[str, np.ndarray]
    right: Tensor
    right_batch: Tensor | None


@dataclass(frozen=True, eq=False)
class ShiftMeter:
    """One network in three forms: folded for attacks, unfolded to record its norm layers, and in batch mode."""

    population: Population
    folded: nn.Module
    unfolded: nn.Module
    batch_mode: nn.Module | None

    @classmethod
    def of(cls, name: str, device: str | None = None) -> "ShiftMeter":
        """UserError if there are no measured statistics of this network on its training images."""
        tracked = Variant.of(name)
        has_batch_mode = "batch" in norms.modes(tracked.norm)
        return cls(
            shift.population(name), tracked.load(device), tracked.load(device, fold=False),
            tracked.in_mode("batch").load(device) if has_batch_mode else None,
        )  # fmt: skip

    def measure(
        self,
        batch: Batch,
        attack: Attack | None,
        *,
        seed: int = 0,
        index: int = 0,
        on_step: Callable[[Step], object] | None = None,
    ) -> AttackedBatch:
        """Attacks the batch (unless `attack` is None), records its layer inputs and scores it in both modes.

        seed, index: of the attack's random numbers, see `evaluation.attack_batch`.
        """
        images = batch.images
        if attack is not None:
            trace = evaluation.attack_batch(self.folded, batch, attack, seed=seed, index=index, on_step=on_step)
            images = trace.adversarial
        labels = batch.labels.cpu()
        return AttackedBatch(
            shift.layer_shifts(self.unfolded, images, self.population.statistics),
            right_images(self.folded, images, labels),
            None if self.batch_mode is None else right_images(self.batch_mode, images, labels),
        )


@dataclass(frozen=True, eq=False)
class _Shifts:
    """by_attack: (attack, eps in grey levels) -> the attacked batch. limits: measure -> (L,), upper ends of bands."""

    n: int
    limits: dict[str, np.ndarray]
    by_attack: dict[tuple[str, float], AttackedBatch]

    def beyond(self, label: str, *attacks: str, measures: tuple[str, ...]) -> dict[float, dict[str, np.ndarray]]:
        """eps -> label -> bool (1, L): whether the shift is above the natural band in at least one measure."""
        return {
            eps: {label: np.any([batch.shifts[m] > self.limits[m] for m in measures], axis=0)[None]}
            for (attack, eps), batch in self.by_attack.items()
            if attack in attacks
        }


def _shifts(request: Request, progress: Progress) -> _Shifts:
    progress(0, "Reading images and models")
    batch, meter = request.images.load(), ShiftMeter.of(request.left.model, request.device)
    limits = {
        measure: shift.layer_bands(meter.population, "tracked", len(batch), measure).high for measure in shift.MEASURES
    }
    shifts = _Shifts(len(batch), limits, {})
    turns = [("clean", 0.0), *((name, eps) for name in ("pgd", "noise") for eps in request.eps_255)]
    parts = Parts(progress, len(turns))
    for name, eps in turns:
        parts.begin(f"{attacks.CATALOGUE[name].title} at {eps:g}/255" if eps else "clean images")
        attack = attacks.make(name, eps / 255) if eps else None
        measured = meter.measure(batch, attack, seed=request.images.seed, on_step=parts.step)
        shifts = _Shifts(shifts.n, limits, {**shifts.by_attack, (name, eps): measured})
        parts.end(shifts if eps else None)
    return shifts


def _displacement(request: Request, shifts: _Shifts, measures: tuple[str, ...] = ("wasserstein",)) -> Readings:
    label = _label(request.left)
    attacked = shifts.beyond(label, "pgd", measures=measures)
    noise = shifts.beyond(label, "noise", "clean", measures=measures)
    yield "layers move", Displacement(label, attacked, noise, shifts.n, len(measures))


def _displacement_and_recovery(request: Request, shifts: _Shifts) -> Readings:
    yield from _displacement(request, shifts, ("mean", "log_std"))
    clean, by_eps = shifts.by_attack["clean", 0.0].right, {}
    for (name, eps), batch in shifts.by_attack.items():
        if name == "pgd" and batch.right_batch is not None:
            lost = clean & ~batch.right
            by_eps[eps] = int((lost & batch.right_batch).sum()), int(lost.sum())
    yield "and that is the harm", Recovery(NORM_NAMES[request.left.norm], by_eps)


# --- C4: batch sizes


def _batch_sizes(request: Request, progress: Progress) -> dict[str | int, Accuracy]:
    """Accuracy with tracked statistics ("tracked"), and with batch statistics by batch size."""
    progress(0, "Reading the images")
    batch = request.images.load()
    batch_mode, tracked = (variant.load(request.device) for variant in request.variants)
    accuracies: dict[str | int, Accuracy] = {"tracked": evaluation.accuracy(tracked, batch, batch_size=len(batch))}
    chosen = sizes(len(batch))
    parts = Parts(progress, len(chosen))
    for size in chosen:
        parts.begin(f"batches of {size}")
        accuracies = {**accuracies, size: evaluation.accuracy(batch_mode, batch, batch_size=size)}
        parts.end(accuracies)
    return accuracies


def _unusable(request: Request, accuracies: dict[str | int, Accuracy]) -> Readings:
    counts = {size: Count(accuracy.correct, accuracy.n) for size, accuracy in accuracies.items()}
    by_size = {size: each for size, each in counts.items() if isinstance(size, int)}
    yield "unusable", BatchSizes(_label(request.left), counts["tracked"], by_size, {})


# For each claim: a function that measures, and a function that turns its (partial) result into evidence.
METHODS: dict[str, tuple[Callable[[Request, Progress], Any], Callable[[Request, Any], Readings]]] = {
    "C0": (_accuracies, _contest),
    "C1": (_shifts, _displacement),
    "C2": (_shifts, _displacement_and_recovery),
    "C3": (_accuracies, _retention_and_contest),
    "C4": (_batch_sizes, _unusable),
    "C5": (_accuracies, _contest),
    "C6": (_accuracies, _kept_accuracy),
}
