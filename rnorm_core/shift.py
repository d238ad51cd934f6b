"""How far a recording has moved from a reference, in numbers that norms can be compared by, and how far chance goes.

The reference is a model's *population*, its training images. Any batch of clean images differs from it by chance, a
small batch by more: the *natural band* of its size says how much.
"""

import json
import math
from dataclasses import dataclass
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
        "population deviations",
        "How far the mean has moved, counted in standard deviations of the training images.",
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
        "population deviations",
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


def compare(recorded: LayerStatistics, reference: LayerStatistics) -> Shift:
    """How far `recorded`, made with `probes.record(..., grid=reference)`, lies from `reference`.

    Everything is in units of the reference's deviations; no number is ever infinite or NaN, also where a channel is
    constant. ValueError if the two are of different networks or stand on different grids.
    """
    if recorded.names != reference.names or recorded.weight_hash != reference.weight_hash:
        raise ValueError(f"Two recordings of one network are compared, not of {recorded.model} and {reference.model}.")
    layers = map(_layer_shift, recorded.layers, reference.layers)
    return Shift(
        tuple(layers), recorded.model, recorded.statistics, recorded.weight_hash, recorded.n, recorded.batch_size
    )


def _layer_shift(recorded: Layer, reference: Layer) -> LayerShift:
    if not torch.equal(recorded.edges, reference.edges):
        raise ValueError("The histograms stand on different edges; record with grid=reference.")
    return LayerShift(
        recorded.name,
        (recorded.mean - reference.mean) / reference.unit,
        _log_ratio(recorded.std, reference.std, reference.resolution),
        _log_ratio(recorded.range, reference.range, reference.resolution),
        _wasserstein(recorded, reference) / reference.unit,
        reference.alive,
    )


def _log_ratio(recorded: Tensor, reference: Tensor, resolution: Tensor) -> Tensor:
    ratio = torch.maximum(recorded, resolution) / torch.maximum(reference, resolution)
    return ratio.clamp_min(LEAST).log()


def _wasserstein(one: Layer, other: Layer) -> Tensor:
    """Wasserstein-1 as if every value lay in the middle of its bin: the area between the cumulative histograms."""
    share = [layer.histogram.double().cumsum(0) / layer.count for layer in (one, other)]
    width = (one.edges[-1] - one.edges[0]) / (len(one.edges) - 1)
    return ((share[0] - share[1]).abs().sum(0) * width).float()


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


@dataclass(frozen=True, eq=False)
class Population:
    """What arrives at a model's norm layers when its `n` training images run through it, in its default mode.

    statistics  the reference to `compare` with; its range is the mean range of batches of 128.
    about       what the measurement says about itself: date, versions, hashes (see `zoo.Measured`).
    bands       (statistics mode, images, batch size, measure) -> quantiles of all layers' channels (3, all channels)
                and of their summaries (3, L); `band` finds the right one.
    """

    statistics: LayerStatistics
    n: int
    about: dict[str, str]
    bands: dict[tuple[str, int, int, str], tuple[Tensor, Tensor]]

    def band(self, statistics: str, batch_size: int, layer: str, measure: str, *, single: bool = False) -> Band:
        """The natural band of a layer's shift for clean batches of `batch_size` in this statistics mode.

        single: for one image of such a batch (`probes.record(..., only=[i])`) instead of the whole batch.
        Of the sizes measured the one nearest by ratio is taken. A network whose norm has no modes is always in
        "tracked". KeyError for an unknown layer or measure.
        """
        mode = statistics if any(key[0] == statistics for key in self.bands) else "tracked"
        measured = {(n, size) for m, n, size, _ in self.bands if m == mode and n == (1 if single else size)}
        n, size = min(measured, key=lambda pair: (abs(math.log(pair[1] / batch_size)), pair))
        channels, summaries = self.bands[mode, n, size, measure]
        place = {name: i for i, name in enumerate(self.statistics.names)}[layer]
        low, middle, high = channels.split([len(each.mean) for each in self.statistics.layers], 1)[place]
        return Band(n, size, low, middle, high, *(float(value) for value in summaries[:, place]))

    def band_of(self, shift: Shift, layer: str, measure: str) -> Band:
        """The band for what was recorded. Some images out of a batch are taken for a batch of that many."""
        single = shift.n == 1
        return self.band(shift.statistics, shift.batch_size if single else shift.n, layer, measure, single=single)


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
    measured band "band/<mode>/<images>/<batch size>/<measure>" (3, all channels) with ".../summary" (3, L).
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
    bands = {}
    for key in tensors:
        if key.startswith("band/") and not key.endswith("/summary"):
            _, mode, images, size, measure = key.split("/")
            bands[mode, int(images), int(size), measure] = tensors[key], tensors[f"{key}/summary"]
    return Population(
        LayerStatistics(tuple(layers), about["model"], modes(norm)[0], about["weight_hash"], n, n), n, about, bands
    )
