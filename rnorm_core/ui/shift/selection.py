"""The part of a result that is shown: one attack size, one measure, one layer. Results -> inputs of figures."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnorm_core import evaluation
from rnorm_core.attacks import CATALOGUE
from rnorm_core.experiments import channel, shift_reference
from rnorm_core.experiments.shift_sweep import Course, Reading, Result
from rnorm_core.figures.accuracy import Curve
from rnorm_core.figures.shift import Growth, Places, span
from rnorm_core.figures.shift_channel import ChannelInput
from rnorm_core.shift import MEASURES, LayerBands, Ratio, ratio
from rnorm_core.ui.shared import layers

# Ends of the axes of layers: the same for every attack with shifts below them.
AXIS_ENDS = {"mean": 0.55, "log_std": 0.9, "log_range": 0.6, "wasserstein": 1.0}
SILENT = 0.01  # a channel is silent if its gamma is below this share of the layer's largest gamma


@dataclass(frozen=True)
class Selection:
    """eps_255: the attack size. measure: a key of MEASURES. layer: number of the layer, from 0.

    Methods take the side `i`: 0 is left, 1 is right. For a network with fewer layers `layer` means its last one.
    """

    result: Result
    eps_255: float
    measure: str
    layer: int

    @property
    def n(self) -> int:
        return len(self.result.batch)

    @property
    def title(self) -> str:
        """Title of the attack."""
        return CATALOGUE[self.result.request.attack].title

    @property
    def is_clean(self) -> bool:
        """Whether the attack size is 0, so that there is only the clean batch."""
        return self.eps_255 == 0

    @property
    def attack(self) -> str:
        return f"{self.title} at {self.eps_255:g}/255" if self.eps_255 else "no attack"

    @property
    def changed(self) -> str:
        """A word for the batch at this attack size."""
        return "with noise" if CATALOGUE[self.result.request.attack].family == "noise" else "attacked"

    @property
    def axis(self) -> str:
        """Title of an axis of the measure."""
        return MEASURES[self.measure].axis

    def course(self, i: int) -> Course:
        return self.result.courses[i]

    def clean(self, i: int) -> Reading:
        return self.course(i).at(0)

    def attacked(self, i: int) -> Reading:
        return self.course(i).at(self.eps_255)

    def number(self, i: int) -> int:
        """Number of the layer in this network, from 0."""
        return min(self.layer, len(self.course(i).names) - 1)

    def name(self, i: int) -> str:
        """Path of the layer in this network."""
        return self.course(i).names[self.number(i)]

    def place(self, i: int) -> str:
        """Number and title of the layer: "3, block 1 second"."""
        return f"{self.number(i) + 1}, {layers.title(self.name(i))}"

    def by_layer(self, i: int, eps_255: float | None = None) -> Places:
        """The summary of every layer, at this attack size or another."""
        course, eps = self.course(i), self.eps_255 if eps_255 is None else eps_255
        clean, attacked = (course.summaries[self.measure][e] for e in (0, eps))
        bands = course.layer_bands(self.measure)
        return self._places(i, layers.numbered(course.names), clean, attacked if eps else None, bands)

    def by_channel(self, i: int) -> Places:
        """Every channel of the layer; NaN for a channel that is constant in training."""
        k = self.number(i)
        band = self.course(i).band(k, self.measure)
        shifts = [reading.shift.layers[k] for reading in (self.clean(i), self.attacked(i))]
        clean, attacked = (shift.values(self.measure).where(shift.alive, torch.nan).numpy() for shift in shifts)
        names = [f"channel {c}" for c in range(len(clean))]
        bands = LayerBands(np.asarray(band.low, dtype=float), np.asarray(band.high, dtype=float), band.batch_size)
        return self._places(i, names, clean, None if self.is_clean else attacked, bands)

    def silent(self, i: int) -> np.ndarray:
        """Bool (C,): channels of the layer with a gamma of about 0. Their input hardly changes the network's output."""
        layer = self.attacked(i).recorded.layers[self.number(i)]
        if layer.applied is None:
            return np.zeros(len(layer.mean), dtype=bool)
        gamma = layer.applied.weight.abs()
        return (gamma < SILENT * gamma.max()).numpy()

    def most_moved(self, i: int) -> int:
        """The channel that is farthest from the population, without silent ones."""
        moved, silent = np.nan_to_num(np.abs(self.by_channel(i).shown)), self.silent(i)
        return int(np.where(silent & ~silent.all(), -1, moved).argmax())

    def passed_over(self, i: int) -> list[int]:
        """Silent channels that are farther from the population than `most_moved`, the farthest first."""
        moved = np.nan_to_num(np.abs(self.by_channel(i).shown))
        return [int(c) for c in np.argsort(-moved, kind="stable") if moved[c] > moved[self.most_moved(i)]]

    def moved(self, i: int) -> Tensor:
        """(1 + G, L): how far the attack moved each layer. See `Reading.moved`."""
        return self.attacked(i).moved[self.measure]

    @property
    def ratio(self) -> Ratio:
        """How far the layers moved on the left, on average, divided by the same on the right."""
        return ratio(self.moved(0), self.moved(1))

    def beyond_chance(self, i: int) -> bool | None:
        """Whether more layers lie outside their bands than in 95 % of clean batches; None if this is not known."""
        chance = self.course(i).chance(self.measure)
        return None if chance is None else int(self.by_layer(i).outside.sum()) > chance.usual

    @cached_property
    def layer_axis(self) -> tuple[float, float]:
        """One axis of layers for both sides and all attack sizes."""
        places = [self.by_layer(i, eps) for i in (0, 1) for eps in self.result.sizes]
        return span(places, (0, AXIS_ENDS[self.measure]))

    @cached_property
    def channel_axis(self) -> tuple[float, float]:
        """One axis of channels for both sides."""
        places = [self.by_channel(i) for i in (0, 1)]
        low, high = span(places)
        ends = [np.nanmax(np.abs(end)) for side in places if side.band_size for end in (side.low, side.high)]
        # The band times a power of two: attacks of about the same effect are drawn on the same scale.
        top = 1.5 * float(max(ends, default=high)) or high  # 0 where every channel is constant
        while top < max(high, -low):
            top *= 2
        return (0 if self.measure == "wasserstein" else -top), top

    def channel_input(self, i: int, number: int) -> ChannelInput:
        """The inputs of channel `number` of the layer, and the number that the layer subtracts there."""
        course, k = self.course(i), self.number(i)
        clean, attacked = (reading.recorded.layers[k] for reading in (self.clean(i), self.attacked(i)))
        return ChannelInput(
            label=course.variant.label,
            norm=course.variant.norm,
            layer=self.place(i),
            channel=number,
            n=self.n,
            population=course.population.statistics.layers[k],
            clean=clean,
            attacked=None if self.is_clean else attacked,
            centre=float(attacked.applied.centre[number]) if attacked.applied else None,
            changed=self.changed,
            reference="clean images" if shift_reference.is_live(course.variant) else "training set",
        )

    @property
    def accuracies(self) -> list[Curve]:
        """Accuracy over the attack size, of the same images."""
        return [_accuracy(course) for course in self.result.courses]

    @property
    def growths(self) -> list[Growth]:
        """The summary of the layer over the attack size."""
        return [self._growth(i) for i in (0, 1)]

    def _growth(self, i: int) -> Growth:
        course, k = self.course(i), self.number(i)
        variant, band = course.variant, course.band(k, self.measure)
        values = [float(summary[k]) for summary in course.summaries[self.measure].values()]
        network = variant.label, variant.norm, variant.statistics, variant.weight_hash
        return Growth(*network, course.sizes, values, float(band.summary_low), float(band.summary_high))

    def _places(
        self, i: int, names: list[str], clean: np.ndarray, attacked: np.ndarray | None, bands: LayerBands
    ) -> Places:
        variant = self.course(i).variant
        network, ends = (variant.label, variant.norm, variant.weight_hash), (bands.low, bands.high)
        return Places(*network, self.n, names, clean, attacked, *ends, bands.batch_size, self.changed)


