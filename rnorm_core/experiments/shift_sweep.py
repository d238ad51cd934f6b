"""An attack of growing size: the shift of the norm layers' inputs in two networks, and the accuracy."""

import math
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch
from torch import Tensor

from rnorm_core import attacks, evaluation, probes, shift
from rnorm_core.attacks import CATALOGUE
from rnorm_core.data import Batch, ImageChoice
from rnorm_core.experiments import shift_reference
from rnorm_core.probes import LayerStatistics
from rnorm_core.progress import Parts, Progress, run_parallel, silent
from rnorm_core.shift import Band, Chance, LayerBands, Population, Remainder, Shift
from rnorm_core.zoo import Variant

GRID = (0, 0.25, 0.5, 1, 1.5, 2, 4, 8)  # attack sizes: eps in grey levels, k of k/255
SIZES = (1, 8, 20, 128)  # batch sizes with a measured natural band
STEPS = 20  # attacks with more steps take too long to wait for
REFERENCE_COST, CLEAN_COST = 5.0, 0.1  # of a measured reference and of the clean batch, in attacks
# All attacks have one eps for all pixels, so that their sizes can be compared. The usual one is first.
ATTACKS = sorted(
    (e.name for e in CATALOGUE.values() if e.takes_eps and e.norm == "linf" and e.default_steps <= STEPS),
    key=lambda name: name != "pgd",
)


@dataclass(frozen=True)
class Request:
    """Two networks, one batch, one attack (a name of `ATTACKS`). The attack uses the seed of the images."""

    left: Variant
    right: Variant
    images: ImageChoice
    attack: str = "pgd"
    device: str = "cpu"

    @property
    def variants(self) -> tuple[Variant, Variant]:
        return self.left, self.right


