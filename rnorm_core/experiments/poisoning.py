"""Poisoned neighbours: other images of its batch are perturbed so that an unchanged image is misclassified."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import nn

from rnorm_core.attacks import Step, Trace, poison
from rnorm_core.data import Batch, ImageChoice
from rnorm_core.evaluation import Accuracy, attack_batch
from rnorm_core.evaluation.measure.accuracy import tally
from rnorm_core.evaluation.measure.batches import sizes
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.experiments.batch_composition import in_batch_mode
from rnorm_core.progress import Parts, Progress, silent
from rnorm_core.zoo import Variant


@dataclass(frozen=True)
class Request:
    """images: all of them are one batch. eps_255: k of k/255. image: the beginning of the victim's id. poisoned: the
    number of other images that are perturbed.
    """

    left: Variant
    right: Variant
    images: ImageChoice
    eps_255: float
    image: str
    poisoned: int
    device: str = "cpu"

    def batch(self) -> Batch:
        """The victim first, then the poisoned images, then all others."""
        images = self.images.load()
        victim = images.find(self.image)
        return images.select([victim, *(i for i in range(len(images)) if i != victim)])

    @property
    def counts(self) -> tuple[int, ...]:
        """Numbers of poisoned images for `Crowd`: up to half of the batch."""
        return tuple(k for k in sizes(self.images.count) if k <= self.images.count // 2)


@dataclass(frozen=True)
class Crowd:
    """k images of a batch are perturbed and all others are victims: accuracy of the victims before and after."""

    k: int
    before: Accuracy
    after: Accuracy


@dataclass(frozen=True, eq=False)
class Result:
    """What has been measured so far.

    traces: of the attack on the victim at place 0, by network in "batch" mode and in its usual mode. slopes: the
    largest gradient of the victim's loss over its neighbours' pixels, before the attack, for the same networks.
    crowds: by network in "batch" mode.
    """

    request: Request
    batch: Batch
    traces: dict[Variant, Trace] = field(default_factory=dict)
    slopes: dict[Variant, float] = field(default_factory=dict)
    crowds: dict[Variant, tuple[Crowd, ...]] = field(default_factory=dict)


def run(request: Request, progress: Progress = silent) -> Result:
    """The attack on one victim first, then 1, 2, 4 ... poisoned images against all others."""
    variants, batch, seed = in_batch_mode(request.left, request.right), request.batch(), request.images.seed
    parts = Parts(progress, len(variants) * (2 + len(request.counts)))
    parts.begin("Reading images and models")
    result, moved = Result(request, batch, crowds=dict.fromkeys(variants, ())), batch.to(request.device)
    models = {variant: variant.load(request.device) for variant in variants}
    attack = poison.make([0], range(1, 1 + request.poisoned), request.eps_255 / 255, laboratories.STEPS)
    for variant in [mode for each in variants for mode in (each, each.usual)]:
        parts.begin(f"{variant.label}: {request.poisoned} neighbours of one victim")
        model = models[variant] if variant in models else variant.load(request.device)
        slope = float(poison.influence(model, moved, [0])[1:].max())
        trace = attack_batch(model, moved, attack, seed=seed, on_step=parts.step)
        result = replace(
            result, traces={**result.traces, variant: trace}, slopes={**result.slopes, variant: slope}
        )  # fmt: skip
        parts.end(result)
    for k in request.counts:
        for variant, model in models.items():
            parts.begin(f"{variant.label}: {k} image{'s' * (k > 1)} against all others")
            many = crowd(
                model, moved, range(1, k + 1), request.eps_255, len(moved), seed=seed, on_step=parts.step
            )  # fmt: skip
            result = replace(result, crowds={**result.crowds, variant: (*result.crowds[variant], many)})
            parts.end(result)
    return result


def crowd(
    model: nn.Module,
    batch: Batch,
    poisoned: Sequence[int],
    eps_255: float,
    batch_size: int,
    *,
    seed: int = 0,
    on_step: Callable[[Step], object] | None = None,
) -> Crowd:
    """In each full batch of `batch_size` images the places `poisoned` are perturbed; all other images are victims."""
    victims = [place for place in range(batch_size) if place not in set(poisoned)]
    attack = poison.make(victims, poisoned, eps_255 / 255, laboratories.STEPS)
    starts = range(0, len(batch) // batch_size * batch_size, batch_size)
    traces = [
        attack_batch(
            model, batch.select(range(start, start + batch_size)), attack, seed=seed, index=index, on_step=on_step
        )
        for index, start in enumerate(starts)
    ]
    before = torch.cat([trace.right_before[victims] for trace in traces])
    after = torch.cat([trace.right[victims] for trace in traces])
    return Crowd(len(poisoned), tally(before, model, None, batch_size), tally(after, model, attack, batch_size))
