"""Measurements on a model: its loss gradients, and whether predictions depend on the other images of a batch."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from rnorm_core import engine
from rnorm_core.attacks.balls import PIXELS
from rnorm_core.attacks.look import look, take_aim
from rnorm_core.data import Batch
from rnorm_core.errors import UserError


@dataclass(frozen=True, eq=False)
class Gradients:
    """The gradient of each image's cross entropy with respect to its pixels, at the clean image.

    lengths: (N,) L2 norm. zeros: (N,) share of the entries that are exactly zero. Both are on the CPU.
    """

    lengths: Tensor
    zeros: Tensor


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The changes of the predictions for N images when the model runs on them a second time; tensors are on the CPU.

    repeated, shuffled: (N,) largest change of a probability: in the same batches, and in random pairs of images.
    flipped_repeated, flipped_shuffled: bool (N,), whether the predicted class changed.
    """

    repeated: Tensor
    flipped_repeated: Tensor
    shuffled: Tensor
    flipped_shuffled: Tensor


def gradients(model: nn.Module, batch: Batch, batch_size: int) -> Gradients:
    """Measures loss gradients in consecutive batches of `batch_size`. UserError if model and batch do not match."""
    passes, lengths, zeros = engine.passes(model, batch_size), [], []
    for start in range(0, len(batch), batch_size):
        aim = take_aim(passes, batch.select(range(start, min(start + batch_size, len(batch)))), None)
        gradient = look(passes, aim, aim.clean, gradient=True).gradient
        assert gradient is not None
        lengths.append(gradient.double().square().sum(PIXELS).sqrt().cpu())
        zeros.append((gradient == 0).double().mean(PIXELS).cpu())
    return Gradients(torch.cat(lengths), torch.cat(zeros))


@torch.inference_mode()
def neighbours(model: nn.Module, batch: Batch, batch_size: int, generator: Generator) -> Neighbours:
    """Compares predictions in consecutive batches of `batch_size` with a second run and with random pairs. UserError if
    there are fewer than two images.
    """
    if len(batch) < 2:
        raise UserError("A single image has no neighbours in its batch.", "Choose at least two images.")
    consecutive = list(torch.arange(len(batch)).split(batch_size))
    first = _probabilities(model, batch.images, consecutive)
    repeated = _probabilities(model, batch.images, consecutive)
    pairs = list(torch.randperm(len(batch), generator=generator).split(2))
    if len(pairs[-1]) == 1:  # a single image joins the last pair: some layers need more than one image
        pairs[-2:] = [torch.cat(pairs[-2:])]
    shuffled = _probabilities(model, batch.images, pairs)
    return Neighbours(
        (repeated - first).abs().amax(1), repeated.argmax(1) != first.argmax(1),
        (shuffled - first).abs().amax(1), shuffled.argmax(1) != first.argmax(1),
    )  # fmt: skip


def _probabilities(model: nn.Module, images: Tensor, parts: list[Tensor]) -> Tensor:
    """Probabilities (N, K), on the CPU. parts: one tensor per batch with the indices of its images."""
    device, rows = next(model.parameters(), images).device, {}
    for part in parts:
        rows |= zip(part.tolist(), model(images[part].to(device)).softmax(1).cpu(), strict=True)
    return torch.stack([rows[index] for index in range(len(images))])
