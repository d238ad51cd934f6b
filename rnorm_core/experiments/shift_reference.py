"""The reference of a network's shifts: its measured population; without one, clean images at hand."""

import json
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import lru_cache

from torch import Tensor

from rnorm_core import data, norms, pixels, probes, shift, zoo
from rnorm_core.data import Batch, ImageChoice
from rnorm_core.progress import Parts, Progress, silent
from rnorm_core.shift import Population, reference
from rnorm_core.zoo import Variant

IMAGES = 2000  # clean test images of the reference; images of the compared batch are not among them
DRAWS = {1: 400}  # batch size -> clean batches drawn for a band; 200 for every other size
FEWEST = 1000  # with fewer images a band would not show the variation by chance
KEPT = 4  # references in memory
_kept: OrderedDict[tuple, Population] = OrderedDict()
_lock = threading.Lock()


@dataclass(frozen=True)
class Request:
    """images: the batch that will be compared with the reference."""

    variant: Variant
    images: ImageChoice
    device: str

    @property
    def key(self) -> tuple:
        """What the reference depends on. With the samples it does not depend on the compared images."""
        images = self.images if self.images.complete else replace(self.images, count=0, seed=0, image="")
        return self.variant, images, self.device


def is_live(variant: Variant) -> bool:
    """Whether the reference has to be measured live, because no population of the training images was measured."""
    return not zoo.has_population(variant.model)


def run(request: Request, progress: Progress = silent) -> Population:
    """The population of the network; without one, a population that is measured now on clean images.

    No bands are known with medians: those of other modes are taken away.
    With a complete test set these images are not in the batch, and natural bands for its batch size are measured, too.
    Without one they are the samples: too few for bands, and the images of the batch are among them.
    The last results stay in memory. UserError if images are missing or a population file is damaged.
    """
    if not is_live(request.variant):
        known = shift.population(request.variant.model)
        return replace(known, bands={}, outside={}) if request.variant.statistics == norms.MEDIAN else known
    with _lock:
        if known := _kept.get(request.key):
            _kept.move_to_end(request.key)
            return known
    measured = _measure(request, progress)
    with _lock:
        _kept[request.key] = measured
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return measured


def forget(model: str) -> None:
    """Drops the results of a model that is gone."""
    with _lock:
        for key in [key for key in _kept if key[0].model == model]:
            del _kept[key]


def _measure(request: Request, progress: Progress) -> Population:
    variant, batch = request.variant, request.images.load()
    progress(0, f"{variant.label}: reading clean images")
    images = pixels.eight_bit(_clean_images(batch, request.images.complete))
    parts = Parts(progress, [0.4, 0.6])

    def within(fraction: float, text: str, partial: object = None) -> None:
        parts.within(fraction, f"{variant.label} on {len(images):,} clean images: {text}")

    tensors, channels = reference.population(zoo.load(variant.model, device=request.device), images, within)
    about = {
        "model": variant.model,
        "weight_hash": variant.weight_hash,
        "layers": json.dumps(channels),
        "n": str(len(images)),
    }
    without_bands = shift.assemble(tensors, about, variant.norm)
    if len(images) < FEWEST:
        return without_bands
    parts.done = 1
    model, batches = variant.load(request.device, fold=False), {len(batch): DRAWS.get(len(batch), 200)}
    bands = reference.bands(model, images, without_bands.statistics, batches, within)
    return shift.assemble(tensors | bands, about, variant.norm)


def _clean_images(batch: Batch, complete: bool) -> Tensor:
    if not complete:
        return data.samples(batch.dataset).images
    candidates = data.load(batch.dataset, count=IMAGES + len(batch))
    compared = set(batch.ids)
    return candidates.select([i for i, known in enumerate(candidates.ids) if known not in compared][:IMAGES]).images


def layers(variant: Variant) -> dict[str, int]:
    """Path -> number of channels of each norm layer, in the order of the network. Cached."""
    return _layers(variant.model, variant.weight_hash)


@lru_cache(maxsize=64)
def _layers(name: str, weight_hash: str) -> dict[str, int]:
    model = zoo.load(name, device="cpu")
    modules = {layer: model.get_submodule(layer) for layer in probes.norm_layers(model)}
    return {layer: int(getattr(m, "num_features", 0) or m.num_channels) for layer, m in modules.items()}  # pyright: ignore
