"""The set of allowed perturbations: the ball of radius eps in L-inf or L2, per image, in pixel units.

The arithmetic is the textbook's, so that the results are those of other libraries to the bit; a perturbation may
therefore exceed eps by float32's rounding of a pixel, at most 6e-8, a sixty-thousandth of a grey level (in L2, where
the roundings of 3072 pixels add up, by 3e-6).
"""

import torch
from torch import Generator, Tensor

from rnorm_core.errors import UserError

PIXELS = (1, 2, 3)  # the axes of one image in (N, C, H, W)


class Linf:
    """No pixel changes by more than eps."""

    name = "linf"
    widest = 1.0  # the largest distance there is between two images

    def size(self, delta: Tensor) -> Tensor:
        return delta.abs().amax(PIXELS)

    def project(self, delta: Tensor, eps: float) -> Tensor:
        return delta.clamp(-eps, eps)

    def steepest(self, gradient: Tensor) -> Tensor:
        """The step of size 1 along which a linear function with this gradient grows most.

        Not-a-number stays one: torch's sign makes it 0, and an attack that stands still would look like robustness.
        """
        sign = gradient.sign()
        return gradient.clamp(sign, sign)  # the sign, except that clamp passes not-a-number on

    def inside(self, like: Tensor, eps: float, generator: Generator | None) -> Tensor:
        """Uniform in the ball."""
        return eps * (2 * torch.rand(like.shape, **source(generator)).to(like) - 1)

    def surface(self, like: Tensor, eps: float, generator: Generator | None) -> Tensor:
        """A random corner: every pixel moves by eps, up or down. Where an attack of this norm typically ends, too."""
        return eps * (2 * torch.randint(0, 2, like.shape, **source(generator)).to(like) - 1)


class L2:
    """The Euclidean length of the change, over all pixels and colours of the image, is at most eps."""

    name = "l2"
    widest = (3 * 32 * 32) ** 0.5

    def size(self, delta: Tensor) -> Tensor:
        return torch.linalg.vector_norm(delta, dim=PIXELS)

    def project(self, delta: Tensor, eps: float) -> Tensor:
        return delta * (eps / self._length(delta)).clamp(max=1)

    def steepest(self, gradient: Tensor) -> Tensor:
        return gradient * (1 / self._length(gradient))

    def inside(self, like: Tensor, eps: float, generator: Generator | None) -> Tensor:
        """Uniform in the ball: the first n coordinates of a random point on the sphere in n + 2 dimensions.

        Source: Voelker et al. 2017, "Efficiently sampling vectors and coordinates from the n-sphere and n-ball".
        """
        n = like[0].numel()
        point = torch.randn((len(like), n + 2), **source(generator))
        point = point / torch.linalg.vector_norm(point, dim=1, keepdim=True)
        return eps * point[:, :n].reshape(like.shape).to(like)

    def surface(self, like: Tensor, eps: float, generator: Generator | None) -> Tensor:
        """A random direction, of length eps."""
        return eps * self.steepest(torch.randn(like.shape, **source(generator)).to(like))

    def _length(self, delta: Tensor) -> Tensor:
        return torch.linalg.vector_norm(delta, dim=PIXELS, keepdim=True).clamp(min=1e-12)


Ball = Linf | L2
BALLS: dict[str, Ball] = {"linf": Linf(), "l2": L2()}


def source(generator: Generator | None) -> dict:
    """Draw where the generator lives (the CPU), so that a seed gives the same start on every device."""
    if generator is None:
        raise UserError("This attack draws random numbers and was given no generator.", "Pass a torch.Generator.")
    return {"generator": generator, "device": generator.device}
