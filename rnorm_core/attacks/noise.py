"""Random noise of an attack's size: the control that tells how much of an attack is its direction and not its size."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Generator, nn

from rnorm_core.attacks.attack import Attack, look, take_aim
from rnorm_core.attacks.trace import Step

if TYPE_CHECKING:
    from rnorm_core.data import Batch


@dataclass(frozen=True, eq=False)
class Noise(Attack):
    """A point of the *surface* of the ball, because that is where attacks end: every pixel eps up or down (L-inf), or
    a random direction of length eps (L2). Clipping to [0, 1] then shortens it, as it does for attacks.
    """

    eps: float

    def stream(self, model: nn.Module, batch: "Batch", generator: Generator | None) -> Iterator[Step]:
        aim = take_aim(model, batch, self.targets)
        yield self._step(aim, 0, self.restarts, look(model, aim, aim.clean), aim.clean)
        for restart in range(self.restarts):
            x = (aim.clean + self.ball.surface(aim.clean, self.eps, generator)).clamp(0, 1)
            yield self._step(aim, restart + 1, self.restarts, look(model, aim, x), x, restart)
