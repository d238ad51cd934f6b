"""The set of allowed perturbations: the ball of radius eps in L-inf or L2, per image, in pixel units.

The formulas are those of textbooks and of other libraries, and the results are equal to theirs bit by bit. A
perturbation may therefore exceed eps by float32's rounding error of a pixel: at most 6e-8, a sixty-thousandth of a grey
level. In L2 the rounding errors of 3072 values add up, to 3e-6.
"""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from rnorm_core.errors import UserError

PIXELS = (1, 2, 3)  # the axes of one image in (N, C, H, W)


class Linf:
    """Perturbations that change no pixel by more than eps."""

    name = "linf"
    widest = 1.0  # the largest possible distance between two images

    def size(self, delta: Tensor) -> Tensor:
        return delta.abs().amax(PIXELS)

    def project(self, delta: Tensor, eps: float | Tensor) -> Tensor:
        """The nearest perturbation in the ball; a tensor eps (N, 1, 1, 1) is a radius for each image."""
        return delta.clamp(-eps, eps)  # pyright: ignore[reportCallIssue, reportArgumentType]  (both bounds are of one kind)

    def steepest(self, gradient: Tensor) -> Tensor:
        """The step (N, 3, 32, 32) of size 1 that increases a linear function with this gradient most.

        NaN stays NaN. torch's sign would turn it into 0; then the attack would not move, and the model would look
        robust.
        """
        sign = gradient.sign()
        return gradient.clamp(sign, sign)  # the sign, but clamp keeps NaN

    def inside(self, like: Tensor, eps: float, generator: Generator | None) -> Tensor:
        """A random perturbation of the shape of `like` (N, 3, 32, 32), uniform in the ball."""
        return eps * (2 * torch.rand(like.shape, **source(generator)).to(like) - 1)

    def surface(self, like: Tensor, eps: float, generator: Generator | None) -> Tensor:
        """A random corner: every pixel changes by eps, up or down. Most attacks of this norm end in a corner, too."""
        return eps * (2 * torch.randint(0, 2, like.shape, **source(generator)).to(like) - 1)


class L2:
    """Perturbations of Euclidean length at most eps, over all pixels and colours of the image."""

    name = "l2"
    widest = (3 * 32 * 32) ** 0.5

    def size(self, delta: Tensor) -> Tensor:
        return torch.linalg.vector_norm(delta, dim=PIXELS)

    def project(self, delta: Tensor, eps: float | Tensor) -> Tensor:
        return delta * (eps / self._length(delta)).clamp(max=1)

    def steepest(self, gradient: Tensor) -> Tensor:
        return gradient * (1 / self._length(gradient))

    def inside(self, like: Tensor, eps: float, generator: Generator | None) -> Tensor:
        """A random perturbation of the shape of `like` (N, 3, 32, 32), uniform in the ball.

        It consists of the first n coordinates of a random point on the sphere in n + 2 dimensions. Source: Voelker et
        al. 2017, "Efficiently sampling vectors and coordinates from the n-sphere and n-ball".
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


BALLS: dict[str, Linf | L2] = {"linf": Linf(), "l2": L2()}


@dataclass(frozen=True, eq=False)
class Scaled:
    """A ball for copies of one image, each with a radius of its own: eps times `radii` (E,).

    All copies begin at one random point of the unit ball, scaled. It is the point that image `index` gets in an attack
    on a batch of `of` images, so a copy takes the same way as that image.
    """

    ball: Linf | L2
    radii: Tensor
    index: int
    of: int

    @property
    def name(self) -> str:
        return self.ball.name

    @property
    def widest(self) -> float:
        return self.ball.widest

    def size(self, delta: Tensor) -> Tensor:
        return self.ball.size(delta)

    def project(self, delta: Tensor, eps: float) -> Tensor:
        return self.ball.project(delta, eps * self._scale(delta))

    def steepest(self, gradient: Tensor) -> Tensor:
        return self._scale(gradient) * self.ball.steepest(gradient)

    def inside(self, like: Tensor, eps: float, generator: Generator | None) -> Tensor:
        return self._scale(like) * self.ball.inside(self._whole(like), eps, generator)[self.index]

    def surface(self, like: Tensor, eps: float, generator: Generator | None) -> Tensor:
        return self._scale(like) * self.ball.surface(self._whole(like), eps, generator)[self.index]

    def _scale(self, like: Tensor) -> Tensor:
        return self.radii.to(like)[:, None, None, None]

    def _whole(self, like: Tensor) -> Tensor:
        return like[:1].expand(self.of, *like.shape[1:])


Ball = Linf | L2 | Scaled


def source(generator: Generator | None) -> dict:
    """Keyword arguments for torch's random functions. The numbers are drawn on the generator's device (the CPU), so a
    seed gives the same start on every device. UserError without a generator.
    """
    if generator is None:
        raise UserError("This attack draws random numbers and needs a generator.", "Pass a torch.Generator.")
    return {"generator": generator, "device": generator.device}
