"""APGD: PGD that chooses its step size itself. A badly chosen step size makes an attack weak, and a weak attack looks
like robustness.

    z       = project(x_t + step * sign(gradient of the loss at x_t))
    x_{t+1} = project(x_t + 0.75 (z - x_t) + 0.25 (x_t - x_{t-1}))

The step starts at 2 eps. The distance between checkpoints shrinks. At a checkpoint the step is halved, and the search
continues from the point with the highest loss so far, in two cases: fewer than 75 % of the steps since the last
checkpoint raised the loss, or the step was not halved at the last checkpoint and the highest loss has not changed since
then. The result of a restart is the best point of each image: a point that fools the model comes first, then a higher
loss.

If predictions depend on the batch, all images share one step size and one best point. The sum of the losses over the
batch decides about the step size. The result is the point that fools most images, then the one with the highest sum.

Source: Croce & Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free
attacks", arXiv 2003.01690, algorithm 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, nn

from rnorm_core import engine
from rnorm_core.attacks.attack import Attack
from rnorm_core.attacks.balls import PIXELS
from rnorm_core.attacks.best import Point, improves, pooled
from rnorm_core.attacks.look import look, statistics_of, take_aim
from rnorm_core.attacks.losses import LOSSES, Aim
from rnorm_core.attacks.trace import Step
from rnorm_core.engine import Eager
from rnorm_core.errors import UserError
from rnorm_core.norms import looks_at_batch

if TYPE_CHECKING:
    from rnorm_core.data import Batch

# Values of the paper. RHO: share of steps that must raise the loss. ALPHA: weight of the gradient step; the momentum
# has weight 1 - ALPHA.
RHO, ALPHA = 0.75, 0.75


def checkpoints(steps: int) -> tuple[int, ...]:
    """Steps after which the step size may be halved: ceil(p_j * steps) for j = 1, 2, ..., without the last step.

    p_1 = 0.22. Each distance p_{j+1} - p_j is 0.03 shorter than the one before, but at least 0.06.
    """
    marks, p, stride = set[int](), 22, 22  # in hundredths, which are exact
    while p < 100:
        marks.add(-(-p * steps // 100))
        stride = max(stride - 3, 6)
        p += stride
    return tuple(sorted(marks - {steps}))


@dataclass(frozen=True, eq=False)
class APGD(Attack):
    """eps: in pixel units. loss: a name of `LOSSES`. `Step.loss` is always the cross entropy.

    `stream` yields the current point of the search. The last step of each restart is its result.
    early_stop: an image that is fooled keeps its point and costs no more passes. As many images are fooled as without
    it, but less surely, so that fewer may survive the rounding to 8 bits.
    """

    eps: float
    steps: int
    loss: str
    random_start: bool
    early_stop: bool = False

    def stream(self, model: nn.Module, batch: "Batch", generator: Generator | None) -> Iterator[Step]:
        compiled = self.loss == "ce" and not self.early_stop  # a graph takes one number of images
        passes = engine.passes(model, len(batch) if compiled else None)
        aim, total = take_aim(passes, batch, self.targets), self.restarts * self.steps
        joint = looks_at_batch(statistics_of(model))
        if joint and self.early_stop:
            raise UserError(
                "No image can stop early where predictions depend on the batch: the others still need it.",
                "Leave early_stop out, or use tracked statistics.",
            )
        result = first = self._at(passes, aim, aim.clean, gradient=not self.random_start)
        yield self._step(aim, 0, total, first.view, first.images)
        for restart in range(self.restarts):
            start = first
            if self.random_start:
                x = (aim.clean + self.ball.inside(aim.clean, self.eps, generator)).clamp(0, 1)
                start = self._next(passes, aim, x, result, result, gradient=True)
            for t, result in enumerate(self._climb(passes, aim, start, joint), start=1):
                yield self._step(aim, restart * self.steps + t, total, result.view, result.images, restart)

    def _climb(self, passes: Eager, aim: Aim, start: Point, joint: bool) -> Iterator[Point]:
        """The algorithm from one start. Each image decides separately; if `joint`, the sum over the batch decides."""
        now, before = start, start.images
        # highest: the point with the highest loss, from which the search continues.
        # best: the result, which fools the model if a point did, then has the highest loss.
        highest = best = start
        marks, mark, since = checkpoints(self.steps), start.score, 0
        size = torch.full_like(start.score, 2 * self.eps)
        rises, halved = torch.zeros_like(start.score), torch.zeros_like(start.fools)
        sound = _numbers(start)
        for t in range(1, self.steps + 1):
            x = now.images
            assert now.view.gradient is not None
            z = self._inside(aim, x + size[:, None, None, None] * self.ball.steepest(now.view.gradient))
            if t > 1:
                z = self._inside(aim, x + ALPHA * (z - x) + (1 - ALPHA) * (x - before))
            new = self._next(passes, aim, z, now, best, gradient=t < self.steps)
            sound = sound & _numbers(new)
            rises = rises + (pooled(new.score - now.score, joint) > 0)
            highest = highest.where(pooled(new.score - highest.score, joint) > 0, new)
            best = best.where(improves(new.fools, best.fools, new.score - best.score, joint), new)
            now, before = new, x
            if t in marks:
                idle = ~halved & (pooled(highest.score - mark, joint) <= 0)
                halved = (rises < RHO * (t - since)) | idle
                size = torch.where(halved, size / 2, size)
                now = now.where(halved, highest)
                rises, mark, since = torch.zeros_like(rises), highest.score, t
            yield now if t < self.steps else _only(best, sound)

    def _inside(self, aim: Aim, images: Tensor) -> Tensor:
        return (aim.clean + self.ball.project(images - aim.clean, self.eps)).clamp(0, 1)

    def _next(self, passes: Eager, aim: Aim, images: Tensor, now: Point, best: Point, *, gradient: bool) -> Point:
        """The point at `images`. With `early_stop`, an image that `best` fools stays at `now`."""
        if not self.early_stop:
            return self._at(passes, aim, images, gradient=gradient)
        if gradient and now.view.gradient is None:
            now = now._replace(view=now.view._replace(gradient=torch.zeros_like(now.images)))
        left = (~best.fools).nonzero()[:, 0]
        if not len(left):
            return now
        return now.put(left, self._at(passes, aim.select(left), images[left], gradient=gradient))

    def _at(self, passes: Eager, aim: Aim, images: Tensor, *, gradient: bool) -> Point:
        view = look(passes, aim, images, gradient=gradient, climb=LOSSES[self.loss])
        return Point(images, view, aim.fooled(view.probabilities))


def _numbers(point: Point) -> Tensor:
    """Bool (N,): False where an image or its loss is NaN."""
    return ~(point.images.isnan().any(PIXELS) | point.score.isnan())


def _only(best: Point, sound: Tensor) -> Point:
    """The best point, but with NaN images where the search met NaN: `Attack.run` then raises NotANumber.

    Comparisons with NaN are false, so without this such a search would keep its start, and the model would look robust.
    """
    return best._replace(images=torch.where(sound[:, None, None, None], best.images, torch.nan))
