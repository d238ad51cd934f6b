"""How the batch of an image changes its prediction: batch size, neighbours, and the number of attacked images.

Three experiments on networks with the statistics of their batch: `run_sizes`, `run_neighbours`, `run_composition`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from rnorm_core import evaluation, pixels
from rnorm_core.attacks import Step, watched
from rnorm_core.data import ImageChoice
from rnorm_core.evaluation import Accuracy
from rnorm_core.evaluation.measure.batches import (
    Mixture,
    NeighbourDraws,
    Partition,
    accuracy_in,
    by_share,
    consecutive,
    neighbour_draws,
    one_class,
    reshuffled,
    shuffled_like,
    sizes,
)
from rnorm_core.evaluation.tables.laboratories import pgd
from rnorm_core.experiments import attack_pair, landscape
from rnorm_core.experiments.landscape import Landscape
from rnorm_core.progress import Parts, Progress, silent
from rnorm_core.zoo import Variant, switchable

DRAWS = 20  # random choices of neighbours
GROUPS = 4  # at most; the images of a batch are attacked group by group


def in_batch_mode(left: Variant, right: Variant, mode: str = "batch") -> tuple[Variant, ...]:
    """The networks that can take the statistics of their batch, in this mode."""
    return tuple(network.in_mode(mode) for network in switchable(left, right))


# --- batch size


@dataclass(frozen=True)
class SizesRequest:
    """eps_255: k of k/255. mode: of the networks, one in which they look at their batch."""

    left: Variant
    right: Variant
    images: ImageChoice
    eps_255: float
    device: str = "cpu"
    mode: str = "batch"


@dataclass(frozen=True, eq=False)
class SizesResult:
    """Accuracies of the networks that have been measured so far; keys are variants in the request's mode.

    clean, attacked: one accuracy for each batch size. usual: (clean, attacked) of the same network in its usual mode.
    """

    request: SizesRequest
    clean: dict[Variant, tuple[Accuracy, ...]] = field(default_factory=dict)
    attacked: dict[Variant, tuple[Accuracy, ...]] = field(default_factory=dict)
    usual: dict[Variant, tuple[Accuracy, Accuracy]] = field(default_factory=dict)


def run_sizes(request: SizesRequest, progress: Progress = silent) -> SizesResult:
    """Accuracy, clean and attacked, at all batch sizes that the images fill, the smallest first."""
    variants, seed = in_batch_mode(request.left, request.right, request.mode), request.images.seed
    chosen = sizes(request.images.count)
    parts = Parts(progress, len(variants) * (1 + len(chosen)))
    parts.begin("Reading images and models")
    attack, batch = watched(pgd(request.eps_255), parts.step), request.images.load().to(request.device)
    models = {variant: variant.load(request.device) for variant in variants}
    result = SizesResult(request, dict.fromkeys(variants, ()), dict.fromkeys(variants, ()))
    for variant in variants:
        parts.begin(variant.usual.label)
        model = variant.usual.load(request.device)
        usual = evaluation.accuracy(model, batch), evaluation.accuracy(model, batch, attack, seed=seed)
        result = replace(result, usual={**result.usual, variant: usual})
        parts.end()
    for size in chosen:
        for variant, model in models.items():
            parts.begin(f"{variant.label}: batches of {size}", runs=-(-len(batch) // size))
            clean = evaluation.accuracy(model, batch, None, size)
            attacked = evaluation.accuracy(model, batch, attack, size, seed=seed)
            result = replace(
                result, clean={**result.clean, variant: (*result.clean[variant], clean)},
                attacked={**result.attacked, variant: (*result.attacked[variant], attacked)},
            )  # fmt: skip
            parts.end(result)
    return result


# --- the neighbours of one image


@dataclass(frozen=True)
class NeighboursRequest:
    """image: the beginning of the id of one of `images`. size: of the batch, the image and its neighbours. mode: of
    the networks, one in which they look at their batch.
    """

    left: Variant
    right: Variant
    images: ImageChoice
    image: str
    size: int
    device: str = "cpu"
    mode: str = "batch"


@dataclass(frozen=True, eq=False)
class NeighboursResult:
    """Predictions of the networks that have been measured so far; keys are variants in the request's mode.

    batch: in this mode. usual: of the same network in its usual mode, with the same neighbours.
    """

    request: NeighboursRequest
    batch: dict[Variant, NeighbourDraws] = field(default_factory=dict)
    usual: dict[Variant, NeighbourDraws] = field(default_factory=dict)


def run_neighbours(request: NeighboursRequest, progress: Progress = silent) -> NeighboursResult:
    """One image in `DRAWS` batches with different neighbours."""
    variants, seed = in_batch_mode(request.left, request.right, request.mode), request.images.seed
    parts, result = Parts(progress, 2 * len(variants)), NeighboursResult(request)
    images = request.images.load()
    index = images.find(request.image)
    for variant in variants:
        parts.begin(f"{variant.label}: {DRAWS} draws of neighbours")
        draws = neighbour_draws(variant.load(request.device), images, index, request.size, DRAWS, seed)
        result = replace(result, batch={**result.batch, variant: draws})
        parts.end(result)
        parts.begin(f"{variant.usual.label}: the same neighbours")
        draws = neighbour_draws(variant.usual.load(request.device), images, index, request.size, DRAWS, seed)
        result = replace(result, usual={**result.usual, variant: draws})
        parts.end(result)
    return result


# --- classes and attacked images of a batch

CONSECUTIVE, ONE_CLASS, SAME_SIZES, SAME_BATCHES, SHUFFLED = CONDITIONS = (
    "as they come", "one class a batch", "sizes as with one class, any class", "attacked, same batches",
    "attacked, shuffled after",
)  # fmt: skip


@dataclass(frozen=True)
class CompositionRequest:
    """eps_255: k of k/255. size: images in a batch, at most. image: the beginning of the shown one's id. mode: of the
    networks, one in which they look at their batch.
    """

    left: Variant
    right: Variant
    images: ImageChoice
    eps_255: float
    size: int
    image: str
    device: str = "cpu"
    mode: str = "batch"


@dataclass(frozen=True, eq=False)
class CompositionResult:
    """What has been measured so far of networks in the request's mode.

    clean: by network and condition (one of `CONDITIONS`), the accuracy on clean images. attacked: the same on images
    that were attacked in such batches; several accuracies if the condition is random. shares: by network, accuracy by
    the number of attacked images in a batch. landscapes: by network, the shown image while its batch is attacked
    (`SAME_BATCHES`), for the attack player.
    """

    request: CompositionRequest
    clean: dict[tuple[Variant, str], Accuracy] = field(default_factory=dict)
    attacked: dict[tuple[Variant, str], tuple[Accuracy, ...]] = field(default_factory=dict)
    shares: dict[Variant, tuple[Mixture, ...]] = field(default_factory=dict)
    landscapes: dict[Variant, Landscape] = field(default_factory=dict)


def run_composition(request: CompositionRequest, progress: Progress = silent) -> CompositionResult:
    """Batches of different composition, clean, then attacked; then batches with 1, 2, 4 ... attacked images."""
    variants = in_batch_mode(request.left, request.right, request.mode)
    size, seed = request.size, request.images.seed
    batch = request.images.load().to(request.device)
    shown = batch.find(request.image)
    partitions, counts = _partitions(request, batch.labels), sizes(min(size, len(batch)))
    parts = Parts(progress, len(variants) * (2 + len(partitions) + len(counts)))
    parts.begin("Reading images and models")
    attack, result = watched(pgd(request.eps_255), parts.step), CompositionResult(request)
    result = replace(result, shares=dict.fromkeys(variants, ()))
    models = {variant: variant.load(request.device) for variant in variants}
    for variant, model in models.items():
        parts.begin(f"{variant.label}: clean images")
        clean = {(variant, name): accuracy_in(model, batch, partition) for name, partition in partitions.items()}
        result = replace(result, clean=result.clean | clean)
        parts.end(result)
    for variant, model in models.items():
        parts.begin(f"{variant.label}: shuffled after the attack", runs=len(partitions[CONSECUTIVE]))
        steps: list[Step] = []

        def on_step(step: Step, steps: list[Step] = steps) -> None:
            parts.step(step)
            if parts.run - 1 == shown // size:  # its batch
                steps.append(step)

        scored = reshuffled(model, batch, watched(pgd(request.eps_255), on_step), size, seed=seed)
        seen = _landscape(request, variant, model, steps, shown % size, int(batch.labels[shown]))
        result = replace(result, landscapes={**result.landscapes, variant: seen})
        shuffled = {(variant, SHUFFLED): scored.shuffled} if size < len(batch) else {}
        result = replace(result, attacked={**result.attacked, (variant, SAME_BATCHES): (scored.same,), **shuffled})
        parts.end(result)
        for name, partition in partitions.items():
            if name != CONSECUTIVE:  # SAME_BATCHES, measured above
                parts.begin(f"{variant.label}: {name}, attacked", runs=len(partition))
                attacked = accuracy_in(model, batch, partition, attack, seed)
                result = replace(result, attacked={**result.attacked, (variant, name): (attacked,)})
            parts.end(result)
    for count in counts:
        for variant, model in models.items():
            groups = sum(min(GROUPS, -(-len(one) // count)) for one in partitions[CONSECUTIVE])
            parts.begin(f"{variant.label}: {count} of {size} attacked", runs=groups)
            share = by_share(model, batch, attack, size, [count], GROUPS, seed)
            result = replace(result, shares={**result.shares, variant: result.shares[variant] + share})
            parts.end(result)
    return result


def _landscape(
    request: CompositionRequest, variant: Variant, model: nn.Module, steps: Sequence[Step], place: int, label: int
) -> Landscape:
    """The image at `place` of a batch, and the answers to it, at every step of an attack on the batch."""
    sizes, images = (request.eps_255,), torch.stack([step.adversarial[place] for step in steps])
    saved = attack_pair.probabilities(model, pixels.after_png(steps[-1].adversarial))
    return Landscape(
        variant, sizes, label=label, target=None,
        probabilities=torch.stack([step.probabilities[place] for step in steps])[None].cpu(),
        saved=saved[place : place + 1], crafted_here=True,
        **landscape.frames(images[None], sizes, request.images.dataset),
    )  # fmt: skip


def _partitions(request: CompositionRequest, labels: torch.Tensor) -> dict[str, Partition]:
    alike = one_class(labels, request.size)
    shuffled = shuffled_like(alike, torch.Generator().manual_seed(request.images.seed))
    return {CONSECUTIVE: consecutive(len(labels), request.size), ONE_CLASS: alike, SAME_SIZES: shuffled}
