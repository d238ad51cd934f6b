"""What a model's shifts are counted from: its population where that was measured, else clean images at hand.

No Streamlit here.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache

from rnorm_core import data, pixels, probes, shift, zoo
from rnorm_core.data import Batch
from rnorm_core.shift import Population
from rnorm_core.training import population as measured
from rnorm_core.ui.crafting import Side

IMAGES = 2000  # of a complete test set, without those that are looked at
DRAWS = {1: 400}  # clean batches drawn for a band, by their size; 200 of any other
FEWEST = 1000  # images from which on batches drawn from them show what chance does
KEPT = 4
_kept: OrderedDict[tuple, Population] = OrderedDict()
_lock = threading.Lock()


def is_live(side: Side) -> bool:
    """Whether nothing was measured on this model's training images, so that clean images at hand take their place."""
    return not zoo.has_population(side.name)


def of(side: Side, batch: Batch, complete: bool, device: str, tell: Callable[[float, str], object]) -> Population:
    """The population of a model; where there is none it is measured on clean images, telling `tell(fraction, text)`.

    complete: on images of the test set that are not in `batch`, with natural bands for a batch of this size. Else on
    the samples, which are too few for a band and among which those of the batch are.
    """
    if not is_live(side):
        return shift.population(side.name)
    key = (side, batch.dataset, complete, device, batch.ids if complete else ())
    with _lock:
        if found := _kept.get(key):
            _kept.move_to_end(key)
            return found
    found = _measure(side, batch, complete, device, tell)
    with _lock:
        _kept[key] = found
        while len(_kept) > KEPT:
            _kept.popitem(last=False)
    return found


def _measure(side: Side, batch: Batch, complete: bool, device: str, tell: Callable[[float, str], object]) -> Population:
    model = zoo.load(side.name, device=device)
    tell(0, f"{side.label}: reading clean images")
    images = pixels.eight_bit(_images(batch, complete))
    steps = {"mean and deviation": 0.0, "histogram": 0.2}

    def told(what: str, done: int, total: int) -> None:
        start, share = (steps[what], 0.2) if what in steps else (0.4, 0.6)
        tell(start + share * done / total, f"{side.label} on {len(images):,} clean images: {what}")

    tensors, channels = measured.population(model, images, told)
    about = {"model": side.name, "weight_hash": side.weight_hash, "layers": json.dumps(channels), "n": str(len(images))}
    found = shift.assemble(tensors, about, side.norm)
    if len(images) < FEWEST:
        return found
    model = zoo.load(side.name, side.statistics, device)
    draws = {len(batch): DRAWS.get(len(batch), 200)}
    return shift.assemble(tensors | measured.bands(model, images, found.statistics, draws, told), about, side.norm)


def _images(batch: Batch, complete: bool):
    if not complete:
        return data.samples(batch.dataset).images
    some = data.load(batch.dataset, count=IMAGES + len(batch))
    looked_at = set(batch.ids)
    return some.select([i for i, one in enumerate(some.ids) if one not in looked_at][:IMAGES]).images


def layers(side: Side) -> dict[str, int]:
    """Name -> channels of a model's norm layers, in the network's order."""
    return _layers(side.name, side.weight_hash)


@lru_cache(maxsize=64)
def _layers(name: str, weight_hash: str) -> dict[str, int]:
    model = zoo.load(name, device="cpu")
    modules = {layer: model.get_submodule(layer) for layer in probes.norm_layers(model)}
    return {layer: int(getattr(m, "num_features", 0) or m.num_channels) for layer, m in modules.items()}  # pyright: ignore
