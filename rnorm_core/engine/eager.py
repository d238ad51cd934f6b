"""Forward passes and gradients by torch: the reference for every other engine."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnorm_core.engine.scores import Score


class Ascent(NamedTuple):
    """Logits (N, K), score (N,), and the gradient of the *sum* of the scores with respect to the images (N, 3, H, W).

    Because of the sum, an image's gradient does not depend on the batch size.
    """

    logits: Tensor
    score: Tensor
    gradient: Tensor


class Eager:
    """The passes of one network in eval mode. No buffer and no `.grad` of a weight changes."""

    name = "eager"

    def __init__(self, network: nn.Module) -> None:
        self.network = network

    def logits(self, images: Tensor) -> Tensor:
        """Images (N, 3, H, W) -> logits (N, K), without a gradient and always in full precision."""
        with torch.no_grad():
            return _full(self.network(images.detach()))

    def ascend(self, images: Tensor, score: Score, precision: str = "fp32") -> Ascent:
        """One forward and one backward pass. precision: "fp32" (that of the weights), or "bf16" for rough gradients."""
        images = images.detach().requires_grad_()
        with torch.enable_grad():
            with torch.autocast(images.device.type, torch.bfloat16, enabled=precision == "bf16"):
                logits = self.network(images)
            logits = _full(logits)
            value = score(logits)
            gradient = torch.autograd.grad(value.sum(), images)[0]
        return Ascent(logits.detach(), value.detach(), gradient)


def _full(logits: Tensor) -> Tensor:
    return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits
