"""The choice of images for an experiment. Choices can be compared, used as keys, and loaded."""

from dataclasses import dataclass, replace

from rnorm_core.data.batch import Batch
from rnorm_core.data.sources import SAMPLES, pick, samples


@dataclass(frozen=True)
class ImageChoice:
    """`count` test images, picked by `seed`. Equal choices give the same images in the same order, from any copy.

    complete: True for images of the whole test set, False for images of the 20 samples. source: where the images come
    from, as a text. image: the beginning of an id. If it is not empty, the choice is this one sample, and count and
    seed have no effect.
    """

    dataset: str
    complete: bool
    source: str
    count: int
    seed: int
    image: str = ""

    @classmethod
    def of_samples(cls, dataset: str = "cifar10", count: int = SAMPLES, seed: int = 0) -> "ImageChoice":
        """A choice from the samples, which need no network."""
        return cls(dataset, False, f"foolbox's {SAMPLES} samples", count, seed)

    @classmethod
    def of_test_set(cls, dataset: str = "cifar10", count: int = 1000, seed: int = 0) -> "ImageChoice":
        """A choice from the whole test set, which must be available when the images are loaded."""
        return cls(dataset, True, "the test set", count, seed)

    def load(self, more: int = 0) -> Batch:
        """The chosen images, followed by up to `more` further images. UserError if they are not available."""
        if self.image:
            everything = samples(self.dataset)
            return everything.select([everything.find(self.image)])
        return pick(self.dataset, self.count + more, self.seed, complete=self.complete)

    def with_count(self, count: int) -> "ImageChoice":
        return replace(self, count=count)
