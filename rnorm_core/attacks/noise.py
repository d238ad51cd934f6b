"""Random noise of the same size as an attack: it separates the effect of the direction from that of the size."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Generator, nn

from rnorm_core import engine
from rnorm_core.attacks.attack import Attack
from rnorm_core.attacks.look import look, take_aim
from rnorm_core.attacks.trace import Step

if TYPE_CHECKING:
    from rnorm_core.data import Batch


@dataclass(frozen=True, eq=False)
class Noise(Attack):
    """A random point on the *surface* of the ball, because attacks usually end there: every pixel eps up or down
    (L-inf), or a random direction of length eps (L2). Clipping to [0, 1] then makes the noise smaller, as it does for
    attacks.
    """

    eps: float

    def stream(self, model: nn.Module, batch: "Batch", generator: Generator | None) -> Iterator[Step]:
        passes = engine.passes(model)
        aim = take_aim(passes, batch, self.targets)
        yield self._step(aim, 0, self.restarts, look(passes, aim, aim.clean), aim.clean)
        for restart in range(self.restarts):
            x = (aim.clean + self.ball.surface(aim.clean, self.eps, generator)).clamp(0, 1)
            yield self._step(aim, restart + 1, self.restarts, look(passes, aim, x), x, restart)
