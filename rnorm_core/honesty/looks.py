"""What a model's gradients are like, and whether its answers depend on who else is asked about."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from rnorm_core.attacks.attack import look, take_aim
from rnorm_core.attacks.balls import PIXELS
from rnorm_core.data import Batch
from rnorm_core.errors import UserError


@dataclass(frozen=True, eq=False)
class Gradients:
    """Of each image's own cross entropy with respect to its pixels, at the clean image; tensors lie on the CPU.

    lengths: (N,) L2. zeros: (N,) share of the entries that are exactly zero.
    """

    lengths: Tensor
    zeros: Tensor


@dataclass(frozen=True, eq=False)
class Neighbours:
    """How the answers to N images change when they are asked about anew; tensors lie on the CPU.

    again, apart: (N,) largest change of a probability, asked in the same batch again and asked in shuffled pairs.
    flipped_again, flipped_apart: bool (N,), whether the class changed.
    """

    again: Tensor
    flipped_again: Tensor
    apart: Tensor
    flipped_apart: Tensor


def gradients(model: nn.Module, batch: Batch, batch_size: int) -> Gradients:
    """In the fixed partition into batches; UserError where model and batch do not fit together."""
    lengths, zeros = [], []
    for start in range(0, len(batch), batch_size):
        aim = take_aim(model, batch.select(range(start, min(start + batch_size, len(batch)))), None)
        gradient = look(model, aim, aim.clean, gradient=True).gradient
        assert gradient is not None
        lengths.append(gradient.double().square().sum(PIXELS).sqrt().cpu())
        zeros.append((gradient == 0).double().mean(PIXELS).cpu())
    return Gradients(torch.cat(lengths), torch.cat(zeros))


@torch.inference_mode()
def neighbours(model: nn.Module, batch: Batch, batch_size: int, generator: Generator) -> Neighbours:
    """Compares with the fixed partition into batches. UserError if there are fewer than two images."""
    if len(batch) < 2:
        raise UserError("One image has no neighbours.", "Choose at least two images.")
    whole = _answers(model, batch.images, list(torch.arange(len(batch)).split(batch_size)))
    again = _answers(model, batch.images, list(torch.arange(len(batch)).split(batch_size)))
    shuffled = torch.randperm(len(batch), generator=generator)
    pairs = list(shuffled.split(2))
    if len(pairs[-1]) == 1:  # the odd one joins the last pair: some layers cannot look at one image alone
        pairs[-2:] = [torch.cat(pairs[-2:])]
    apart = _answers(model, batch.images, pairs)
    return Neighbours(
        (again - whole).abs().amax(1), again.argmax(1) != whole.argmax(1),
        (apart - whole).abs().amax(1), apart.argmax(1) != whole.argmax(1),
    )  # fmt: skip


def _answers(model: nn.Module, images: Tensor, parts: list[Tensor]) -> Tensor:
    """Probabilities (N, K), the images at each of `parts` asked about together."""
    device, found = next(model.parameters(), images).device, {}
    for part in parts:
        found |= zip(part.tolist(), model(images[part].to(device)).softmax(1).cpu(), strict=True)
    return torch.stack([found[index] for index in range(len(images))])
