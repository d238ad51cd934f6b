"""APGD: PGD that chooses its step size itself, so that nobody tunes it badly and takes the result for robustness.

    z       = project(x_t + step * sign(gradient of the loss at x_t))
    x_{t+1} = project(x_t + 0.75 (z - x_t) + 0.25 (x_t - x_{t-1}))

The step starts at 2 eps. At checkpoints, which come closer and closer, it is halved and the search goes on from the
best point so far, if since the last checkpoint fewer than 75 % of the steps raised the loss, or if neither the step was
halved there nor a better point has been found since. The result of a restart is the best of its points, by image: one
that fools, then the one with the highest loss.

Where predictions depend on the batch there is one step size and one best point for all images: the loss that decides
is the sum over the batch, and the result is the point that fools most images, then the one with the highest sum.

Source: Croce & Hein 2020, "Reliable evaluation of adversarial robustness with an ensemble of diverse parameter-free
attacks", arXiv 2003.01690, algorithm 1.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, nn

from rnorm_core.attacks.attack import Aim, Attack, look, statistics_of, take_aim
from rnorm_core.attacks.balls import PIXELS
from rnorm_core.attacks.best import Point, beats, pooled
from rnorm_core.attacks.losses import LOSSES
from rnorm_core.attacks.trace import Step
from rnorm_core.norms import looks_at_batch

if TYPE_CHECKING:
    from rnorm_core.data import Batch

# The paper's: share of steps that must raise the loss, weight of the gradient's step beside the momentum's.
RHO, ALPHA = 0.75, 0.75


def checkpoints(steps: int) -> tuple[int, ...]:
    """Steps after which the step size is looked at: ceil(p_j steps), without the last step.

    p_1 = 0.22, then each stride is 0.03 shorter than the one before, and at least 0.06.
    """
    found, p, stride = set[int](), 22, 22  # in hundredths, which are exact
    while p < 100:
        found.add(-(-p * steps // 100))
        stride = max(stride - 3, 6)
        p += stride
    return tuple(sorted(found - {steps}))


@dataclass(frozen=True, eq=False)
class APGD(Attack):
    """eps in pixel units; loss is a name of `LOSSES`. Steps show where the search is, the last one its result;
    `Step.loss` is the cross entropy, whatever is climbed.
    """

    eps: float
    steps: int
    loss: str
    random_start: bool

    def stream(self, model: nn.Module, batch: "Batch", generator: Generator | None) -> Iterator[Step]:
        aim, total = take_aim(model, batch, self.targets), self.restarts * self.steps
        joint = looks_at_batch(statistics_of(model))
        first = self._at(model, aim, aim.clean, gradient=not self.random_start)
        yield self._step(aim, 0, total, first.view, first.images)
        for restart in range(self.restarts):
            start = first
            if self.random_start:
                x = (aim.clean + self.ball.inside(aim.clean, self.eps, generator)).clamp(0, 1)
                start = self._at(model, aim, x, gradient=True)
            for t, point in enumerate(self._climb(model, aim, start, joint), start=1):
                yield self._step(aim, restart * self.steps + t, total, point.view, point.images, restart)

    def _climb(self, model: nn.Module, aim: Aim, start: Point, joint: bool) -> Iterator[Point]:
        """The paper's algorithm from one start; images decide for themselves, or together if `joint`."""
        now, before = start, start.images
        highest = best = start  # by the loss alone, where the search goes on; by what fools and then the loss
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
            new = self._at(model, aim, z, gradient=t < self.steps)
            sound = sound & _numbers(new)
            rises = rises + (pooled(new.score - now.score, joint) > 0)
            highest = highest.where(pooled(new.score - highest.score, joint) > 0, new)
            best = best.where(beats(new.fools, best.fools, new.score - best.score, joint), new)
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

    def _at(self, model: nn.Module, aim: Aim, images: Tensor, *, gradient: bool) -> Point:
        view = look(model, aim, images, gradient=gradient, climb=LOSSES[self.loss])
        return Point(images, view, aim.fooled(view.probabilities))


def _numbers(point: Point) -> Tensor:
    """Bool (N,): image and loss are numbers."""
    return ~(point.images.isnan().any(PIXELS) | point.score.isnan())


def _only(best: Point, sound: Tensor) -> Point:
    """Not-a-number beats nothing, so that a search which meets it keeps its start, as if the model were robust: there
    the result is not-a-number, too, which `Attack.run` refuses."""
    return best._replace(images=torch.where(sound[:, None, None, None], best.images, torch.nan))