@dataclass(frozen=True, eq=False)
class Reading:
    """One network's measurements of the batch at one attack size.

    recorded: the inputs of its norm layers. shift: their shift from the population. hits: bool (N,), the images that
    are classified correctly.
    moved: measure -> (1 + G, L): how far each layer is from the same images without an attack, in units of the
           population. Row 0: all images; row 1 + g: without group g of the `shift.GROUPS` groups (G = 0: too few).
    """

    eps_255: float
    recorded: LayerStatistics
    shift: Shift
    hits: Tensor
    moved: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Course:
    """One network's readings, ordered by attack size; the clean batch (size 0) is first."""

    variant: Variant
    population: Population
    readings: tuple[Reading, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Paths of the norm layers in the network."""
        return self.population.statistics.names

    @property
    def sizes(self) -> tuple[float, ...]:
        return tuple(reading.eps_255 for reading in self.readings)

    def at(self, eps_255: float) -> Reading:
        return next(reading for reading in self.readings if reading.eps_255 == eps_255)

    @cached_property
    def summaries(self) -> dict[str, dict[float, np.ndarray]]:
        """Measure -> attack size -> (L,): one number for each layer. A page needs them many times."""
        return {
            measure: {
                reading.eps_255: np.array([layer.summary(measure) for layer in reading.shift.layers])
                for reading in self.readings
            }
            for measure in shift.MEASURES
        }

    @property
    def has_bands(self) -> bool:
        """Whether natural bands are known."""
        return bool(self.population.bands)

    def layer_bands(self, measure: str) -> LayerBands:
        """The natural bands of all layers for this batch size and mode; NaN if they are not known."""
        if not self.has_bands:
            nothing = np.full(len(self.names), np.nan)
            return LayerBands(nothing, nothing, 0)
        return shift.layer_bands(self.population, self.variant.statistics, self.readings[0].recorded.n, measure)

    def band(self, layer: int, measure: str) -> Band:
        """The natural band of layer number `layer` (from 0) for this batch size and mode; NaN if it is not known."""
        if not self.has_bands:
            nothing = torch.full_like(self.population.statistics.layers[layer].mean, torch.nan)
            return Band(0, 0, nothing, nothing, nothing, math.nan, math.nan, math.nan)
        n = self.readings[0].recorded.n
        return self.population.band(self.variant.statistics, n, self.names[layer], measure)

    def chance(self, measure: str) -> Chance | None:
        """How many layers lie outside their bands at the same time by chance; None if this is not known."""
        n = self.readings[0].recorded.n
        return self.population.chance(self.variant.statistics, n, measure) if self.has_bands else None

    def with_reading(self, reading: Reading) -> "Course":
        return replace(self, readings=tuple(sorted((*self.readings, reading), key=lambda r: r.eps_255)))


@dataclass(frozen=True, eq=False)
class Result:
    """The courses of the left and the right network; a partial result has fewer attack sizes."""

    request: Request
    batch: Batch
    courses: tuple[Course, Course]

    @property
    def sizes(self) -> tuple[float, ...]:
        """The attack sizes that both networks have."""
        return tuple(sorted(set(self.courses[0].sizes) & set(self.courses[1].sizes)))


def run(request: Request, progress: Progress = silent, *, first: float = 1) -> Result:
    """Measure every attack size of `GRID`: the clean batch, then size `first`, then the largest, then the others in
    order. A missing reference is measured before them. UserError if images or weights are missing or damaged.

    The two networks are measured at the same time if workers are idle, see `progress.together`.
    """
    progress(0, "Reading images and models")
    batch, variants = request.images.load(), list(dict.fromkeys(request.variants))
    order = sorted(GRID, key=lambda e: (e != 0, e != first, e != GRID[-1], e))
    references = [shift_reference.Request(variant, request.images, request.device) for variant in variants]
    cost_of_references = REFERENCE_COST * any(map(shift_reference.is_live, variants))
    parts = Parts(progress, [cost_of_references, *[1 if eps else CLEAN_COST for eps in order]])
    parts.begin("The reference of the shifts")
    populations = run_parallel(parts.within, [partial(shift_reference.run, reference) for reference in references])
    parts.end()
    courses = map(Course, variants, populations)
    sides = {course.variant: _Side(request, batch, course) for course in courses}

    def result() -> Result:
        left, right = (sides[variant].course for variant in request.variants)
        return Result(request, batch, (left, right))

    for eps in order:
        parts.begin(f"{eps:g}/255")
        run_parallel(parts.within, [partial(side.measure, eps) for side in sides.values()])
        parts.end(result())
    return result()


@dataclass(frozen=True, eq=False)
class _Recorded:
    """Recordings of the whole batch, and of it without each of its groups (none if it has too few images)."""

    whole: LayerStatistics
    remainders: list[Remainder]


class _Side:
    """One of the two networks while it is measured; `course` grows with each attack size."""

    def __init__(self, request: Request, batch: Batch, course: Course) -> None:
        self.request, self.batch, self.course = request, batch, course
        # Attacks use the folded network, which is faster; recordings need the norm layers in place.
        self.attacked, self.recorded = (course.variant.load(request.device, fold=fold) for fold in (True, False))
        enough = len(batch) >= shift.GROUPS
        self.groups = [list(range(g, len(batch), shift.GROUPS)) for g in range(shift.GROUPS)] if enough else []
        self.clean: _Recorded | None = None

    def measure(self, eps_255: float, progress: Progress) -> None:
        parts = Parts(progress, 1)
        parts.begin(f"{self.course.variant.label}: {eps_255:g}/255")
        images, hits = self._attack(eps_255, parts)
        units = self.course.population.statistics
        whole, *groups = probes.record_each(self.recorded, images, [None, *self.groups], grid=units)
        now = _Recorded(whole, shift.remainders(groups) if groups else [])
        self.clean = self.clean or now  # size 0 is measured first
        moved = movement(now, self.clean, units)
        reading = Reading(eps_255, whole, shift.compare(whole, units), hits, moved)
        self.course = self.course.with_reading(reading)

    def _attack(self, eps_255: float, parts: Parts) -> tuple[Tensor, Tensor]:
        """The attacked images, and bool (N,): which of them are classified correctly."""
        if eps_255 == 0:
            return self.batch.images, evaluation.predict(self.attacked, self.batch.images).cpu() == self.batch.labels
        attack, seed = attacks.make(self.request.attack, eps_255 / 255), self.request.images.seed
        trace = evaluation.attack_batch(self.attacked, self.batch, attack, seed=seed, on_step=parts.step)
        return trace.adversarial, trace.right


def movement(now: _Recorded, clean: _Recorded, units: LayerStatistics) -> dict[str, Tensor]:
    """`Reading.moved`, from the recordings of the attacked and of the clean batch."""
    layers = shift.compare(now.whole, clean.whole, units).layers
    moved = {m: torch.tensor([[layer.summary(m) for layer in layers]]) for m in shift.MEASURES}
    if not now.remainders:
        return moved
    without = shift.movements(now.remainders, clean.remainders, units)
    return {m: torch.cat([moved[m], without[m]]) for m in shift.MEASURES}
