"""How far a recording has moved from a reference, in numbers that norms can be compared by, and how far chance goes.

The reference is a model's *population*, its training images. Any batch of clean images differs from it by chance, a
small batch by more: the *natural band* of its size says how much.
"""

import json
import math
from dataclasses import dataclass, field
from functools import lru_cache

import torch
from torch import Tensor

from rnorm_core import zoo
from rnorm_core.norms import modes
from rnorm_core.probes import Layer, LayerStatistics, grid_edges

LEAST = 1e-3  # scale ratios end here: a constant channel's is log(LEAST), not minus infinity
LEVELS = (0.025, 0.5, 0.975)  # of natural shifts: the ends of a band that holds 95 % of clean batches, and its middle


@dataclass(frozen=True)
class Measure:
    """A way to measure the shift of one channel, for people."""

    title: str
    unit: str
    sentence: str


MEASURES = {
    "mean": Measure(
        "Shift of the mean",
        "standard deviations of the training images",
        "How far the mean of what a layer receives lies from that of the training images.",
    ),
    "log_std": Measure(
        "Change of the deviation",
        "natural logarithm of the ratio",
        "By what factor values are spread wider (above 0) or narrower (below 0) than those of the training images.",
    ),
    "log_range": Measure(
        "Change of the range",
        "natural logarithm of the ratio",
        "By what factor maximum minus minimum differs from that of training batches of 128; few images span less.",
    ),
    "wasserstein": Measure(
        "Wasserstein-1 distance",
        "standard deviations of the training images",
        "How far values have to be moved, on average, to turn one distribution into the other.",
    ),
}


@dataclass(frozen=True, eq=False)
class LayerShift:
    """One layer's shift per channel, float32 (C,) each.

    mean         (recorded mean - reference mean) / reference deviation.
    log_std, log_range   natural logarithm of recorded / reference, not below log(1/1000).
    wasserstein  distance of the two histograms in reference deviations, exact to a bin's width (1/16); what lies
                 beyond the grid's ends (8 deviations) counts as lying there.
    alive        bool (C,): channels that are not constant in the reference. Only these enter a summary, so that dead
                 channels do not make a layer look calm.
    """

    name: str
    mean: Tensor
    log_std: Tensor
    log_range: Tensor
    wasserstein: Tensor
    alive: Tensor

    def values(self, measure: str) -> Tensor:
        """(C,) of a measure named in `MEASURES`; KeyError for another."""
        return {name: getattr(self, name) for name in MEASURES}[measure]

    def summary(self, measure: str) -> float:
        """One number for the layer: the root mean square over living channels; for the distance their mean."""
        return float(summary(measure, self.values(measure)[self.alive]))


@dataclass(frozen=True, eq=False)
class Shift:
    """A recording's shift from a reference, layer by layer, with what was recorded."""

    layers: tuple[LayerShift, ...]
    model: str
    statistics: str
    weight_hash: str
    n: int
    batch_size: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(layer.name for layer in self.layers)

    def layer(self, name: str) -> LayerShift:
        """The layer of that name; KeyError if there is none."""
        return dict(zip(self.names, self.layers, strict=True))[name]


def summary(measure: str, values: Tensor) -> Tensor:
    """(..., C) -> (...): the mean over channels for "wasserstein", the root mean square for the others; 0 of none."""
    if values.shape[-1] == 0:
        return values.sum(-1)
    return values.mean(-1) if measure == "wasserstein" else values.square().mean(-1).sqrt()


