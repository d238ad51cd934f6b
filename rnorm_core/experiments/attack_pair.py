"""One attack on two networks: each attacked by itself, or images attacked on one network and shown to the other."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from rnorm_core import attacks, norms, pixels
from rnorm_core.attacks import Step, Trace
from rnorm_core.data import Batch
from rnorm_core.progress import Progress, run_parallel, silent
from rnorm_core.zoo import Variant

FIRST = "af12e124"  # beginning of an image's id: a cat that is one of CIFAR-10's samples, so every source has it
DIRECTIONS = {"each": "each model", "left": "left, shown to right", "right": "right, shown to left"}


@dataclass(frozen=True)
class Request:
    """Everything the result depends on; equal requests are one computation.

    ids:    ids of the images. labels: one per image, -1 if unknown.
    attack: a name of `attacks.CATALOGUE`.
    eps:    in pixel units (1 is from black to white); None for minimum-norm attacks. steps: None for the usual number.
    target: the class that the attack aims at for every image; None: any wrong class.
    craft:  a key of DIRECTIONS: which networks the attack is crafted for.
    seed:   of the attack's random numbers.
    """

    left: Variant
    right: Variant
    _: KW_ONLY
    ids: tuple[str, ...]
    labels: tuple[int, ...]
    attack: str = "pgd"
    eps: float | None = 8 / 255
    steps: int | None = None
    target: int | None = None
    craft: str = "each"
    seed: int = 0
    device: str = "cpu"

    @property
    def variants(self) -> tuple[Variant, Variant]:
        return self.left, self.right

    def make_attack(self) -> attacks.Attack:
        targets = None if self.target is None else [self.target] * len(self.ids)
        return attacks.make(self.attack, self.eps, self.steps, targets=targets)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What an attack does to one network.

    trace: the attack. If it was crafted for the other network: the same images with the predictions of this network.
    saved: (N, K) this network's probabilities for the attacked images after they are saved as 8-bit PNG files.
    crafted_here: whether the attack was crafted for this network.
    """

    variant: Variant
    trace: Trace
    saved: Tensor
    crafted_here: bool


@dataclass(frozen=True, eq=False)
class Result:
    """What the attack of a request does to the left and to the right network."""

    request: Request
    batch: Batch
    outcomes: tuple[Outcome, Outcome]


def run(request: Request, progress: Progress = silent, *, batch: Batch) -> Result:
    """Attacks `batch`, which must have the ids and labels of the request.

    ValueError if the batch holds other images. UserError from `attacks.make` and `zoo.load`.
    """
    if (batch.ids, tuple(batch.labels.tolist())) != (request.ids, request.labels):
        raise ValueError(f"the request is for images {request.ids}, but the batch holds {batch.ids}")
    models = [variant.load(request.device) for variant in request.variants]
    attacked = [i for i, side in enumerate(("left", "right")) if request.craft in ("each", side)]
    outcomes: dict[int, Outcome] = {}
    for some in run_parallel(progress, [partial(_attack, request, models, batch, here) for here in attacked]):
        outcomes |= some
    return Result(request, batch, (outcomes[0], outcomes[1]))


def _attack(
    request: Request, models: Sequence[nn.Module], batch: Batch, here: int, progress: Progress
) -> dict[int, Outcome]:
    """Outcomes of the attack on network `here` (0 left, 1 right): for it, and for the other if that sees its images."""
    # The images of minimum-norm attacks do not follow from each other, so there is no series of steps to show.
    is_series = attacks.CATALOGUE[request.attack].takes_eps
    unit, shown_to = "step" if is_series else "model call", [] if request.craft == "each" else [1 - here]
    answers: dict[int, list[Tensor]] = {i: [] for i in shown_to}
    last_images: Tensor | None = None

    def on_step(step: Step) -> None:
        nonlocal last_images
        for i, series in answers.items() if is_series else ():
            unchanged = step.adversarial is last_images  # same tensor: the attack has stopped
            series.append(series[-1] if unchanged else probabilities(models[i], step.adversarial))
        last_images = step.adversarial
        label = request.variants[here].label
        progress(step.index / step.total, f"{label}: {unit} {step.index} of {step.total}")

    # Not `evaluation.attack_batch`: the script in the ZIP file repeats the attack with exactly this generator.
    generator = torch.Generator().manual_seed(request.seed)
    trace = request.make_attack().run(models[here], batch.to(request.device), generator, on_step)
    traces = {here: trace} | {i: _shown_to(models[i], trace, series) for i, series in answers.items()}
    return {
        i: Outcome(request.variants[i], seen, probabilities(models[i], pixels.after_png(seen.adversarial)), i == here)
        for i, seen in traces.items()
    }


def _shown_to(model: nn.Module, trace: Trace, by_step: list[Tensor]) -> Trace:
    """The same images with the predictions of `model`. by_step: its probabilities (N, K) at each step; empty for
    minimum-norm attacks, which keep only start and end.
    """
    series = torch.stack(by_step or [probabilities(model, trace.clean), probabilities(model, trace.adversarial)])
    return replace(
        trace,
        model=str(model.name),
        statistics=str(model.statistics),
        weight_hash=str(model.weight_hash),
        clean_probabilities=series[0],
        adversarial_probabilities=series[-1],
        probabilities=series,
        joint=norms.looks_at_batch(attacks.statistics_of(model)),
    )


@torch.inference_mode()
def probabilities(model: nn.Module, images: Tensor) -> Tensor:
    """Class probabilities (N, K) on the CPU, all images in one batch."""
    device = next(model.parameters()).device
    return model(images.to(device)).softmax(1).cpu()
