"""The one question of the start page: how large may the change be?"""

from rnorm_core import data
from rnorm_core.attacks import CATALOGUE
from rnorm_core.data import Batch
from rnorm_core.experiments.attack_pair import FIRST
from rnorm_core.experiments.landscape import Request
from rnorm_core.ui.settings.sidebar import Settings


def choose_photo(settings: Settings) -> Batch:
    """One of the samples. It depends on the seed alone, so it stays the same when the networks change."""
    samples = data.samples(settings.dataset)
    # The samples are in the order of their hashes, which is as good as random.
    return samples.select([(samples.find(FIRST) + settings.seed) % len(samples)])


def request(settings: Settings, photo: Batch) -> Request:
    """PGD of every size on the photo, for each network by itself: the same request as on the page "Craft an attack"."""
    return Request(
        (settings.left, settings.right), ids=photo.ids, labels=tuple(photo.labels.tolist()),
        steps=CATALOGUE["pgd"].default_steps, seed=settings.seed,
        device=settings.device,
    )  # fmt: skip
