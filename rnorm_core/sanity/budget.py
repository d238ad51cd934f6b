"""The cost of an examination: 20 images within a minute, or 1,000 images with strong attacks."""

from dataclasses import dataclass

from rnorm_core.sanity.rules import LARGE_EPS


@dataclass(frozen=True)
class Budget:
    """Images, attack sizes and steps of an examination.

    count:      number of images, the first of the batch.
    batch_size: images are attacked and scored in the same consecutive batches of this size.
    eps:        size, in pixel units, of all attacks that are compared with each other.
    sizes:      sizes of the accuracy curve, in pixel units; `eps` is added to them.
    steps:      of the usual PGD.
    more_steps, restarts: of the stronger PGD, which should fool only a few more images.
    apgd:       steps of each APGD.
    aims:       number of target classes of APGD per image, the most likely other classes, one after the other.
    queries:    of the Square Attack.
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
        """Upper estimate of the model calls per image; the progress is measured against it."""
        curve = self.steps * len({*self.sizes, self.eps})
        return curve + self.more_steps * self.restarts + self.queries + self.steps + self.apgd * (3 + self.aims)


LIVE = Budget(20, 20, 8 / 255, (1 / 255, 4 / 255, 8 / 255, LARGE_EPS), 10, 30, 2, 15, 2, 150)
FULL = Budget(
    1000, 128, 8 / 255, (0.5 / 255, 1 / 255, 2 / 255, 4 / 255, 8 / 255, 16 / 255, LARGE_EPS), 20, 100, 3, 100, 3, 2000
)
