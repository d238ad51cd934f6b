"""Accuracy with its uncertainty, clean or under attack, on one fixed partition into batches."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rnorm_core.data import Batch
from rnorm_core.errors import UserError

if TYPE_CHECKING:
    from rnorm_core.attacks import Attack


@dataclass(frozen=True)
class Accuracy:
    """`correct` of `n` images; `low` and `high` bound the 95 % Wilson interval. The rest says what was measured."""

    correct: int
    n: int
    low: float
    high: float
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
    # At 0 and n of n the interval ends at 0 and 1 exactly; rounding must not push it past them.
    return (0.0 if correct == 0 else middle - half), (1.0 if correct == n else middle + half)


def accuracy(
    model: nn.Module,
    batch: Batch,
    attack: "Attack | None" = None,
    batch_size: int = 128,
    generator: torch.Generator | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Accuracy:
    """Share of `batch` that `model` classifies as labelled, after `attack` if there is one.

    Images are attacked and scored in consecutive batches of `batch_size`, and no image is ever dropped: with batch
    statistics another partition would be another classifier. `generator` feeds the attack (a fresh one with seed 0
    by default). `on_progress(done, n)` is called after each batch and may raise to stop.
    UserError if a label is unknown.
    """
    if len(batch) == 0 or bool((batch.labels < 0).any()):
        raise UserError("Accuracy needs labelled images.", "give every image its label.")
    generator = generator or torch.Generator().manual_seed(0)
    correct = 0
    for start in range(0, len(batch), batch_size):
        part = batch.select(range(start, min(start + batch_size, len(batch))))
        images = part.images if attack is None else attack.run(model, part, generator).adversarial
        correct += int((predict(model, images).cpu() == part.labels.cpu()).sum())
        if on_progress:
            on_progress(start + len(part), len(batch))
    low, high = wilson(correct, len(batch))
    return Accuracy(
        correct, len(batch), low, high,
        getattr(model, "name", "unnamed"), getattr(model, "statistics", "tracked"), getattr(model, "weight_hash", ""),
        getattr(attack, "spec", {}), batch_size,
    )  # fmt: skip


@torch.inference_mode()
def predict(model: nn.Module, images: Tensor) -> Tensor:
    """The predicted class of each image, (N,), all images in one batch."""
    parameter = next(model.parameters())
    return model(images.to(parameter.device)).argmax(1)
