"""The distance of layer statistics from those of the training images, and the part of it that is due to chance."""

from rnorm_core.shift.bands import LEVELS, Band, BandKey, Chance, Population, assemble, population
from rnorm_core.shift.distances import (
    GROUPS,
    LEAST,
    MEASURES,
    LayerShift,
    Measure,
    Ratio,
    Shift,
    compare,
    ratio,
    summary,
)
from rnorm_core.shift.jackknife import Remainder, movements, remainders
from rnorm_core.shift.summaries import LayerBands, layer_bands, layer_shifts

__all__ = [
    "GROUPS",
    "LEAST",
    "LEVELS",
    "MEASURES",
    "Band",
    "BandKey",
    "Chance",
    "LayerBands",
    "LayerShift",
    "Measure",
    "Population",
    "Ratio",
    "Remainder",
    "Shift",
    "assemble",
    "compare",
    "layer_bands",
    "layer_shifts",
    "movements",
    "population",
    "ratio",
    "remainders",
    "summary",
]
