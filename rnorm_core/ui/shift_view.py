"""One look at what was measured, at one attack size, by one measure, into one layer: results -> what figures draw."""

from dataclasses import dataclass

import numpy as np
import torch

from rnorm_core import evaluation, figures
from rnorm_core.attacks import CATALOGUE
from rnorm_core.shift import MEASURES, Band
from rnorm_core.ui import reference
from rnorm_core.ui.shifting import Course, Reading, Shifted, nice


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
        return self.course(i).names[self._layer(i)]

    def place(self, i: int) -> str:
        """The layer, for people."""
        return f"{self._layer(i) + 1}, {nice(self.name(i))}"

    def _layer(self, i: int) -> int:
        return min(self.layer, len(self.course(i).names) - 1)

    def by_layer(self, i: int, eps_255: float | None = None) -> figures.Places:
        """Every layer's summary, at the attack size looked at or another."""
        course, eps = self.course(i), self.eps_255 if eps_255 is None else eps_255
        bands = [course.band(k, self.measure) for k in range(len(course.names))]
        clean, attacked = ([layer.summary(self.measure) for layer in course.at(e).shift.layers] for e in (0, eps))
        low, high = [band.summary_low for band in bands], [band.summary_high for band in bands]
        names = [f"{k} {nice(name)}" for k, name in enumerate(course.names, 1)]
        return self._places(i, names, clean, attacked, low, high, bands[0])

    def by_channel(self, i: int) -> figures.Places:
        """Every channel of the layer; those that are constant in training have no shift (NaN)."""
        k = self._layer(i)
        band = self.course(i).band(k, self.measure)
        shifts = [reading.shift.layers[k] for reading in (self.clean(i), self.attacked(i))]
        values = [shift.values(self.measure).where(shift.alive, torch.nan) for shift in shifts]
        names = [f"channel {c}" for c in range(len(values[0]))]
        return self._places(i, names, values[0], values[1], band.low, band.high, band)

    def most_moved(self, i: int) -> int:
        """The channel that lies furthest from the population under attack."""
        moved = np.nan_to_num(np.abs(self.by_channel(i).adversarial))
        return int(moved.argmax())

    def distribution(self, i: int, channel: int) -> figures.Figure:
        """What the channel receives; with what is subtracted there, where a layer subtracts one number."""
        k, side = self._layer(i), self.course(i).side
        population = self.course(i).population.statistics.layers[k]
        clean, attacked = (reading.recorded.layers[k] for reading in (self.clean(i), self.attacked(i)))
        centre = float(attacked.applied.centre[channel]) if attacked.applied else None
        place = (self.place(i), side.label, side.norm, self.attack, self.n)
        against = shift_reference(self.course(i))
        return figures.distribution(population, clean, attacked, channel, *place, centre, self.changed, against)

    @property
    def accuracies(self) -> list[figures.Curve]:
        """Of the very images whose statistics are shown."""
        return [_accuracy(course) for course in self.shifted.courses]

    @property
    def growths(self) -> list[figures.Growth]:
        """The layer's summary as the attack grows."""
        return [self._growth(i) for i in (0, 1)]

    def _growth(self, i: int) -> figures.Growth:
        course, k = self.course(i), self._layer(i)
        side, band = course.side, course.band(k, self.measure)
        values = [reading.shift.layers[k].summary(self.measure) for reading in course.readings]
        low, high = float(band.summary_low), float(band.summary_high)
        said = (side.label, side.norm, side.statistics, side.weight_hash)
        return figures.Growth(*said, course.sizes, values, low, high)

    def _places(self, i: int, names: list[str], clean, attacked, low, high, band: Band) -> figures.Places:
        side = self.course(i).side
        clean, attacked, low, high = (np.asarray(v, dtype=float) for v in (clean, attacked, low, high))
        said = (side.label, side.norm, side.weight_hash, self.n, names)
        return figures.Places(*said, clean, attacked, low, high, band.batch_size, self.changed)


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
