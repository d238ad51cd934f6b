"""One look at what was measured, at one attack size, by one measure, into one layer: results -> what figures draw."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnorm_core import evaluation, figures
from rnorm_core.attacks import CATALOGUE
from rnorm_core.shift import MEASURES, Band, Ratio, ratio
from rnorm_core.ui import looking_inside, reference
from rnorm_core.ui.shifting import Course, Reading, Shifted, nice

LAYERS = {"mean": 0.55, "log_std": 0.9, "log_range": 0.6, "wasserstein": 1.0}  # axes reach so far under every attack
SILENT = 0.01  # of a layer's largest gamma: what passes a channel with less is next to nothing


@dataclass(frozen=True)
class View:
    """eps_255: the attack size looked at. measure: a key of MEASURES. layer: its number, from 0.

    Methods take the side `i`: 0 is left, 1 is right. Where a network has fewer layers, its last one is looked into.
    """

    shifted: Shifted
    eps_255: float
    measure: str
    layer: int

    @property
    def n(self) -> int:
        return len(self.shifted.batch)

    @property
    def title(self) -> str:
        """Of the attack."""
        return CATALOGUE[self.shifted.plan.attack].title

    @property
    def is_clean(self) -> bool:
        """Whether there is nothing to look at but the clean batch."""
        return self.eps_255 == 0

    @property
    def attack(self) -> str:
        return f"{self.title} at {self.eps_255:g}/255" if self.eps_255 else "no attack"

    @property
    def changed(self) -> str:
        """What is said of the batch at this size."""
        return "with noise" if CATALOGUE[self.shifted.plan.attack].family == "noise" else "attacked"

    @property
    def axis(self) -> str:
        return AXES[self.measure]

    def course(self, i: int) -> Course:
        return self.shifted.courses[i]

    def clean(self, i: int) -> Reading:
        return self.course(i).at(0)

    def attacked(self, i: int) -> Reading:
        return self.course(i).at(self.eps_255)

    def name(self, i: int) -> str:
        """The layer's path in the network."""
        return self.course(i).names[self.number(i)]

    def place(self, i: int) -> str:
        """The layer, for people."""
        return f"{self.number(i) + 1}, {nice(self.name(i))}"

    def number(self, i: int) -> int:
        """Of the layer looked into, from 0."""
        return min(self.layer, len(self.course(i).names) - 1)

    def by_layer(self, i: int, eps_255: float | None = None) -> figures.Places:
        """Every layer's summary, at the attack size looked at or another."""
        course, eps = self.course(i), self.eps_255 if eps_255 is None else eps_255
        bands = [course.band(k, self.measure) for k in range(len(course.names))]
        clean, attacked = (
            np.array([layer.summary(self.measure) for layer in course.at(e).shift.layers]) for e in (0, eps)
        )
        low, high = [band.summary_low for band in bands], [band.summary_high for band in bands]
        names = [f"{k} {nice(name)}" for k, name in enumerate(course.names, 1)]
        return self._places(i, names, clean, attacked if eps else None, low, high, bands[0])

    def by_channel(self, i: int) -> figures.Places:
        """Every channel of the layer; those that are constant in training have no shift (NaN)."""
        k = self.number(i)
        band = self.course(i).band(k, self.measure)
        shifts = [reading.shift.layers[k] for reading in (self.clean(i), self.attacked(i))]
        clean, attacked = (shift.values(self.measure).where(shift.alive, torch.nan).numpy() for shift in shifts)
        names = [f"channel {c}" for c in range(len(clean))]
        return self._places(i, names, clean, None if self.is_clean else attacked, band.low, band.high, band)

    def silent(self, i: int) -> np.ndarray:
        """Bool (C,): channels of the layer whose gamma is about 0, so that it hardly matters what they receive."""
        layer = self.attacked(i).recorded.layers[self.number(i)]
        if layer.applied is None:
            return np.zeros(len(layer.mean), dtype=bool)
        gamma = layer.applied.weight.abs()
        return (gamma < SILENT * gamma.max()).numpy()

    def most_moved(self, i: int) -> int:
        """The channel that lies furthest from the population, of those that are not silent."""
        moved, silent = np.nan_to_num(np.abs(self.by_channel(i).shown)), self.silent(i)
        return int(np.where(silent & ~silent.all(), -1, moved).argmax())

    def passed_over(self, i: int) -> list[int]:
        """Silent channels that lie further out than `most_moved`, the furthest first."""
        moved = np.nan_to_num(np.abs(self.by_channel(i).shown))
        return [int(c) for c in np.argsort(-moved, kind="stable") if moved[c] > moved[self.most_moved(i)]]

    def moved(self, i: int) -> Tensor:
        """(1 + G, L): how far the attack itself has moved each layer; see `Reading.moved`."""
        return self.attacked(i).moved[self.measure]

    @property
    def ratio(self) -> Ratio:
        """How far layers have moved on average on the left, divided by the same on the right."""
        return ratio(self.moved(0), self.moved(1))

    def beyond_chance(self, i: int) -> bool | None:
        """Whether more layers are outside their bands than for 95 % of clean batches; None where that is not known."""
        chance = self.course(i).chance(self.measure)
        return None if chance is None else int(self.by_layer(i).outside.sum()) > chance.usual

    @property
    def layer_axis(self) -> tuple[float, float]:
        """For both sides and all attack sizes."""
        places = [self.by_layer(i, eps) for i in (0, 1) for eps in self.shifted.sizes]
        return figures.span(places, (0, LAYERS[self.measure]))

    @property
    def channel_axis(self) -> tuple[float, float]:
        """For both sides."""
        places = [self.by_channel(i) for i in (0, 1)]
        low, high = figures.span(places)
        ends = [np.nanmax(np.abs(end)) for side in places if side.band_size for end in (side.low, side.high)]
        # From the band on in steps of two, so that attacks of about the same effect are drawn to one scale.
        top = 1.5 * float(max(ends, default=high)) or high  # 0 where no channel ever varies
        while top < max(high, -low):
            top *= 2
        return (0 if self.measure == "wasserstein" else -top), top

    def distribution(self, i: int, channel: int) -> figures.Figure:
        """What the channel receives; with what is subtracted there, where a layer subtracts one number."""
        k, side = self.number(i), self.course(i).side
        population = self.course(i).population.statistics.layers[k]
        clean, attacked = (reading.recorded.layers[k] for reading in (self.clean(i), self.attacked(i)))
        centre = float(attacked.applied.centre[channel]) if attacked.applied else None
        place = (self.place(i), side.label, side.norm, self.attack, self.n)
        against, drawn = shift_reference(self.course(i)), None if self.is_clean else attacked
        return figures.distribution(population, clean, drawn, channel, *place, centre, self.changed, against)

    @property
    def accuracies(self) -> list[figures.Curve]:
        """Of the very images whose statistics are shown."""
        return [_accuracy(course) for course in self.shifted.courses]

    @property
    def growths(self) -> list[figures.Growth]:
        """The layer's summary as the attack grows."""
        return [self._growth(i) for i in (0, 1)]

    def _growth(self, i: int) -> figures.Growth:
        course, k = self.course(i), self.number(i)
        side, band = course.side, course.band(k, self.measure)
        values = [reading.shift.layers[k].summary(self.measure) for reading in course.readings]
        low, high = float(band.summary_low), float(band.summary_high)
        said = (side.label, side.norm, side.statistics, side.weight_hash)
        return figures.Growth(*said, course.sizes, values, low, high)

    def _places(
        self, i: int, names: list[str], clean: np.ndarray, attacked: np.ndarray | None, low, high, band: Band
    ) -> figures.Places:
        side, (low, high) = self.course(i).side, (np.asarray(v, dtype=float) for v in (low, high))
        said = (side.label, side.norm, side.weight_hash, self.n, names)
        return figures.Places(*said, clean, attacked, low, high, band.batch_size, self.changed)


