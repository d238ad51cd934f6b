"""What the page about natural shifts computes: one batch at every severity of a corruption and under PGD of several
sizes, in two models. No Streamlit here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from rnorm_core import attacks, data, evaluation, probes, shift, zoo
from rnorm_core.attacks import Step
from rnorm_core.data import CORRUPTIONS, SEVERITIES, Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation.laboratories import STEPS
from rnorm_core.jobs import Job
from rnorm_core.shift import MEASURES, Population
from rnorm_core.ui.crafting import Side

CLEAN, NATURAL, ATTACK = "clean", "corrupted", "attacked"
EPS_255 = (0.25, 0.5, 1, 2, 8)  # k of k/255
SIZES = (8, 20, 128)  # batches for which a natural band is measured
SHOWN = 6  # pictures in a row
Condition = tuple[str, float]  # (CLEAN, 0), (NATURAL, severity) or (ATTACK, eps in grey levels)


@dataclass(frozen=True)
class Plan:
    """Everything a result depends on; equal plans are one computation.

    complete: whether the images come from the whole test set (`source` says which) or from the samples; `seed` picks
    `count` of them and feeds corruption and attack. corruption: a name of data.CORRUPTIONS.
    """

    left: Side
    right: Side
    dataset: str
    complete: bool
    source: str
    count: int
    corruption: str
    seed: int
    device: str

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.left, self.right

    def images(self, more: int = 0) -> Batch:
        """The batch, as on every page; after it `more` other images, or as many as there are."""
        return data.pick(self.dataset, self.count + more, self.seed, complete=self.complete)

    def corrupted(self, batch: Batch, severity: int) -> Batch:
        """Its first images are the same whatever follows them."""
        return data.corrupt(batch, self.corruption, severity, torch.Generator().manual_seed(self.seed))


@dataclass(frozen=True, eq=False)
class Reading:
    """The batch in one condition in one model: which images, bool (N,), are classified as labelled, and for each
    measure how far every layer is from the population, (L,); None where no population is known.
    """

    condition: Condition
    hits: Tensor
    moved: dict[str, np.ndarray] | None


@dataclass(frozen=True, eq=False)
class Course:
    """One model's readings so far; `problem` says why there is no population to compare with, except of a brought
    model, whose training images nobody knows here.
    """

    side: Side
    population: Population | None
    problem: UserError | None
    readings: dict[Condition, Reading]

    def path(self, kind: str) -> list[Reading]:
        """The clean batch and what there is of this kind, by size."""
        found = [reading for (k, _), reading in self.readings.items() if k == kind]
        return [self.readings[CLEAN, 0], *sorted(found, key=lambda reading: reading.condition[1])]

    def band(self, measure: str, n: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Where clean training batches lie, layer by layer: (low, high, size of these batches)."""
        assert self.population is not None
        names = self.population.statistics.names
        bands = [self.population.band(self.side.statistics, n, name, measure) for name in names]
        low, high = (np.array([getattr(band, f"summary_{end}") for band in bands]) for end in ("low", "high"))
        return low, high, bands[0].batch_size


@dataclass(frozen=True, eq=False)
class Corrupted:
    """A plan carried out on `batch`, or as far as it has come: courses of the left and the right model.

    attacked: the first image, (3, 32, 32), after each attack on the left model.
    """

    plan: Plan
    batch: Batch
    courses: tuple[Course, Course]
    attacked: dict[float, Tensor]

    def has(self, condition: Condition) -> bool:
        """Whether it is there for both models."""
        return all(condition in course.readings for course in self.courses)


def measure(plan: Plan, severity: int, eps_255: float) -> Callable[[Job], Corrupted]:
    """Work for a job; its partial results are `Corrupted` with less in them. What is looked at comes first."""

    def work(job: Job) -> Corrupted:
        return carry_out(plan, severity, eps_255, job)

    return work


