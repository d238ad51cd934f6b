"""Square Attack: random squares, kept if they help the attack. It uses only the model's outputs, never a gradient.

It starts from vertical stripes, each one pixel wide and eps up or down in each colour. Then each query sets one square
of the image to eps up or down in each colour, and keeps the square if it raises the margin of the wrong classes (or, in
a targeted attack, lowers the target's cross entropy). A square covers a share p of the image, which is halved several
times. If a white-box attack is weaker than this attack, its gradients are useless; its failure is not robustness.

p begins at 0.8, AutoAttack's choice for networks of this size (Croce & Hein 2020). The attack's authors use 0.05 for
ImageNet and 0.3 for some networks of CIFAR-10. Within a few thousand queries, large squares are more effective on small
images and on adversarially trained networks. Fooled images get no further queries; their remaining steps repeat the
last point.

If predictions depend on the batch, no image is left out, and every query changes a square in each image. The sum of the
margins decides whether all squares are kept or none. The result is the point that fools most images, then the one with
the highest sum. This attack is weak, because a square that helps to fool one image is kept or rejected jointly with
squares that do not.

Source: Andriushchenko et al. 2020, arXiv 1912.00049, algorithms 1 and 2. The schedule is the authors' for 10,000
queries, stretched to the number of queries.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, nn

from rnorm_core import engine
from rnorm_core.attacks.attack import Attack
from rnorm_core.attacks.balls import source
from rnorm_core.attacks.best import Point, improves, pooled
from rnorm_core.attacks.look import FINITE, NotANumber, look, statistics_of, take_aim
from rnorm_core.attacks.losses import Aim, ce, margin
from rnorm_core.attacks.trace import Step
from rnorm_core.engine import Eager
from rnorm_core.norms import looks_at_batch

if TYPE_CHECKING:
    from rnorm_core.data import Batch

HALVED_AFTER = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # p is halved after these queries, of 10,000


def share(p_init: float, square: int, queries: int) -> float:
    """The share of the image that square number `square` (from 0) covers."""
    return p_init / 2 ** sum(square * 10_000 // queries > after for after in HALVED_AFTER)


def side(p: float, width: int) -> int:
    """The side of a square that covers about the share p of an image, at least one pixel."""
    return max(1, round((p * width * width) ** 0.5))


@dataclass(frozen=True, eq=False)
class Square(Attack):
    """eps in pixel units; one step is one query of the model."""

    eps: float
    steps: int
    p_init: float
    measures_by_ball = False

    def stream(self, model: nn.Module, batch: "Batch", generator: Generator | None) -> Iterator[Step]:
        passes = engine.passes(model)
        aim, total = take_aim(passes, batch, self.targets), self.restarts * self.steps
        joint = looks_at_batch(statistics_of(model))
        yield self._step(aim, 0, total, look(passes, aim, aim.clean), aim.clean)
        for restart in range(self.restarts):
            for t, point in enumerate(self._search(passes, aim, generator, joint), start=1):
                yield self._step(aim, restart * self.steps + t, total, point.view, point.images, restart)

    def _search(self, passes: Eager, aim: Aim, generator: Generator | None, joint: bool) -> Iterator[Point]:
        now = best = self._ask(passes, aim, self._stripes(aim.clean, generator))
        for query in range(1, self.steps):
            yield now
            if joint:
                new = self._ask(passes, aim, self._with_square(aim.clean, now.images, query - 1, generator))
                best = best.where(improves(new.fools, best.fools, new.score - best.score, joint), new)
                if (pooled(new.score - now.score, joint) > 0).all():
                    now = new
            elif len(left := (~now.fools).nonzero()[:, 0]):
                # Squares are drawn for all images, so an image's squares do not depend on which other images are
                # fooled.
                tried = self._with_square(aim.clean, now.images, query - 1, generator)[left]
                new, old = self._ask(passes, aim.select(left), tried), now.take(left)
                kept = improves(new.fools, old.fools, new.score - old.score, joint)
                if kept.any():
                    now = now.put(left, old.where(kept, new))
                best = now
        yield best

    def _ask(self, passes: Eager, aim: Aim, images: Tensor) -> Point:
        view = look(passes, aim, images, climb=margin if aim.targets is None else ce)
        if view.score.isnan().any():  # comparisons with NaN are false: the model would look robust
            raise NotANumber("The answer of this model is not a number somewhere; the attack cannot judge it.", FINITE)
        return Point(images, view, aim.fooled(view.probabilities))

    def _stripes(self, clean: Tensor, generator: Generator | None) -> Tensor:
        n, colours, _, width = clean.shape
        return (clean + self.eps * _signs((n, colours, 1, width), generator).to(clean)).clamp(0, 1)

    def _with_square(self, clean: Tensor, images: Tensor, square: int, generator: Generator | None) -> Tensor:
        """The images (N, 3, 32, 32), with a square at a random place in each one; the square replaces the old values.

        The paper adds 2 eps up or down and projects. The result is the same: eps from the clean image.
        """
        n, colours, height, width = clean.shape
        length = side(share(self.p_init, square, self.steps), width)
        top, left = (
            torch.randint(0, edge - length + 1, (n, 1), **source(generator)).to(clean.device)
            for edge in (height, width)
        )
        rows, columns = torch.arange(height, device=clean.device), torch.arange(width, device=clean.device)
        tall, wide = (rows >= top) & (rows < top + length), (columns >= left) & (columns < left + length)
        moved = (clean + self.eps * _signs((n, colours, 1, 1), generator).to(clean)).clamp(0, 1)
        return torch.where(tall[:, None, :, None] & wide[:, None, None, :], moved, images)


def _signs(shape: tuple[int, ...], generator: Generator | None) -> Tensor:
    return 2 * torch.randint(0, 2, shape, **source(generator)) - 1
