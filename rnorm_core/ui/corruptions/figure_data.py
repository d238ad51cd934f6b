"""Results of the page about natural shifts -> input of its figures. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from rnorm_core import evaluation
from rnorm_core.data import CORRUPTIONS, SEVERITIES, class_title
from rnorm_core.experiments import corruption_sweep, recalibration
from rnorm_core.experiments.corruption_sweep import ATTACK, CLEAN, NATURAL, Condition, Readings
from rnorm_core.experiments.recalibration import CONDITIONS, NEW_ATTACK
from rnorm_core.figures import corruptions as figures
from rnorm_core.shift import MEASURES
from rnorm_core.ui.shared import layers
from rnorm_core.zoo import Variant

SHOWN = 6  # pictures in a row


@dataclass(frozen=True)
class Selected:
    """The part of a result that is shown: one severity, one attack size (k of k/255) and one key of MEASURES.

    Methods take the number of a network: 0 is left, 1 is right.
    """

    result: corruption_sweep.Result
    severity: int
    eps_255: float
    measure: str

    @property
    def natural(self) -> Condition:
        return NATURAL, self.severity

    @property
    def adversarial(self) -> Condition:
        return ATTACK, self.eps_255

    @property
    def axis(self) -> str:
        return MEASURES[self.measure].axis

    @property
    def corruption(self) -> str:
        return CORRUPTIONS[self.result.request.corruption].title

    def readings(self, i: int) -> Readings:
        return self.result.networks[i]

    def layers(self, i: int) -> figures.Layers | None:
        """The shift of every layer, or None if there is no population to compare with."""
        readings, n = self.readings(i), len(self.result.batch)
        clean, corrupted = self._shifts(readings, (CLEAN, 0)), self._shifts(readings, self.natural)
        if readings.population is None or clean is None or corrupted is None:
            return None
        bands, variant, title = readings.bands(self.measure, n), readings.variant, self.result.request.title
        return figures.Layers(
            label=variant.label, norm=variant.norm, n=n,
            names=layers.numbered(readings.population.statistics.names),
            clean=clean, corrupted=corrupted, attacked=self._shifts(readings, self.adversarial),
            low=bands.low, high=bands.high, band_size=bands.batch_size,
            natural=title(self.natural), adversarial=title(self.adversarial),
        )  # fmt: skip

    def _shifts(self, readings: Readings, condition: Condition) -> np.ndarray | None:
        reading = readings.by_condition.get(condition)
        return None if reading is None or reading.shifts is None else reading.shifts[self.measure]

    def path(self, i: int, kind: str) -> figures.Path:
        """Clean, then every severity or attack size that is measured."""
        variant, readings = self.readings(i).variant, self.readings(i).path(kind)
        sizes = [f"{reading.condition[1]:g}{'/255' if kind == ATTACK else ''}" for reading in readings]
        sizes[0] = "0" if kind == NATURAL else "clean"
        return figures.Path(
            label=variant.label, norm=variant.norm, statistics=variant.statistics,
            natural=kind == NATURAL, sizes=sizes, counts=counts([reading.right for reading in readings]),
            shifts=[float(one.shifts[self.measure].mean()) for one in readings if one.shifts is not None],
        )  # fmt: skip

    def paths(self, kind: str) -> list[figures.Path]:
        """The paths of both networks, or of one network if both are the same."""
        same = self.readings(0).variant == self.readings(1).variant
        return [self.path(i, kind) for i in ((0,) if same else (0, 1))]


Picture = tuple[Tensor, str, str]  # image, title, marks of the networks that recognise it


def pictures(
    request: corruption_sweep.Request, result: corruption_sweep.Result | None, severity: int, eps_255: float
) -> tuple[list[Picture], list[Picture]]:
    """The first image clean, at every severity and attacked; the next images at this severity.

    Without a result there is no attacked image, and there are no marks.
    """
    batch = request.images.load().select(range(SHOWN + 1)) if result is None else result.batch
    first = [(batch.images[0], "clean", _marks(result, (CLEAN, 0), 0))]
    for s in SEVERITIES:
        image = request.corrupted(batch.select([0]), s).images[0]
        first.append((image, f"sev. {s}", _marks(result, (NATURAL, s), 0)))
    if result and (attacked := result.attacked.get(eps_255)) is not None:
        first.append((attacked, f"PGD {eps_255:g}/255", _marks(result, (ATTACK, eps_255), 0)))
    corrupted = request.corrupted(batch.select(range(SHOWN + 1)), severity)
    names = [class_title(batch.classes[int(label)]) for label in corrupted.labels]
    others = [(corrupted.images[k], names[k], _marks(result, (NATURAL, severity), k)) for k in range(1, SHOWN + 1)]
    return first, others


def _marks(result: corruption_sweep.Result | None, condition: Condition, index: int) -> str:
    """Whether image `index` is right in the left and in the right network; empty until both are measured."""
    if result is None or not result.has(condition):
        return ""
    return " ".join("✓" if network.by_condition[condition].right[index] else "✗" for network in result.networks)


def counts(right: Sequence[Tensor]) -> figures.Counts:
    """Counts and intervals from bool (N,), right or wrong, at each place of an axis."""
    correct, n = [int(each.sum()) for each in right], len(right[0])
    low, high = zip(*(evaluation.wilson(k, n) for k in correct), strict=True)
    return figures.Counts(correct, n, low, high)


def title(result: recalibration.Result, kind: str) -> str:
    """ "Fog, severity 3", "PGD at 1/255" or "clean"."""
    request = result.request
    size = {NATURAL: request.severity, CLEAN: 0}.get(kind, request.eps_255)
    return request.sweep.title((ATTACK if kind == NEW_ATTACK else kind, size))


def full_title(result: recalibration.Result, kind: str) -> str:
    """The title, for an attack with the statistics for which it was made."""
    made = {ATTACK: ", made for the trained statistics", NEW_ATTACK: ", made anew for the new ones"}
    return title(result, kind) + made.get(kind, "")


def recalibrations(result: recalibration.Result, variant: Variant) -> list[figures.Recalibration]:
    """The conditions that are measured so far."""
    network, conditions = result.networks[variant], []
    for kind in CONDITIONS:
        images = [m for m in result.counts if (kind, m) in network.after]
        if images:
            before = counts([network.before[kind]]) if kind in network.before else None
            after = counts([network.after[kind, m] for m in images])
            conditions.append(figures.Recalibration(kind, full_title(result, kind), before, images, after))
    return conditions
