"""Accuracy with its uncertainty, clean or under attack, on one fixed partition into batches."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from rnorm_core import engine
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure.share import ALONE, Share
from rnorm_core.pixels import eight_bit

if TYPE_CHECKING:
    from rnorm_core.attacks import Attack, Step, Trace


@dataclass(frozen=True)
class Accuracy:
    """`correct` of `n` images; `low` and `high` are the ends of the 95 % Wilson interval. hits: bool (n,) on the CPU,
    True for images that were classified as labelled. The other fields are the conditions of the measurement.
    """

    correct: int
    n: int
    low: float
    high: float
    hits: Tensor = field(compare=False, repr=False)
    model: str = "unnamed"
    statistics: str = "tracked"
    weight_hash: str = ""
    spec: dict = field(default_factory=dict)
    batch_size: int = 0

    @property
    def value(self) -> float:
        return self.correct / self.n


def wilson(correct: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's score interval for a proportion (Wilson 1927), (low, high). Raises ValueError if n < 1."""
    if not 0 <= correct <= n or n < 1:
        raise ValueError(f"An interval needs 0 <= correct <= n and n >= 1, got {correct} of {n}.")
    p, z = correct / n, NormalDist().inv_cdf((1 + level) / 2)
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    # At 0 and n of n the interval ends exactly at 0 and 1; rounding must not exceed them.
    return (0.0 if correct == 0 else middle - half), (1.0 if correct == n else middle + half)


def accuracy(
    model: nn.Module,
    batch: Batch,
    attack: "Attack | None" = None,
    batch_size: int = 128,
    generator: torch.Generator | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    seed: int = 0,
) -> Accuracy:
    """Share of `batch` that `model` classifies as labelled, after `attack` if there is one.

    Images are attacked and scored in consecutive batches of `batch_size`, and no image is dropped: with batch
    statistics another partition would be another classifier. The attack's random numbers for each batch come from
    `batch_generator(seed, index of the batch)`, so a batch's result does not depend on earlier batches. If a
    `generator` is given, all batches draw from it, one after the other. `on_progress(done, n)` is called after each
    batch and may raise to stop. UserError if a label is unknown.
    """
    return accuracies(model, batch, attack, batch_size, generator, on_progress, seed=seed)["float"]


def accuracies(
    model: nn.Module,
    batch: Batch,
    attack: "Attack | None" = None,
    batch_size: int = 128,
    generator: torch.Generator | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    seed: int = 0,
    pixels: Sequence[str] = ("float",),
    share: Share = ALONE,
) -> dict[str, Accuracy]:
    """`accuracy` for each of `pixels`, from one run of the attack. "float": the images as the attack leaves them.
    "8-bit": the images after rounding to an image file's pixels. With a `share` each process measures its own batches,
    and all processes return the whole result.
    """
    if len(batch) == 0 or bool((batch.labels < 0).any()):
        raise UserError("Accuracy needs labelled images.", "give every image its label.")
    hits = {kind: torch.zeros(len(batch), dtype=torch.bool) for kind in pixels}
    for index, start in enumerate(range(0, len(batch), batch_size)):
        if not share.takes(index):
            continue
        end = min(start + batch_size, len(batch))
        part = batch.select(range(start, end))
        for kind, right in _hits(model, part, attack, generator or batch_generator(seed, index), pixels).items():
            hits[kind][start:end] = right
        if on_progress:
            on_progress(end, len(batch))
    return {kind: tally(share.merge(right), model, attack, batch_size) for kind, right in hits.items()}


def batch_generator(seed: int, index: int) -> torch.Generator:
    """A random generator for the batch at `index`; each (seed, index) has independent random numbers."""
    (mixed,) = np.random.SeedSequence([seed, index]).generate_state(1)
    return torch.Generator().manual_seed(int(mixed))


def attack_batch(
    model: nn.Module,
    batch: Batch,
    attack: "Attack",
    *,
    seed: int = 0,
    index: int = 0,
    on_step: "Callable[[Step], object] | None" = None,
) -> "Trace":
    """Attacks one batch with the random numbers that `accuracy` uses for the batch at `index`.

    So `trace.right` equals the hits of `accuracy` for this batch. `on_step` is called at each step and may raise to
    stop.
    """
    device = next(model.parameters()).device
    return attack.run(model, batch.to(device), batch_generator(seed, index), on_step)


@torch.inference_mode()
def predict(model: nn.Module, images: Tensor) -> Tensor:
    """The predicted class of each image, (N,), all images in one batch."""
    images = images.to(next(model.parameters()).device)
    try:
        return model(images).argmax(1)
    except torch.cuda.OutOfMemoryError:
        pass
    return engine.passes(model).logits(images).argmax(1)  # with what memory there is


def _hits(
    model: nn.Module, part: Batch, attack: "Attack | None", generator: torch.Generator, pixels: Sequence[str]
) -> dict[str, Tensor]:
    """Bool (N,) for each of `pixels`: True where an image is classified as labelled. All images are in one batch."""
    images, predicted = part.images, {}
    if attack is not None:
        trace = attack.run(model, part, generator)
        images = trace.adversarial
        # The attack called the model last with these images in this batch, so no further pass is needed.
        predicted["float"] = trace.adversarial_probabilities.argmax(1)
    elif "float" in pixels:
        predicted["float"] = predict(model, images)
    if "8-bit" in pixels:
        rounded = eight_bit(images).movedim(-1, -3).to(images.dtype) / 255
        predicted["8-bit"] = predict(model, rounded)
    labels = part.labels.cpu()
    return {kind: predicted[kind].cpu() == labels for kind in pixels}


def tally(hits: Tensor, model: nn.Module, attack: "Attack | None", batch_size: int) -> Accuracy:
    """The Accuracy of hits, bool (N,), with the names of model and attack."""
    correct, n = int(hits.sum()), len(hits)
    return Accuracy(
        correct, n, *wilson(correct, n), hits,
        getattr(model, "name", "unnamed"), getattr(model, "statistics", "tracked"), getattr(model, "weight_hash", ""),
        getattr(attack, "spec", {}), batch_size,
    )  # fmt: skip
