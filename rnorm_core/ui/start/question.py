"""The one question of the start page: how large may the change be?"""

from rnorm_core import data, zoo
from rnorm_core.attacks import CATALOGUE
from rnorm_core.data import Batch
from rnorm_core.experiments import landscape, shipped
from rnorm_core.experiments.landscape import photos
from rnorm_core.ui.settings.bar import Settings
from rnorm_core.zoo import Variant

_STEPS = CATALOGUE["pgd"].default_steps


def networks(settings: Settings) -> tuple[Variant, ...]:
    """Left, right, and the plain network without a norm unless it is one of them."""
    chosen = [settings.left, settings.right]
    without = zoo.plain(settings.dataset, "none")
    if without in zoo.names() and without not in {variant.model for variant in chosen}:
        chosen.append(Variant.of(without))
    return tuple(dict.fromkeys(chosen))


def samples(settings: Settings) -> Batch:
    return data.samples(settings.dataset)


def request(settings: Settings, photo: Batch) -> landscape.Request:
    """PGD of every size on the photo, for each network by itself."""
    return landscape.Request(
        networks(settings), ids=photo.ids, labels=tuple(photo.labels.tolist()), steps=_STEPS, seed=settings.seed,
        device=settings.device,
    )  # fmt: skip


def all_photos(settings: Settings, size: float) -> photos.Request:
    """The same attack on every sample: at all sizes where that is shipped, else at the chosen one."""
    every = photos.Request(
        networks(settings), settings.dataset, steps=_STEPS, seed=settings.seed, device=settings.device
    )
    if shipped.result(every) is not None:
        return every
    return photos.Request(every.variants, every.dataset, (size,), _STEPS, settings.seed, settings.device)
