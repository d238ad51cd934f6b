"""What the page about shifting statistics computes: one batch under an attack of growing size, recorded in two models.

No Streamlit here.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from rnorm_core import attacks, data, evaluation, probes, shift, zoo
from rnorm_core.attacks import CATALOGUE, Step
from rnorm_core.data import Batch
from rnorm_core.jobs import Job
from rnorm_core.probes import LayerStatistics
from rnorm_core.shift import Band, Chance, Population, Shift
from rnorm_core.ui import reference
from rnorm_core.ui.crafting import Side

GRID = (0, 0.25, 0.5, 1, 1.5, 2, 4, 8)  # k of k/255
SIZES = (1, 8, 20, 128)  # batches for which a natural band is measured
STEPS = 20  # an attack of more is for tables
# One eps for all pixels alike, so that the sizes of one grid mean the same; the usual measure of robustness first.
ATTACKS = sorted(
    (e.name for e in CATALOGUE.values() if e.takes_eps and e.norm == "linf" and e.default_steps <= STEPS),
    key=lambda name: name != "pgd",
)


@dataclass(frozen=True)
class Plan:
    """Everything a result depends on; equal plans are one computation.

    complete: whether the images come from the whole test set (`source` says which) or from the samples; `seed` picks
    `count` of them and feeds the attack. image: the name of the one sample that is the whole batch (see `named`).
    """

    left: Side
    right: Side
    dataset: str
    complete: bool
    source: str
    count: int
    image: str | None
    attack: str
    seed: int
    device: str

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.left, self.right

    def images(self) -> Batch:
        """The one batch: the same images, in the same order, from every source and on every page."""
        if self.image is None:
            return data.pick(self.dataset, self.count, self.seed, complete=self.complete)
        samples = data.samples(self.dataset)
        return samples.select([named(samples).index(self.image)])


def named(batch: Batch) -> list[str]:
    """What people call the images: class and the first digits of the id."""
    return [f"{batch.classes[label]} {one[:8]}" for label, one in zip(batch.labels.tolist(), batch.ids, strict=True)]


@dataclass(frozen=True, eq=False)
class Reading:
    """The batch at one attack size in one model: what arrived at its layers, how far that is from the population,
    and which images, bool (N,), the model still classifies as labelled.

    moved: measure -> (1 + G, L), how far each layer has moved from the very same images when clean, in the
           population's units: over all images, and without each of `shift.GROUPS` groups of them (G = 0: too few).
    """

    eps_255: float
    recorded: LayerStatistics
    shift: Shift
    hits: Tensor
    moved: dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Course:
    """One model's readings by size, the clean batch (size 0) first."""

    side: Side
    population: Population
    readings: tuple[Reading, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Of the layers, as paths in the network."""
        return self.population.statistics.names

    @property
    def sizes(self) -> tuple[float, ...]:
        return tuple(reading.eps_255 for reading in self.readings)

    def at(self, eps_255: float) -> Reading:
        return next(reading for reading in self.readings if reading.eps_255 == eps_255)

    @property
    def has_bands(self) -> bool:
        """Whether it is known where clean batches lie by chance."""
        return bool(self.population.bands)

    def band(self, layer: int, measure: str) -> Band:
        """Where clean training batches of this size lie, in this model's statistics mode; NaN where it is not known."""
        if not self.has_bands:
            nothing = torch.full_like(self.population.statistics.layers[layer].mean, torch.nan)
            return Band(0, 0, nothing, nothing, nothing, math.nan, math.nan, math.nan)
        n = self.readings[0].recorded.n
        return self.population.band(self.side.statistics, n, self.names[layer], measure)

    def chance(self, measure: str) -> Chance | None:
        """How many layers at once are outside their bands by chance; None where that is not known."""
        n = self.readings[0].recorded.n
        return self.population.chance(self.side.statistics, n, measure) if self.has_bands else None

    def with_one_more(self, reading: Reading) -> "Course":
        return replace(self, readings=tuple(sorted((*self.readings, reading), key=lambda r: r.eps_255)))


@dataclass(frozen=True, eq=False)
class Shifted:
    """A plan carried out on `batch`, or as far as it has come: courses of the left and the right model."""

    plan: Plan
    batch: Batch
    courses: tuple[Course, Course]

    @property
    def sizes(self) -> tuple[float, ...]:
        """The attack sizes that are there for both models."""
        return tuple(sorted(set(self.courses[0].sizes) & set(self.courses[1].sizes)))


def layer_names(plan: Plan) -> list[str]:
    """The left model's layers, numbered from 1, for people."""
    return [f"{k} {nice(name)}" for k, name in enumerate(reference.layers(plan.left), 1)]


def channel_counts(plan: Plan, layer: int) -> list[int]:
    """Channels of layer number `layer` (from 0), left and right. Of a network with fewer layers it is the last one."""
    all_layers = (list(reference.layers(side).values()) for side in plan.sides)
    return [channels[min(layer, len(channels) - 1)] for channels in all_layers]


def nice(layer: str) -> str:
    """A module's path for people: "blocks.0.first.norm" is "block 1 first"."""
    return " ".join(
        {"blocks": "block", "features": "part"}.get(part, str(int(part) + 1) if part.isdigit() else part)
        for part in layer.split(".")
        if part != "norm"
    )


def measure(plan: Plan, first: float) -> Callable[[Job], Shifted]:
    """Work for a job; its partial results are `Shifted` of fewer sizes. `first` is the size to begin with."""

    def work(job: Job) -> Shifted:
        return carry_out(plan, first, job)

    return work


def carry_out(plan: Plan, first: float, job: Job) -> Shifted:
    """The reference where there is none, the clean batch, the attack of size `first`, the largest, then from below."""
    job.progress(0, "Reading images and models")
    batch = plan.images()
    lacking = [side for side in dict.fromkeys(plan.sides) if reference.is_live(side)]
    ahead = 0.4 if lacking else 0.0  # of the work
    courses = []
    for side in plan.sides:
        turn = lacking.index(side) if side in lacking else 0

        def measuring(fraction: float, text: str, turn: int = turn) -> None:
            job.progress(ahead * (turn + fraction) / len(lacking), text)

        courses.append(Course(side, reference.of(side, batch, plan.complete, plan.device, measuring)))
    pairs = [(side.load(plan.device), probed(side, plan.device)) for side in plan.sides]
    order = sorted(GRID, key=lambda eps: (eps != 0, eps != first, eps != GRID[-1], eps))
    groups = [list(range(g, len(batch), shift.GROUPS)) for g in range(shift.GROUPS) if len(batch) >= shift.GROUPS]
    clean: list[list[LayerStatistics]] = [[], []]
    tasks = [(eps, i) for eps in order for i in (0, 1)]
    for done, (eps, i) in enumerate(tasks):

        def tell(step: Step, done: int = done, eps: float = eps, i: int = i) -> None:
            text = f"{plan.sides[i].label}: {eps:g}/255, step {step.index} of {step.total}"
            job.progress(ahead + (1 - ahead) * (done + step.index / step.total) / len(tasks), text)

        adversarial, hits = attacked(plan, pairs[i][0], batch, eps, tell)
        population = courses[i].population.statistics
        recorded = probes.record_each(pairs[i][1], adversarial, [None, *groups], grid=population)
        clean[i] = clean[i] or recorded
        moved = movement(recorded, clean[i], population)
        reading = Reading(eps, recorded[0], shift.compare(recorded[0], population), hits, moved)
        courses[i] = courses[i].with_one_more(reading)
        result = Shifted(plan, batch, (courses[0], courses[1]))
        part = ahead + (1 - ahead) * (done + 1) / len(tasks)
        job.progress(part, f"{eps:g}/255 is done", result if i == 1 else None)
    return result


def movement(
    recorded: list[LayerStatistics], clean: list[LayerStatistics], units: LayerStatistics
) -> dict[str, Tensor]:
    """`Reading.moved` from recordings of the whole batch and of its groups, both as they are now and when clean."""

    def without(g: int, of: list[LayerStatistics]) -> LayerStatistics:
        return probes.merge([part for k, part in enumerate(of[1:]) if k != g])

    pairs = [(recorded[0], clean[0]), *((without(g, recorded), without(g, clean)) for g in range(len(clean) - 1))]
    shifts = [shift.compare(now, before, units).layers for now, before in pairs]
    return {m: torch.tensor([[layer.summary(m) for layer in layers] for layers in shifts]) for m in shift.MEASURES}


def probed(side: Side, device: str) -> nn.Module:
    """The network with its norm layers in place, to look at; attacks use the folded one, which is faster."""
    return zoo.load(side.name, side.statistics, device)


def attacked(
    plan: Plan, model: nn.Module, batch: Batch, eps_255: float, on_step: Callable[[Step], object]
) -> tuple[Tensor, Tensor]:
    """The images after an attack of this size, and which of them, bool (N,), are still classified as labelled.

    Equal to what `evaluation.accuracy` attacks and counts with this seed.
    """
    if eps_255 == 0:
        return batch.images, evaluation.predict(model, batch.images).cpu() == batch.labels
    generator = evaluation.batch_generator(plan.seed, 0)
    trace = attacks.make(plan.attack, eps_255 / 255).run(model, batch.to(plan.device), generator, on_step)
    return trace.adversarial, ~trace.fooled
