"""The shift of a recording from a reference, in units in which networks with different norms can be compared."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rnorm_core.probes import Layer, LayerStatistics

LEAST = 1e-3  # the smallest ratio of scales: a constant channel has log(LEAST), not minus infinity


@dataclass(frozen=True)
class Measure:
    """A measure of the shift of one channel, as texts. title: its name. unit: in words. sentence: its meaning."""

    title: str
    unit: str
    sentence: str

    @property
    def axis(self) -> str:
        """Title of an axis: "shift of the mean (standard deviations)"."""
        return f"{self.title.lower()} ({'ln of the ratio' if 'ratio' in self.unit else 'standard deviations'})"


MEASURES = {
    "mean": Measure(
        "Shift of the mean",
        "standard deviations of the training images",
        "How far the mean of what a layer receives lies from that of the training images.",
    ),
    "log_std": Measure(
        "Change of the standard deviation",
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
    """The shift of one layer, per channel: float32 (C,) each.

    mean         (recorded mean - reference mean) / reference standard deviation.
    log_std, log_range   natural logarithm of recorded / reference, at least log(1/1000).
    wasserstein  Wasserstein-1 distance of the two histograms, in reference standard deviations, exact to the width of
                 a bin (1/16). Values beyond the grid (8 standard deviations) are treated as values at its end.
    alive        bool (C,): channels that are not constant in the reference. A summary uses only these channels:
                 otherwise constant channels would make the shift of a layer look smaller than it is.
    """

    name: str
    mean: Tensor
    log_std: Tensor
    log_range: Tensor
    wasserstein: Tensor
    alive: Tensor

    def values(self, measure: str) -> Tensor:
        """(C,): the shift by a measure of `MEASURES`; KeyError for another name."""
        return {name: getattr(self, name) for name in MEASURES}[measure]

    def summary(self, measure: str) -> float:
        """One number for the layer, over the channels that are alive. See `summary`."""
        return float(summary(measure, self.values(measure)[self.alive]))


@dataclass(frozen=True, eq=False)
class Shift:
    """The shift of a recording from a reference, layer by layer, with mode and size of the recording."""

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
        """The layer with this name; KeyError if there is none."""
        return dict(zip(self.names, self.layers, strict=True))[name]


def summary(measure: str, values: Tensor) -> Tensor:
    """(..., C) -> (...): the mean over channels for "wasserstein", else the root mean square. 0 if C is 0."""
    if values.shape[-1] == 0:
        return values.sum(-1)
    return values.mean(-1) if measure == "wasserstein" else values.square().mean(-1).sqrt()


def compare(recorded: LayerStatistics, reference: LayerStatistics, units: LayerStatistics | None = None) -> Shift:
    """The shift of `recorded`, made with `probes.record(..., grid=reference)`, from `reference`.

    The unit is the standard deviation of each channel in `units`, by default `reference`. To compare a batch with the
    same images before a change, pass the population as `units`. Every number is finite, also where a channel is
    constant. ValueError if the recordings are of different networks or have different histogram edges.
    """
    units = units or reference
    if any(recorded.names != other.names or recorded.weight_hash != other.weight_hash for other in (reference, units)):
        raise ValueError(f"The recordings must be of one network, not of {recorded.model} and {reference.model}.")
    layers = map(_layer_shift, recorded.layers, reference.layers, units.layers)
    return Shift(
        tuple(layers), recorded.model, recorded.statistics, recorded.weight_hash, recorded.n, recorded.batch_size
    )


def _layer_shift(recorded: Layer, reference: Layer, units: Layer) -> LayerShift:
    if not all(torch.equal(recorded.edges, other.edges) for other in (reference, units)):
        raise ValueError("The histograms have different edges; record with grid=reference.")
    return LayerShift(
        recorded.name,
        (recorded.mean - reference.mean) / units.unit,
        log_ratio(recorded.std, reference.std, units.resolution),
        log_ratio(recorded.range, reference.range, units.resolution),
        _wasserstein(recorded, reference) / units.unit,
        units.alive,
    )


def log_ratio(recorded: Tensor, reference: Tensor, resolution: Tensor) -> Tensor:
    """ln(recorded / reference) of scales (..., C), none of them below the resolution (C,)."""
    ratio = torch.maximum(recorded, resolution) / torch.maximum(reference, resolution)
    return ratio.clamp_min(LEAST).log()


def _wasserstein(one: Layer, other: Layer) -> Tensor:
    """Wasserstein-1, as if every value lay in the middle of its bin: the area between the cumulative histograms."""
    share = [layer.histogram.double().cumsum(0) / layer.count for layer in (one, other)]
    width = (one.edges[-1] - one.edges[0]) / (len(one.edges) - 1)
    return ((share[0] - share[1]).abs().sum(0) * width).float()


# --- two networks compared

GROUPS = 8  # groups of the images of a batch; the jackknife leaves out one group at a time
T = 2.365  # the 97.5 % quantile of Student's t with GROUPS - 1 degrees of freedom


@dataclass(frozen=True)
class Ratio:
    """The average movement of one network's layers divided by that of another network.

    low, high: the 95 % interval over the choice of images; NaN where there were too few images.
    """

    value: float
    low: float
    high: float

    @property
    def differs(self) -> bool:
        """Whether the 95 % interval excludes 1: the choice of images does not explain the difference."""
        return self.low > 1 or self.high < 1


def ratio(left: Tensor, right: Tensor) -> Ratio:
    """The mean over the layers of `left` (1 + G, L) divided by that of `right` (1 + G, L').

    Row 0 holds the movements of the layers over all images; row 1 + g those without group g of the images. The groups
    are the same on both sides; G is GROUPS or 0. The interval is that of the jackknife on the logarithm (Efron and
    Tibshirani, An Introduction to the Bootstrap, 1993).
    """
    logs = [side.double().mean(1).clamp_min(1e-12).log() for side in (left, right)]
    (value, *without), groups = (logs[0] - logs[1]).tolist(), len(left) - 1
    if not groups:
        return Ratio(math.exp(value), math.nan, math.nan)
    spread = torch.tensor(without, dtype=torch.float64)
    half = T * float((spread - spread.mean()).square().sum() * (groups - 1) / groups) ** 0.5
    return Ratio(*(math.exp(value + end) for end in (0, -half, half)))
