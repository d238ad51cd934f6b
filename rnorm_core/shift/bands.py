"""The reference of all shifts, the *population* (a network's training images), and the *natural bands* around it.

Every batch of clean images differs from the population by chance; small batches differ more. The natural band of a
batch size holds 95 % of the clean batches of this size.
"""

import json
import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from torch import Tensor

from rnorm_core import zoo
from rnorm_core.norms import modes
from rnorm_core.probes import Layer, LayerStatistics, grid_edges

LEVELS = (0.025, 0.5, 0.975)  # quantiles of the shifts of clean batches: low end, middle and high end of a band


@dataclass(frozen=True, eq=False)
class Band:
    """Quantiles 2.5, 50 and 97.5 % of the shifts of clean training images from the population, at one layer.

    n, batch_size: each shift is that of `n` images that ran in a batch of `batch_size`. These are the measured sizes;
    they may differ from the sizes in the call of `Population.band`.
    low, middle, high: float32 (C,), per channel. The three summaries are quantiles of `LayerShift.summary`.
    """

    n: int
    batch_size: int
    low: Tensor
    middle: Tensor
    high: Tensor
    summary_low: float
    summary_middle: float
    summary_high: float


@dataclass(frozen=True)
class Chance:
    """The number of layers of a clean batch that lie outside their bands at the same time.

    It does not follow from the bands, because the layers of one batch do not move independently.
    batches[k]: the number of clean training batches of `batch_size` images with exactly k layers outside, k = 0 ... L.
    """

    batches: tuple[int, ...]
    batch_size: int

    @property
    def usual(self) -> int:
        """The smallest k with at most k layers outside in at least 95 % of the clean batches."""
        return next(k for k in range(len(self.batches)) if sum(self.batches[: k + 1]) >= 0.95 * sum(self.batches))


class BandKey(NamedTuple):
    """A band of the shift of `n` images that run in a batch of `batch_size`, in a statistics mode, by a measure."""

    statistics: str
    n: int
    batch_size: int
    measure: str


@dataclass(frozen=True, eq=False)
class Population:
    """The inputs of a model's norm layers when its `n` training images run through it, in its default mode.

    statistics  the reference of `compare`. Its range is the mean range of batches of 128.
    about       facts about the measurement: date, versions, hashes (see `zoo.Measured`).
    bands       quantiles of the channels of all layers, (3, all channels), and of the layers' summaries, (3, L). See
                `band`.
    outside     the same keys -> how many batches had 0 ... L layers outside, int (L + 1,). Older files lack it.
    """

    statistics: LayerStatistics
    n: int
    about: dict[str, str]
    bands: dict[BandKey, tuple[Tensor, Tensor]]
    outside: dict[BandKey, Tensor] = field(default_factory=dict)

    def band(self, statistics: str, batch_size: int, layer: str, measure: str, *, single: bool = False) -> Band:
        """The natural band of the shift of `layer` for clean batches of `batch_size` in this statistics mode.

        Only some batch sizes were measured. The result is for the one that is nearest to `batch_size`, by ratio.
        single: the band of one image of such a batch (`probes.record(..., only=[i])`) instead of the whole batch.
        A network with a norm without modes has bands in "tracked" only; they are used for every mode.
        KeyError for an unknown layer or measure.
        """
        key = self._nearest(statistics, batch_size, measure, single)
        channels, summaries = self.bands[key]
        place = {name: i for i, name in enumerate(self.statistics.names)}[layer]
        low, middle, high = channels.split([len(each.mean) for each in self.statistics.layers], 1)[place]
        return Band(key.n, key.batch_size, low, middle, high, *(float(value) for value in summaries[:, place]))

    def summaries(self, statistics: str, batch_size: int, measure: str) -> tuple[Tensor, Tensor, int]:
        """(L,) low ends and (L,) high ends of the bands of the layers' summaries, see `band`, and their batch size."""
        key = self._nearest(statistics, batch_size, measure, single=False)
        low, _, high = self.bands[key][1]
        return low, high, key.batch_size

    def chance(self, statistics: str, batch_size: int, measure: str) -> Chance | None:
        """The number of layers that lie outside these bands at the same time by chance; None if it was not measured."""
        key = self._nearest(statistics, batch_size, measure, single=False)
        return Chance(tuple(self.outside[key].tolist()), key.batch_size) if key in self.outside else None

    def _nearest(self, statistics: str, batch_size: int, measure: str, single: bool) -> BandKey:
        mode = statistics if any(key.statistics == statistics for key in self.bands) else "tracked"
        measured = {
            (key.n, key.batch_size)
            for key in self.bands
            if key.statistics == mode and key.n == (1 if single else key.batch_size)
        }
        n, size = min(measured, key=lambda pair: (abs(math.log(pair[1] / batch_size)), pair))
        return BandKey(mode, n, size, measure)


def population(name: str) -> Population:
    """The population of a shipped model, shared by all callers: do not change its tensors.

    UserError (from `zoo.population`) if there is no such file, or if it is damaged.
    """
    return _population(zoo.population(name), zoo.card(name).norm)


@lru_cache(maxsize=16)
def _population(measured: zoo.Measured, norm: str) -> Population:
    return assemble(measured.tensors, measured.about, norm)


def assemble(tensors: dict[str, Tensor], about: dict[str, str], norm: str) -> Population:
    """The population from the tensors of a file. Their last dimension holds the channels of all layers in order.

    tensors: "mean", "std", "minimum", "maximum", "range" (all channels,), "histogram" (BINS, all channels), and for
             each band "band/<mode>/<images>/<batch size>/<measure>" (3, all channels), ".../summary" (3, L) and,
             except in older files, ".../outside" (L + 1,).
    about:   "layers" (JSON: layer name -> number of channels), "n", "model" and "weight_hash" are read here.
    """
    sizes: dict[str, int] = json.loads(about["layers"])
    fields = ("mean", "std", "minimum", "maximum", "range", "histogram")
    parts = zip(*(tensors[key].split(list(sizes.values()), -1) for key in fields), strict=True)
    layers = []
    for name, (mean, std, minimum, maximum, spread, counts) in zip(sizes, parts, strict=True):
        edges = grid_edges(mean, std, minimum, maximum)
        count = int(counts[:, 0].sum())
        layers.append(Layer(name, norm, count, mean, std, minimum, maximum, spread, counts, edges))
    n = int(about["n"])
    bands, outside = {}, {}
    for key in tensors:
        if key.startswith("band/") and key.count("/") == 4:
            _, mode, images, size, measure = key.split("/")
            of = BandKey(mode, int(images), int(size), measure)
            bands[of] = tensors[key], tensors[f"{key}/summary"]
            if f"{key}/outside" in tensors:
                outside[of] = tensors[f"{key}/outside"]
    whole = LayerStatistics(tuple(layers), about["model"], modes(norm)[0], about["weight_hash"], n, n)
    return Population(whole, n, about, bands, outside)
