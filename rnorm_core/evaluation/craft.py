"""Attacked images, made once in a fixed partition into batches, for measurements that look at them in several ways."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation.accuracy import Accuracy, batch_generator, predict, tally

if TYPE_CHECKING:
    from rnorm_core.attacks import Attack


@dataclass(frozen=True, eq=False)
class Crafted:
    """images: (N, 3, 32, 32) on the CPU, as the attack leaves them, in the batch's order. accuracy: of the model that
    they were made for, in the same batches; the same as `evaluation.accuracy` measures with these arguments.
    """

    images: Tensor
    accuracy: Accuracy


def craft(
    model: nn.Module, batch: Batch, attack: "Attack", batch_size: int = 128, seed: int = 0
) -> Crafted:  # fmt: skip
    """Attacks consecutive batches of `batch_size`; random numbers are those of `evaluation.accuracy` with this seed."""
    labelled(batch)
    images, hits = [], []
    for index, start in enumerate(range(0, len(batch), batch_size)):
        part = batch.select(range(start, min(start + batch_size, len(batch))))
        trace = attack.run(model, part, batch_generator(seed, index))
        images.append(trace.adversarial)
        hits.append(trace.adversarial_probabilities.argmax(1) == part.labels.cpu())
    return Crafted(torch.cat(images), tally(torch.cat(hits), model, attack, batch_size))


def score(
    model: nn.Module, images: Tensor, batch: Batch, attack: "Attack | None", batch_size: int = 128
) -> Accuracy:  # fmt: skip
    """Accuracy on `images` (N, 3, 32, 32), which `attack` made of those of `batch`, in consecutive batches."""
    labelled(batch)
    found = torch.cat([predict(model, part).cpu() for part in images.split(batch_size)])
    return tally(found == batch.labels.cpu(), model, attack, batch_size)


def labelled(batch: Batch) -> None:
    """UserError if there is no image, or one without a label."""
    if len(batch) == 0 or bool((batch.labels < 0).any()):
        raise UserError("Accuracy needs labelled images.", "give every image its label.")
