"""Attacked images, made once in fixed batches, for measurements that score the same images in several ways."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure.accuracy import Accuracy, attack_batch, predict, tally

if TYPE_CHECKING:
    from rnorm_core.attacks import Attack


@dataclass(frozen=True, eq=False)
class Crafted:
    """Attacked images, and the accuracy of the model that they were made for.

    images: (N, 3, 32, 32) on the CPU, as the attack leaves them, in the batch's order. accuracy: in the same batches,
    equal to `evaluation.accuracy` with the same arguments.
    """

    images: Tensor
    accuracy: Accuracy


def craft(
    model: nn.Module, batch: Batch, attack: "Attack", batch_size: int = 128, seed: int = 0
) -> Crafted:  # fmt: skip
    """Attacks consecutive batches of `batch_size`; random numbers are those of `evaluation.accuracy` with this seed."""
    check_labels(batch)
    traces = [
        attack_batch(model, batch.select(range(start, min(start + batch_size, len(batch)))), attack, seed=seed, index=i)
        for i, start in enumerate(range(0, len(batch), batch_size))
    ]
    hits = torch.cat([trace.right for trace in traces])
    return Crafted(torch.cat([trace.adversarial for trace in traces]), tally(hits, model, attack, batch_size))


def score(
    model: nn.Module, images: Tensor, batch: Batch, attack: "Attack | None", batch_size: int = 128
) -> Accuracy:  # fmt: skip
    """Accuracy on `images` (N, 3, 32, 32) in consecutive batches. `attack` made them from the images of `batch`."""
    check_labels(batch)
    predicted = torch.cat([predict(model, part).cpu() for part in images.split(batch_size)])
    return tally(predicted == batch.labels.cpu(), model, attack, batch_size)


def check_labels(batch: Batch) -> None:
    """UserError if there is no image, or one without a label."""
    if len(batch) == 0 or bool((batch.labels < 0).any()):
        raise UserError("Accuracy needs labelled images.", "give every image its label.")
