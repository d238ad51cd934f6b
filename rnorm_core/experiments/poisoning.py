"""Poisoned neighbours: other images of its batch are perturbed so that an unchanged image is misclassified.

In every mode in which predictions depend on the batch (`MODES`) the attack is made anew, by an attacker who knows the
mode (and the gradient of `norms.straight_through`): a defence is judged by the attack that was made against it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnorm_core import pixels
from rnorm_core.attacks import Step, Trace, poison
from rnorm_core.data import Batch, ImageChoice
from rnorm_core.evaluation import Accuracy, attack_batch
from rnorm_core.evaluation.measure.accuracy import tally
from rnorm_core.evaluation.measure.batches import sizes
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.experiments import attack_pair, landscape
from rnorm_core.experiments.batch_composition import in_batch_mode
from rnorm_core.experiments.landscape import Landscape
from rnorm_core.norms import MEDIAN
from rnorm_core.progress import Parts, Progress, silent
from rnorm_core.zoo import Variant

MOST_SHOWN = 8  # poisoned images in the attack player: with the victim three rows of three
VICTIM = "d31b40b5"  # the beginning of the id of a frog: four poisoned neighbours of 19 change both networks' answer
GAP = 2  # pixels between the images there
MODES = ("batch", MEDIAN)  # with the mean of the batch, and with its median as a defence
MOST_AIMED = 20  # images in a batch in which the attacker aims at every other photo in turn


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
    def shown(self) -> int:
        """The number of poisoned images that are shown beside the victim."""
        return min(self.poisoned, MOST_SHOWN)

    @property
    def counts(self) -> tuple[int, ...]:
        """Numbers of poisoned images for `Crowd`: up to half of the batch."""
        return tuple(k for k in sizes(self.images.count) if k <= self.images.count // 2)

    @property
    def targets(self) -> tuple[int, ...]:
        """Places of the victims in `Result.aimed`: all photos that are not the attacker's; none in a large batch."""
        count = self.images.count
        return (0, *range(1 + self.poisoned, count)) if count <= MOST_AIMED else ()

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The networks that can take the statistics of their batch, in each of `MODES`."""
        return tuple(one for mode in MODES for one in in_batch_mode(self.left, self.right, mode))


@dataclass(frozen=True)
class Crowd:
    """k images of a batch are perturbed and others are victims: accuracy of the victims before and after."""

    k: int
    before: Accuracy
    after: Accuracy


@dataclass(frozen=True, eq=False)
class Result:
    """What has been measured so far.

    traces: of the attack on the victim at place 0, its part alone, by network in each of `MODES` and in its usual mode.
    slopes: the largest gradient of the victim's loss over its neighbours' pixels, before the attack, for the same
    networks. crowds: by network and mode, all other images are victims at once. aimed: by network and mode, the
    attacker of `traces` aims at one of `Request.targets` at a time. landscapes: the same attack as `traces`, by network
    and mode, for the attack player: `side_by_side` the victim and its first poisoned neighbours at every step, and the
    victim's answers.
    """

    request: Request
    batch: Batch
    traces: dict[Variant, Trace] = field(default_factory=dict)
    slopes: dict[Variant, float] = field(default_factory=dict)
    crowds: dict[Variant, tuple[Crowd, ...]] = field(default_factory=dict)
    aimed: dict[Variant, Crowd] = field(default_factory=dict)
    landscapes: dict[Variant, Landscape] = field(default_factory=dict)


def run(request: Request, progress: Progress = silent) -> Result:
    """The attack on one victim first; then 1, 2, 4 ... poisoned images against all others, then one at a time."""
    variants, batch, seed = request.variants, request.batch(), request.images.seed
    usual = tuple(dict.fromkeys(variant.usual for variant in variants))
    targets = variants if request.targets else ()
    attacks = len(variants) * (1 + len(request.counts)) + len(usual)
    parts = Parts(progress, [1] * attacks + [len(request.targets)] * len(targets))
    parts.begin("Reading images and models")
    result, moved = Result(request, batch, crowds=dict.fromkeys(variants, ())), batch.to(request.device)
    models = {variant: variant.load(request.device) for variant in variants}
    poisoned = range(1, 1 + request.poisoned)
    attack = poison.make([0], poisoned, request.eps_255 / 255, laboratories.STEPS)
    for variant in (*variants[: len(usual)], *usual, *variants[len(usual) :]):
        parts.begin(f"{variant.label}: {request.poisoned} neighbours of one victim")
        model = models[variant] if variant in models else variant.load(request.device)
        slope = float(poison.influence(model, moved, [0])[1:].max())
        steps: list[Tensor] = []

        def on_step(step: Step, steps: list[Tensor] = steps) -> None:
            steps.append(step.adversarial[: 1 + request.shown].cpu())
            parts.step(step)

        trace = attack_batch(model, moved, attack, seed=seed, on_step=on_step)
        result = replace(
            result, traces={**result.traces, variant: _of_victim(trace)}, slopes={**result.slopes, variant: slope}
        )  # fmt: skip
        if variant in models:
            saved = attack_pair.probabilities(model, pixels.after_png(trace.adversarial))
            seen = _landscape(request, variant, trace, steps, saved)
            result = replace(result, landscapes={**result.landscapes, variant: seen})
        parts.end(result)
    for k in request.counts:
        for variant, model in models.items():
            parts.begin(f"{variant.label}: {k} image{'s' * (k > 1)} against all others")
            many = crowd(
                model, moved, range(1, k + 1), request.eps_255, len(moved), seed=seed, on_step=parts.step
            )  # fmt: skip
            result = replace(result, crowds={**result.crowds, variant: (*result.crowds[variant], many)})
            parts.end(result)
    for variant in targets:
        parts.begin(f"{variant.label}: one victim at a time", runs=len(request.targets))
        each = one_by_one(
            models[variant], moved, request.targets, poisoned, request.eps_255, seed=seed, on_step=parts.step
        )  # fmt: skip
        result = replace(result, aimed={**result.aimed, variant: each})
        parts.end(result)
    return result


def _of_victim(trace: Trace) -> Trace:
    by_step = {name: getattr(trace, name)[:, :1] for name in ("losses", "probabilities", "sizes")}
    names = ("ids", "clean", "adversarial", "labels", "clean_probabilities", "adversarial_probabilities")
    return replace(trace, **{name: getattr(trace, name)[:1] for name in names}, **by_step)


def side_by_side(images: Tensor) -> Tensor:
    """Images (T, M, 3, H, W) as pictures (T, 3, h, w) of M each: row by row, grey between them and after the last."""
    columns = math.ceil(math.sqrt(images.shape[1]))
    missing = -images.shape[1] % columns
    tiles = F.pad(images, (0, GAP, 0, GAP, 0, 0, 0, missing), value=0.5)
    rows = tiles.unflatten(1, (-1, columns)).permute(0, 3, 1, 4, 2, 5)  # (T, 3, rows, H, columns, W)
    return rows.flatten(4).flatten(2, 3)[..., :-GAP, :-GAP]


def _landscape(request: Request, variant: Variant, trace: Trace, steps: list[Tensor], saved: Tensor) -> Landscape:
    """steps: at each step the victim and its neighbours. saved: (N, K) after all images are saved as PNG files."""
    sizes = (request.eps_255,)
    shown = landscape.frames(side_by_side(torch.stack(steps))[None], sizes, request.images.dataset)
    return Landscape(
        variant, sizes, label=int(trace.labels[0]), target=None, probabilities=trace.probabilities[None, :, 0],
        saved=saved[:1], crafted_here=True, **shown,
    )  # fmt: skip


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


def one_by_one(
    model: nn.Module,
    batch: Batch,
    victims: Sequence[int],
    poisoned: Sequence[int],
    eps_255: float,
    *,
    seed: int = 0,
    on_step: Callable[[Step], object] | None = None,
) -> Crowd:
    """The places `poisoned` are perturbed once for each victim, against this victim alone."""
    before, after, size = [], [], len(batch)
    for victim in victims:
        attack = poison.make([victim], poisoned, eps_255 / 255, laboratories.STEPS)
        trace = attack_batch(model, batch, attack, seed=seed, on_step=on_step)
        before.append(trace.right_before[victim])
        after.append(trace.right[victim])
    return Crowd(
        len(poisoned), tally(torch.stack(before), model, None, size), tally(torch.stack(after), model, attack, size)
    )
