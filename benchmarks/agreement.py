"""Does a device compute what the CPU computes? One function for each check of `benchmarks.gpu`.

Every function returns a `Found`. Accuracies agree if the interval of their difference, image by image, contains 0:
rounding may change the way of an attack for some images, in both directions. Other numbers agree up to `ROUNDING`.
"""

import tempfile
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnorm_core import evaluation, models, probes, progress, shift, zoo
from rnorm_core.attacks import Attack
from rnorm_core.data import Batch
from rnorm_core.evaluation import Accuracy
from rnorm_core.evaluation.measure.sweep import BATCH
from rnorm_core.rounding import percent, short
from rnorm_core.training.augment import TrainingImages
from rnorm_core.training.loop import train
from rnorm_core.training.recipe import Recipe, recipe

CPU = torch.device("cpu")
LEVEL = 0.999  # of the intervals: with 0.95, one of thirty checks would fail by chance
# Of the largest logit, of a channel's standard deviation, of a loss. A GPU's convolutions keep ten bits of each factor
# (TF32); the same rounding on a CPU moves logits and statistics by a thousandth.
ROUNDING = 0.01


class Found(NamedTuple):
    """What was measured on the CPU and on the device, as texts, and whether the two agree."""

    cpu: str
    device: str
    agree: bool


@dataclass(frozen=True)
class Check:
    what: str
    found: Found

    @property
    def row(self) -> str:
        cpu, device, agree = self.found
        return f"| {self.what} | {cpu} | {device} | {'yes' if agree else '**no**'} |"


def checked(checks: Mapping[str, Callable[[], Found]]) -> list[Check]:
    """Each check, printed as soon as it is known. One that ends in an error has failed; the others still run."""
    done = list[Check]()
    for what, compare in checks.items():
        try:
            found = compare()
        except Exception as error:  # whatever a device does wrong is what the check is for
            traceback.print_exc()
            text = f"{type(error).__name__}: {error}".splitlines()[0].replace("|", "/")
            found = Found("", text[:200], False)
        done.append(Check(what, found))
        print(done[-1].row, flush=True)
    return done


def same_logits(names: Sequence[str], images: Tensor, device: torch.device) -> Found:
    """Every network, loaded on both."""
    apart = {}
    for name in names:
        expected, found = (_logits(zoo.load(name, device=where), images) for where in (CPU, device))
        apart[name] = float((found - expected).abs().max() / expected.abs().max())
    worst = max(apart, key=lambda name: apart[name])
    text = f"logits differ by at most {short(apart[worst])} of the largest ({worst})"
    return Found(f"networks: {len(names)}", text, all(value <= ROUNDING for value in apart.values()))


@torch.inference_mode()
def _logits(network: nn.Module, images: Tensor) -> Tensor:
    return network(images.to(next(network.parameters()).device)).cpu()


def same_statistics(name: str, mode: str, images: Tensor, device: torch.device) -> Found:
    """What every norm layer receives, by all measures of a shift."""
    expected = probes.record(zoo.load(name, mode, CPU), images)
    found = shift.compare(probes.record(zoo.load(name, mode, device), images, grid=expected), expected)
    apart = {layer.name: max(layer.summary(measure) for measure in shift.MEASURES) for layer in found.layers}
    worst = max(apart, key=lambda layer: apart[layer])
    text = f"shifted by at most {short(apart[worst])} ({worst})"
    return Found(f"layers: {len(apart)}", text, all(value <= ROUNDING for value in apart.values()))


def same_accuracy(name: str, mode: str, batch: Batch, attack: Attack | None, device: torch.device) -> Found:
    expected, found = (
        evaluation.accuracy(zoo.load(name, mode, where, fold=True), batch, attack, BATCH) for where in (CPU, device)
    )
    return _alike(expected, found)


def _alike(expected: Accuracy, found: Accuracy) -> Found:
    pair = evaluation.paired(expected.hits, found.hits, LEVEL)
    other = pair.left_only + pair.right_only
    text = f"{percent(found.value)}, other answers for {other} of {pair.n} images"
    return Found(percent(expected.value), text, pair.low <= 0 <= pair.high)


def same_with_less_memory(
    name: str, batch: Batch, attack: Attack, less: AbstractContextManager[object], device: torch.device
) -> Found:
    """The same attack on the device, twice; while `less` is entered, the whole batch does not fit into its memory.

    Here the first column is the device with all of its memory.
    """
    network, notes = zoo.load(name, device=device), list[str]()
    expected = evaluation.accuracy(network, batch, attack, len(batch))
    token = progress.listener.set(notes.append)
    try:
        with less:
            found = evaluation.accuracy(network, batch, attack, len(batch))
    finally:
        progress.listener.reset(token)
    alike = _alike(expected, found)
    said = f"{alike.device}. {notes[-1]}" if notes else "the memory was large enough"
    return alike._replace(device=said, agree=alike.agree and bool(notes))


def same_training(images: Tensor, labels: Tensor, plan: Recipe, device: torch.device) -> Found:
    """The mean loss of the first steps of a training, from equal weights, on equal crops."""
    expected, found = (learn(images, labels, plan, where)["train_loss"] for where in (CPU, device))
    return Found(short(expected), short(found), abs(found - expected) <= ROUNDING * expected)


def learn(images: Tensor, labels: Tensor, plan: Recipe, device: torch.device) -> dict:
    """Trains a ResNet-20 for the epochs of `plan`; returns the last row of its curve. images: uint8 (N, 32, 32, 3)."""
    torch.manual_seed(0)
    network = models.build("resnet20", "bn")
    with tempfile.TemporaryDirectory() as folder:
        stored = TrainingImages(images, labels, plan.padding, device)
        return train(network, stored, plan, 0, Path(folder) / "checkpoint", {})[-1]


def one_epoch(precision: str, batch_size: int, peak_lr: float) -> Recipe:
    """One epoch of the recipe `fast`, on whole images."""
    changes = {"epochs": 1, "small_epochs": 0, "precision": precision, "batch_size": batch_size, "peak_lr": peak_lr}
    return recipe("fast", "bn", **changes)
