"""Forward passes and gradients by torch: the reference for every other engine."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnorm_core import progress
from rnorm_core.engine.scores import Score


class Ascent(NamedTuple):
    """Logits (N, K), score (N,), and the gradient of the *sum* of the scores with respect to the images (N, 3, H, W).

    Because of the sum, an image's gradient does not depend on the batch size.
    """

    logits: Tensor
    score: Tensor
    gradient: Tensor


class Eager:
    """The passes of one network in eval mode. No buffer and no `.grad` of a weight changes.

    splits: whether the answer for an image does not depend on its batch. If the memory of a GPU is too small for a
    batch, such a network gets fewer images at a time. If that does not help either, a copy on the CPU computes.
    """

    name = "eager"

    def __init__(self, network: nn.Module, splits: bool = False) -> None:
        self.network = network
        self._splits = splits
        self._at_once: int | None = None  # images; None: the whole batch
        self._on_cpu: nn.Module | None = None

    def logits(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W) -> logits (N, K), without a gradient and always in full precision."""

        def forward(network: nn.Module, part: Tensor) -> Tensor:
            with torch.no_grad():
                return _full(network(part))

        return self._in_memory(forward, images.detach())

    def ascend(self, images: Tensor, score: Score, precision: str = "fp32") -> Ascent:
        """One forward and one backward pass. precision: "fp32" (that of the weights), or "bf16" for rough gradients."""
        images = images.detach()
        if self._at_once is None and self._on_cpu is None:
            try:
                return _ascend(self.network, images, score, precision)
            except torch.cuda.OutOfMemoryError:
                pass  # handled below, where the exception holds no tensors any more
        # The score needs the logits of all images; its gradient then goes back through the network part by part.
        logits = self.logits(images).requires_grad_()
        with torch.enable_grad():
            value = score(logits)
            slopes = torch.autograd.grad(value.sum(), logits)[0]

        def backward(network: nn.Module, part: Tensor, slope: Tensor) -> Tensor:
            return _ascend(network, part, lambda own: (own * slope).sum(1), precision).gradient

        return Ascent(logits.detach(), value.detach(), self._in_memory(backward, images, slopes))

    def _in_memory(self, compute: Callable[..., Tensor], *inputs: Tensor) -> Tensor:
        """`compute(network, *inputs)`, with as many images at a time as the memory holds. inputs: (N, ...) each."""
        while True:
            try:
                if self._on_cpu is not None:
                    return compute(self._on_cpu, *(part.cpu() for part in inputs)).to(inputs[0].device)
                if self._at_once is None:
                    return compute(self.network, *inputs)
                parts = zip(*(tensor.split(self._at_once) for tensor in inputs), strict=True)
                return torch.cat([compute(self.network, *part) for part in parts])
            except torch.cuda.OutOfMemoryError:
                if self._on_cpu is not None:
                    raise
            self._use_less(len(inputs[0]))

    def _use_less(self, images: int) -> None:
        at_once = min(self._at_once or images, images)
        if self._splits and at_once > 1:
            self._at_once = -(-at_once // 2)
            progress.say(f"The GPU's memory is too small: it gets {self._at_once} images at a time.")
        else:
            self._on_cpu = copy.deepcopy(self.network).cpu()
            progress.say("The GPU's memory is too small: the CPU computes.")
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _ascend(network: nn.Module, images: Tensor, score: Score, precision: str) -> Ascent:
    images = images.detach().requires_grad_()
    with torch.enable_grad():
        with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bf16"):
            logits = network(images)
        logits = _full(logits)
        value = score(logits)
        gradient = torch.autograd.grad(value.sum(), images)[0]
    return Ascent(logits.detach(), value.detach(), gradient)


def _full(logits: Tensor) -> Tensor:
    return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
