"""How far a recording has moved from a reference: numbers per layer and channel that norms can be compared by."""

from dataclasses import dataclass

import torch
from torch import Tensor

from rnorm_core.probes import Layer, LayerStatistics

LEAST = 1e-3  # scale ratios end here: a constant channel's is log(LEAST), not minus infinity


@dataclass(frozen=True)
class Measure:
    """A way to measure the shift of one channel, for people."""

    title: str
    unit: str
    sentence: str


MEASURES = {
    "mean": Measure(
        "Shift of the mean", "standard deviations", "How far the mean has moved, in the population's deviations."
    ),
    "log_std": Measure(
        "Change of the deviation", "natural logarithm of the ratio", "By what factor the values are spread wider."
    ),
    "log_range": Measure(
        "Change of the range", "natural logarithm of the ratio", "By what factor maximum minus minimum has grown."
    ),
    "wasserstein": Measure(
        "Wasserstein-1 distance",
        "standard deviations",
        "How far a value has to be moved on average to turn one distribution into the other.",
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
    mean = (values if measure == "wasserstein" else values.square()).sum(-1) / max(1, values.shape[-1])
    return mean if measure == "wasserstein" else mean.sqrt()


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