def compare(recorded: LayerStatistics, reference: LayerStatistics, units: LayerStatistics | None = None) -> Shift:
    """How far `recorded`, made with `probes.record(..., grid=reference)`, lies from `reference`.

    Everything is in units of the reference's deviations, or of those of `units`: a batch that is compared with the
    same images before a change is measured in the population's. No number is ever infinite or NaN, also where a channel
    is constant. ValueError if the recordings are of different networks or stand on different grids.
    """
    units = units or reference
    if any(recorded.names != other.names or recorded.weight_hash != other.weight_hash for other in (reference, units)):
        raise ValueError(f"Two recordings of one network are compared, not of {recorded.model} and {reference.model}.")
    layers = map(_layer_shift, recorded.layers, reference.layers, units.layers)
    return Shift(
        tuple(layers), recorded.model, recorded.statistics, recorded.weight_hash, recorded.n, recorded.batch_size
    )


def _layer_shift(recorded: Layer, reference: Layer, units: Layer) -> LayerShift:
    if not all(torch.equal(recorded.edges, other.edges) for other in (reference, units)):
        raise ValueError("The histograms stand on different edges; record with grid=reference.")
    return LayerShift(
        recorded.name,
        (recorded.mean - reference.mean) / units.unit,
        _log_ratio(recorded.std, reference.std, units.resolution),
        _log_ratio(recorded.range, reference.range, units.resolution),
        _wasserstein(recorded, reference) / units.unit,
        units.alive,
    )


def _log_ratio(recorded: Tensor, reference: Tensor, resolution: Tensor) -> Tensor:
    ratio = torch.maximum(recorded, resolution) / torch.maximum(reference, resolution)
    return ratio.clamp_min(LEAST).log()


def _wasserstein(one: Layer, other: Layer) -> Tensor:
    """Wasserstein-1 as if every value lay in the middle of its bin: the area between the cumulative histograms."""
    share = [layer.histogram.double().cumsum(0) / layer.count for layer in (one, other)]
    width = (one.edges[-1] - one.edges[0]) / (len(one.edges) - 1)
    return ((share[0] - share[1]).abs().sum(0) * width).float()


# --- two networks' movements

GROUPS = 8  # of a batch's images, each left out once
T = 2.365  # the 97.5 % quantile of Student's t with GROUPS - 1 degrees of freedom


@dataclass(frozen=True)
class Ratio:
    """How far one network's layers move on average, divided by the same of another; low and high: the 95 % interval
    over the choice of images, NaN where there were too few of them."""

    value: float
    low: float
    high: float

    @property
    def differs(self) -> bool:
        """Whether chance in the choice of images does not explain that the two are unequal."""
        return self.low > 1 or self.high < 1


def ratio(left: Tensor, right: Tensor) -> Ratio:
    """Of the mean over the layers of `left` (1 + G, L) to that of `right` (1 + G, L').

    Rows are layers' movements, the first over all images, the others over all but one group of them, the same ones on
    both sides. G is GROUPS or 0. The interval is the jackknife's, taken on the logarithm (Efron and Tibshirani 1993).
    """
    logs = [side.double().mean(1).clamp_min(1e-12).log() for side in (left, right)]
    (found, *without), groups = (logs[0] - logs[1]).tolist(), len(left) - 1
    if not groups:
        return Ratio(math.exp(found), math.nan, math.nan)
    spread = torch.tensor(without, dtype=torch.float64)
    half = T * float((spread - spread.mean()).square().sum() * (groups - 1) / groups) ** 0.5
    return Ratio(*(math.exp(found + end) for end in (0, -half, half)))


# --- the population and its natural bands


