"""One batch under a natural corruption at every severity, and under PGD of several sizes, in two networks."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from rnorm_core import data, evaluation, norms, shift, zoo
from rnorm_core.attacks import Step
from rnorm_core.data import CORRUPTIONS, SEVERITIES, Batch, ImageChoice
from rnorm_core.errors import UserError
from rnorm_core.evaluation.tables.laboratories import STEPS, pgd
from rnorm_core.progress import Parts, Progress, run_parallel, silent
from rnorm_core.shift import LayerBands, Population
from rnorm_core.zoo import Variant

CLEAN, NATURAL, ATTACK = "clean", "corrupted", "attacked"
EPS_255 = (0.25, 0.5, 1, 2, 8)  # k of k/255
SIZES = (8, 20, 128)  # numbers of images for which natural bands were measured
Condition = tuple[str, float]  # (CLEAN, 0), (NATURAL, severity) or (ATTACK, eps in grey levels)


@dataclass(frozen=True)
class Request:
    """Everything the result depends on. corruption: a key of `data.CORRUPTIONS`.

    The corruption and the attacks use the seed of `images`.
    problems: see `problems`; with a repaired file the request is another one, and is measured again.
    """

    left: Variant
    right: Variant
    images: ImageChoice
    corruption: str
    device: str
    problems: tuple[str, ...] = ()

    @property
    def variants(self) -> tuple[Variant, Variant]:
        return self.left, self.right

    def corrupted(self, batch: Batch, severity: int) -> Batch:
        """The corrupted batch. The corruption of an image does not depend on the images after it."""
        return data.corrupt(batch, self.corruption, severity, torch.Generator().manual_seed(self.images.seed))

    def title(self, condition: Condition) -> str:
        """ "Fog, severity 3", "PGD at 1/255" or "clean"."""
        kind, size = condition
        if kind == NATURAL:
            return f"{CORRUPTIONS[self.corruption].title}, severity {size:g}"
        return f"PGD at {size:g}/255" if kind == ATTACK else "clean"


@dataclass(frozen=True, eq=False)
class Reading:
    """One network on the batch in one condition.

    right:  bool (N,), the images that are classified correctly.
    shifts: measure -> (L,), the distance of each layer's input from the training images; None without a population.
    """

    condition: Condition
    right: Tensor
    shifts: dict[str, np.ndarray] | None


@dataclass(frozen=True, eq=False)
class Readings:
    """All readings of one network so far.

    problem: the reason why there is no population to compare with; None also for an uploaded model, because its
             training images are not known here, and with medians, for which no natural bands are shipped.
    """

    variant: Variant
    population: Population | None
    problem: UserError | None
    by_condition: dict[Condition, Reading]

    def path(self, kind: str) -> list[Reading]:
        """The clean reading, then the readings of this kind by size."""
        readings = [reading for (known, _), reading in self.by_condition.items() if known == kind]
        return [self.by_condition[CLEAN, 0], *sorted(readings, key=lambda reading: reading.condition[1])]

    def bands(self, measure: str, n: int) -> LayerBands:
        """The natural bands of all layers for batches of n images."""
        assert self.population is not None
        return shift.layer_bands(self.population, self.variant.statistics, n, measure)


@dataclass(frozen=True, eq=False)
class Result:
    """The readings of the left and the right network on `batch`; a partial result has fewer of them.

    attacked: eps in grey levels -> the first image, (3, 32, 32), after the attack on the left network.
    """

    request: Request
    batch: Batch
    networks: tuple[Readings, Readings]
    attacked: dict[float, Tensor]

    def has(self, condition: Condition) -> bool:
        """Whether both networks have a reading of this condition."""
        return all(condition in readings.by_condition for readings in self.networks)


def run(
    request: Request, progress: Progress = silent, *, severity: int | None = None, eps_255: float | None = None
) -> Result:
    """Measures the clean batch, every severity and every size of the attack; `severity` and `eps_255` come first.

    The two networks are measured at the same time if workers are idle, see `progress.together`.
    """
    progress(0, "Reading images and models")
    batch = request.images.load()
    sides = {variant: _Side(request, batch, variant) for variant in request.variants}
    order = in_order(severity, eps_255)
    parts = Parts(progress, [1 + 3 * STEPS * (kind == ATTACK) for kind, _ in order])

    def result() -> Result:
        left, right = (sides[variant] for variant in request.variants)
        return Result(request, batch, (left.readings, right.readings), dict(left.attacked))

    for condition in order:
        parts.begin(request.title(condition))
        run_parallel(parts.within, [partial(side.measure, condition) for side in sides.values()])
        # Pages compare clean and corrupted images, so a result with clean images alone is not passed on.
        parts.end(result() if condition != (CLEAN, 0) else None)
    return result()


class _Side:
    """One of the networks while it is measured; `readings` grows with each condition.

    attacked: eps in grey levels -> the first image after the attack.
    """

    def __init__(self, request: Request, batch: Batch, variant: Variant) -> None:
        self.request, self.batch, self.readings = request, batch, _nothing_yet(variant)
        # Predictions and attacks use the folded network, which is faster; shifts need the norm layers in place.
        self.folded, self.probed = (variant.load(request.device, fold=fold) for fold in (True, False))
        self.attacked: dict[float, Tensor] = {}

    def measure(self, condition: Condition, progress: Progress) -> None:
        parts = Parts(progress, 1)
        parts.begin(f"{self.readings.variant.label}: {self.request.title(condition)}")
        images, right = _measure(self.request, self.folded, self.batch, condition, parts.step)
        if condition[0] == ATTACK:
            self.attacked[condition[1]] = images[0]
        reading = Reading(condition, right, _shifts(self.readings.population, self.probed, images))
        self.readings = replace(self.readings, by_condition={**self.readings.by_condition, condition: reading})
        parts.end()


def in_order(severity: int | None, eps_255: float | None) -> list[Condition]:
    """All conditions: the clean images, this severity and this size first."""
    natural: list[Condition] = [(NATURAL, s) for s in SEVERITIES]
    attacked: list[Condition] = [(ATTACK, eps) for eps in EPS_255]
    first: list[Condition] = [(CLEAN, 0)]
    first += [] if severity is None else [(NATURAL, severity)]
    first += [] if eps_255 is None else [(ATTACK, eps_255)]
    return list(dict.fromkeys([*first, *natural, *attacked]))


def right_images(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """Bool (N,): whether each image is classified correctly; all images are one batch."""
    return evaluation.predict(model, images).cpu() == labels


def problems(*variants: Variant) -> tuple[str, ...]:
    """Why populations of these networks cannot be read."""
    return tuple(str(problem) for variant in variants if (problem := _nothing_yet(variant).problem))


def _nothing_yet(variant: Variant) -> Readings:
    if zoo.is_brought(variant.model) or variant.statistics == norms.MEDIAN:
        return Readings(variant, None, None, {})
    try:
        return Readings(variant, shift.population(variant.model), None, {})
    except UserError as problem:  # accuracies need no population
        return Readings(variant, None, problem, {})


def _measure(
    request: Request, model: nn.Module, batch: Batch, condition: Condition, on_step: Callable[[Step], object]
) -> tuple[Tensor, Tensor]:
    """The images in this condition, and which of them are right."""
    kind, size = condition
    if kind == ATTACK:
        trace = evaluation.attack_batch(model, batch, pgd(size), seed=request.images.seed, on_step=on_step)
        return trace.adversarial, trace.right
    images = request.corrupted(batch, int(size)).images if kind == NATURAL else batch.images
    return images, right_images(model, images, batch.labels)


def _shifts(population: Population | None, model: nn.Module, images: Tensor) -> dict[str, np.ndarray] | None:
    return None if population is None else shift.layer_shifts(model, images, population.statistics)
