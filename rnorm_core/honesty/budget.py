"""How much an examination may ask of a model: twenty images within a minute, or a thousand in earnest."""

from dataclasses import dataclass

from rnorm_core.honesty.rules import LARGE_EPS


@dataclass(frozen=True)
class Budget:
    """How much an examination may ask of a model.

    count:    images, the first of the batch. batch_size: of the one partition for attacking and scoring.
    eps:      size of all attacks that are compared with each other; sizes: of the curve, eps among them.
    steps:    of the usual PGD; more_steps, restarts: of the one that must find little more.
    apgd:     steps of each APGD. aims: how many likely other classes are aimed at. queries: of Square.
    """

    count: int
    batch_size: int
    eps: float
    sizes: tuple[float, ...]
    steps: int
    more_steps: int
    restarts: int
    apgd: int
    aims: int
    queries: int

    @property
    def work(self) -> int:
        """Looks at a batch, roughly, at most: how progress is told."""
        curve = self.steps * len({*self.sizes, self.eps})
        return curve + self.more_steps * self.restarts + self.queries + self.steps + self.apgd * (2 + self.aims)


LIVE = Budget(20, 20, 8 / 255, (1 / 255, 4 / 255, 8 / 255, LARGE_EPS), 10, 30, 2, 15, 2, 150)
FULL = Budget(
    1000, 128, 8 / 255, (0.5 / 255, 1 / 255, 2 / 255, 4 / 255, 8 / 255, 16 / 255, LARGE_EPS), 20, 100, 3, 100, 3, 2000
)
