"""FGSM, BIM, PGD and MI-FGSM: they increase the loss inside the ball of radius eps, with one gradient per step.

    x_0     = clean image, or a random point of the ball around it
    x_{t+1} = clip(project(x_t + step_size * direction(gradient of the loss at x_t)))

They differ in start, number of steps, step size and direction, see the catalogue. A targeted attack decreases the loss
of the target instead. Fooled images continue to move: in the modes where predictions depend on the batch, the
predictions for the other images would change if they were removed.

Sources: Goodfellow et al. 2015 (FGSM, arXiv 1412.6572), Kurakin et al. 2017 (BIM, 1607.02533), Madry et al. 2018 (PGD,
1706.06083), Dong et al. 2018 (MI-FGSM, 1710.06081).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Generator, Tensor, nn

from rnorm_core import engine
from rnorm_core.attacks.attack import Attack
from rnorm_core.attacks.balls import PIXELS
from rnorm_core.attacks.look import look, take_aim
from rnorm_core.attacks.trace import Step

if TYPE_CHECKING:
    from rnorm_core.data import Batch


@dataclass(frozen=True, eq=False)
class GradientAttack(Attack):
    """eps and step_size are in pixel units; momentum None means plain steepest ascent."""

    eps: float
    steps: int
    step_size: float
    random_start: bool
    precision: str
    momentum: float | None = None
    accumulate: str = "l1"

    def stream(self, model: nn.Module, batch: "Batch", generator: Generator | None) -> Iterator[Step]:
        passes = engine.passes(model, len(batch) if self.precision == "fp32" else None)
        aim = take_aim(passes, batch, self.targets)
        clean, total = aim.clean, self.restarts * self.steps
        # The forward pass of a step also gives its gradient. The clean images need a pass of their own only with a
        # random start or with bf16 gradients.
        shared = not self.random_start and self.precision == "fp32"
        first = look(passes, aim, clean, gradient=shared)
        yield self._step(aim, 0, total, first, clean)

        for restart in range(self.restarts):
            x, view = clean, first
            if self.random_start:
                x = (clean + self.ball.inside(clean, self.eps, generator)).clamp(0, 1)
            if not shared:
                view = look(passes, aim, x, gradient=True, precision=self.precision)
            direction = self._direction()
            for t in range(1, self.steps + 1):
                x = x.add(direction(view.gradient), alpha=aim.sign * self.step_size)
                x = (clean + self.ball.project(x - clean, self.eps)).clamp(0, 1)
                view = look(passes, aim, x, gradient=t < self.steps, precision=self.precision)
                yield self._step(aim, restart * self.steps + t, total, view, x, restart)

    def _direction(self) -> Callable[[Tensor], Tensor]:
        """A function: gradient (N, 3, 32, 32) -> step of size 1. With momentum, the function remembers past gradients.

        MI-FGSM: g <- momentum * g + gradient / ||gradient||_1, step sign(g). accumulate="sign" adds sign(gradient)
        instead, as foolbox does: then a step with a small gradient counts as much as one with a large gradient.
        """
        if self.momentum is None:
            return self.ball.steepest
        momentum, gathered = self.momentum, torch.zeros(())

        def step(gradient: Tensor) -> Tensor:
            nonlocal gathered
            if self.accumulate == "sign":
                new = gradient.sign()
            else:
                new = gradient / gradient.abs().sum(PIXELS, keepdim=True).clamp(min=1e-12)
            gathered = momentum * gathered.to(new) + new
            return self.ball.steepest(gathered)

        return step