def carry_out(plan: Plan, severity: int, eps_255: float, job: Job) -> Corrupted:
    """Clean and the severity looked at, the attack looked at, then the other severities and sizes."""
    job.progress(0, "Reading images and models")
    batch = plan.images()
    courses = [_empty(side) for side in plan.sides]
    models = [(side.load(plan.device), zoo.load(side.name, side.statistics, plan.device)) for side in plan.sides]
    attacked: dict[float, Tensor] = {}
    order = in_order(severity, eps_255)
    costs = [1 + 3 * STEPS * (kind == ATTACK) for kind, _ in order]
    for turn, condition in enumerate(order):
        for i in (0, 1):
            done, share = sum(costs[:turn]) + i * costs[turn] / 2, costs[turn] / 2
            told = Teller(job, f"{plan.sides[i].label}: {said(plan, condition)}", done / sum(costs), share / sum(costs))
            images, hits = _meet(plan, models[i][0], batch, condition, told.step)
            if i == 0 and condition[0] == ATTACK:
                attacked = {**attacked, condition[1]: images[0]}
            reading = Reading(condition, hits, _moved(courses[i], models[i][1], images))
            courses[i] = replace(courses[i], readings={**courses[i].readings, condition: reading})
        result = Corrupted(plan, batch, (courses[0], courses[1]), attacked)
        # The first picture is of the clean and the corrupted batch.
        job.progress(sum(costs[: turn + 1]) / sum(costs), f"{said(plan, condition)} is done", result if turn else None)
    return result


def in_order(severity: int, eps_255: float) -> list[Condition]:
    """All conditions, those looked at before the others."""
    first: list[Condition] = [(CLEAN, 0), (NATURAL, severity), (ATTACK, eps_255)]
    rest = [(NATURAL, s) for s in SEVERITIES], [(ATTACK, e) for e in EPS_255]
    return list(dict.fromkeys([*first, *rest[0], *rest[1]]))


def said(plan: Plan, condition: Condition) -> str:
    """A condition in words."""
    kind, size = condition
    if kind == NATURAL:
        return f"{CORRUPTIONS[plan.corruption].title}, severity {size:g}"
    return f"PGD at {size:g}/255" if kind == ATTACK else "clean"


def attack(
    model: nn.Module, batch: Batch, eps_255: float, seed: int, on_step: Callable[[Step], object], index: int = 0
) -> tuple[Tensor, Tensor]:
    """Images after PGD and which of them, bool (N,), are still right: what `evaluation.accuracy` attacks and counts in
    the batch at `index`.
    """
    generator, device = evaluation.batch_generator(seed, index), next(model.parameters()).device
    trace = attacks.make("pgd", eps_255 / 255, STEPS).run(model, batch.to(device), generator, on_step)
    return trace.adversarial, ~trace.fooled


def hits(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Which images, bool (N,), are right, all in one batch."""
    return evaluation.predict(model, images).cpu() == labels


@dataclass(frozen=True)
class Teller:
    """Tells a job how far one attack is, which begins at `start` and makes up `share` of the whole."""

    job: Job
    what: str
    start: float
    share: float

    def step(self, step: Step) -> None:
        text = f"{self.what}, step {step.index} of {step.total}"
        self.job.progress(self.start + self.share * step.index / step.total, text)


def _empty(side: Side) -> Course:
    if zoo.is_brought(side.name):
        return Course(side, None, None, {})
    try:
        return Course(side, shift.population(side.name), None, {})
    except UserError as problem:  # accuracies can be had without
        return Course(side, None, problem, {})


def _meet(
    plan: Plan, model: nn.Module, batch: Batch, condition: Condition, on_step: Callable[[Step], object]
) -> tuple[Tensor, Tensor]:
    """The batch in this condition, and which images are right."""
    kind, size = condition
    if kind == ATTACK:
        return attack(model, batch, size, plan.seed, on_step)
    images = plan.corrupted(batch, int(size)).images if kind == NATURAL else batch.images
    return images, hits(model, images, batch.labels)


def _moved(course: Course, model: nn.Module, images: Tensor) -> dict[str, np.ndarray] | None:
    if course.population is None:
        return None
    reference = course.population.statistics
    found = shift.compare(probes.record(model, images, grid=reference), reference)
    return {key: np.array([layer.summary(key) for layer in found.layers]) for key in MEASURES}