@dataclass(frozen=True, eq=False)
class Band:
    """Where the shift of clean training images lies from the population: quantiles 2.5, 50 and 97.5 %.

    Of `n` images that ran in a batch of `batch_size`, which are those measured, not always those asked for. low,
    middle and high: float32 (C,), channel by channel; the summaries are those of `LayerShift.summary`.
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
    """How many layers of a clean batch lie outside their bands at once; no band says it, for layers move together.

    batches[k] counts the clean training batches of `batch_size` images of which k layers were outside, k = 0 ... L.
    """

    batches: tuple[int, ...]
    batch_size: int

    @property
    def usual(self) -> int:
        """So many layers at most are outside for 95 % of clean batches, or a few more."""
        return next(k for k in range(len(self.batches)) if sum(self.batches[: k + 1]) >= 0.95 * sum(self.batches))


@dataclass(frozen=True, eq=False)
class Population:
    """What arrives at a model's norm layers when its `n` training images run through it, in its default mode.

    statistics  the reference to `compare` with; its range is the mean range of batches of 128.
    about       what the measurement says about itself: date, versions, hashes (see `zoo.Measured`).
    bands       (statistics mode, images, batch size, measure) -> quantiles of all layers' channels (3, all channels)
                and of their summaries (3, L); `band` finds the right one.
    outside     the same keys -> how many batches had 0 ... L layers outside, int (L + 1,); older files lack them.
    """

    statistics: LayerStatistics
    n: int
    about: dict[str, str]
    bands: dict[tuple[str, int, int, str], tuple[Tensor, Tensor]]
    outside: dict[tuple[str, int, int, str], Tensor] = field(default_factory=dict)

    def band(self, statistics: str, batch_size: int, layer: str, measure: str, *, single: bool = False) -> Band:
        """The natural band of a layer's shift for clean batches of `batch_size` in this statistics mode.

        single: for one image of such a batch (`probes.record(..., only=[i])`) instead of the whole batch.
        Of the sizes measured the one nearest by ratio is taken. A network whose norm has no modes is always in
        "tracked". KeyError for an unknown layer or measure.
        """
        key = self._nearest(statistics, batch_size, measure, single)
        _, n, size, _ = key
        channels, summaries = self.bands[key]
        place = {name: i for i, name in enumerate(self.statistics.names)}[layer]
        low, middle, high = channels.split([len(each.mean) for each in self.statistics.layers], 1)[place]
        return Band(n, size, low, middle, high, *(float(value) for value in summaries[:, place]))

    def chance(self, statistics: str, batch_size: int, measure: str) -> Chance | None:
        """How many layers at once lie outside these bands by chance; None where that was not counted."""
        key = self._nearest(statistics, batch_size, measure, single=False)
        return Chance(tuple(self.outside[key].tolist()), key[2]) if key in self.outside else None

    def _nearest(self, statistics: str, batch_size: int, measure: str, single: bool) -> tuple[str, int, int, str]:
        mode = statistics if any(key[0] == statistics for key in self.bands) else "tracked"
        measured = {(n, size) for m, n, size, _ in self.bands if m == mode and n == (1 if single else size)}
        n, size = min(measured, key=lambda pair: (abs(math.log(pair[1] / batch_size)), pair))
        return mode, n, size, measure


def population(name: str) -> Population:
    """The population of a shipped model; UserError (from `zoo.population`) if it is not there or not sound.

    Assembled once and shared: nothing of it is to be changed.
    """
    return _population(zoo.population(name), zoo.card(name).norm)


@lru_cache(maxsize=16)
def _population(measured: zoo.Measured, norm: str) -> Population:
    return assemble(measured.tensors, measured.about, norm)


def assemble(tensors: dict[str, Tensor], about: dict[str, str], norm: str) -> Population:
    """The population in a file's tensors, whose last dimension runs over the channels of all layers in turn.

    "mean", "std", "minimum", "maximum", "range" (all channels,), "histogram" (BINS, all channels), and for each
    measured band "band/<mode>/<images>/<batch size>/<measure>" (3, all channels) with ".../summary" (3, L) and, but
    for older files, ".../outside" (L + 1,).
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
            of = mode, int(images), int(size), measure
            bands[of] = tensors[key], tensors[f"{key}/summary"]
            if f"{key}/outside" in tensors:
                outside[of] = tensors[f"{key}/outside"]
    whole = LayerStatistics(tuple(layers), about["model"], modes(norm)[0], about["weight_hash"], n, n)
    return Population(whole, n, about, bands, outside)
