"""Shifts and natural bands of all layers at once, one number per layer."""

from dataclasses import dataclass

import numpy as np
from torch import Tensor, nn

from rnorm_core import probes
from rnorm_core.probes import LayerStatistics
from rnorm_core.shift.bands import Population
from rnorm_core.shift.distances import MEASURES, compare


@dataclass(frozen=True, eq=False)
class LayerBands:
    """The natural bands of all layers for batches of `batch_size` clean training images. low, high: (L,) each."""

    low: np.ndarray
    high: np.ndarray
    batch_size: int


def layer_shifts(model: nn.Module, images: Tensor, reference: LayerStatistics) -> dict[str, np.ndarray]:
    """For each of `MEASURES` the shift of every layer's input, (L,), see `LayerShift.summary`.

    images: (N, 3, H, W) in [0, 1], given to `model` as one batch. The norm layers of `model` have to be in place (not
    folded). reference: recorded with the same network, for instance `population(name).statistics`.
    """
    shift = compare(probes.record(model, images, grid=reference), reference)
    return {measure: np.array([layer.summary(measure) for layer in shift.layers]) for measure in MEASURES}


def layer_bands(population: Population, statistics: str, batch_size: int, measure: str) -> LayerBands:
    """The natural bands of all layers, see `Population.band`."""
    low, high, size = population.summaries(statistics, batch_size, measure)
    return LayerBands(low.double().numpy(), high.double().numpy(), size)