def most_moved_layer(result: Result, measure: str) -> int:
    """Number, from 0, of the layer whose shift grows most from the clean batch to the largest attack in the result.

    The growth of both networks is added, in heights of the layer's band, or in the unit of the measure if a band is not
    known.
    """
    selection = Selection(result, result.sizes[-1], measure, 0)
    known, growths = all(course.has_bands for course in result.courses), []
    for places in (selection.by_layer(0), selection.by_layer(1)):
        height = np.maximum(places.high - places.low, 1e-9) if known else 1
        growths.append((places.shown - places.clean) / height)
    left, right = growths
    return int((left + right[np.minimum(np.arange(len(left)), len(right) - 1)]).argmax())


def inside_address(selection: Selection, i: int, number: int) -> dict[str, Any]:
    """The settings with which the page "inside" shows channel `number`; none if that page cannot show it."""
    if selection.course(i).variant.norm not in channel.SCALED:
        return {}
    layer = layers.numbered(selection.course(i).names)[selection.number(i)]
    settings = {"layer": layer, "channel": str(number)}
    return settings | ({"n": selection.n} if selection.n in channel.SIZES else {})


def _accuracy(course: Course) -> Curve:
    counts = [(int(reading.hits.sum()), len(reading.hits)) for reading in course.readings]
    low, high = zip(*(evaluation.wilson(*count) for count in counts), strict=True)
    correct, n = zip(*counts, strict=True)
    variant = course.variant
    return Curve(
        variant.label, variant.norm, variant.statistics, course.sizes, correct, n, low, high, variant.weight_hash
    )