def telling_layer(shifted: Shifted, measure: str) -> int:
    """Number, from 0, of the layer whose shift grows most from clean to the largest attack measured so far.

    In heights of its band, or in plain units where a band is not known; left and right together.
    """
    view, known = View(shifted, shifted.sizes[-1], measure, 0), all(course.has_bands for course in shifted.courses)
    found = []
    for places in (view.by_layer(0), view.by_layer(1)):
        found.append((places.shown - places.clean) / (np.maximum(places.high - places.low, 1e-9) if known else 1))
    left, right = found
    return int((left + right[np.minimum(np.arange(len(left)), len(right) - 1)]).argmax())


def way_inside(view: View, i: int, channel: int) -> dict[str, Any]:
    """Settings of the page about the inside of a layer that show this channel there; none where it cannot."""
    if view.course(i).side.norm not in looking_inside.SCALED:
        return {}
    there = {"layer": f"{view.number(i) + 1} {nice(view.name(i))}", "channel": str(channel)}
    return there | ({"n": view.n} if view.n in looking_inside.SIZES else {})


def shift_reference(course: Course) -> str:
    """What shifts are counted from, in two words."""
    return "clean images" if reference.is_live(course.side) else "training set"


AXES = {
    key: f"{measure.title.lower()} ({'ln of the ratio' if key.startswith('log') else 'in deviations'})"
    for key, measure in MEASURES.items()
}


def _accuracy(course: Course) -> figures.Curve:
    counts = [(int(reading.hits.sum()), len(reading.hits)) for reading in course.readings]
    low, high = zip(*(evaluation.wilson(*count) for count in counts), strict=True)
    correct, n = zip(*counts, strict=True)
    side = course.side
    return figures.Curve(side.label, side.norm, side.statistics, course.sizes, correct, n, low, high, side.weight_hash)
