"""One attack on two networks: each attacked by itself, or images attacked on one network and shown to the other."""

import threading
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass, replace
from functools import partial

import torch
from torch import Tensor, nn

from rnorm_core import attacks, norms, pixels
from rnorm_core.attacks import Step, Trace
from rnorm_core.data import Batch
from rnorm_core.models import PIXEL_STATISTICS
from rnorm_core.progress import Progress, silent, together
from rnorm_core.zoo import Variant

PARTIAL_RESULTS = 100  # per attack: drawing each of 5,000 steps would take longer than the attack
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
class PartialTrace:
    """The first T steps of an attack that is still running; fields and shapes as in Trace."""

    labels: Tensor
    probabilities: Tensor
    sizes: Tensor
    adversarial: Tensor


@dataclass(frozen=True, eq=False)
class PartialOutcome:
    """What a running attack does to one network."""

    variant: Variant
    trace: PartialTrace


@dataclass(frozen=True, eq=False)
class Result:
    """What the attack of a request does to both networks.

    outcomes: for the left and the right network; while the attack runs, only for finished networks.
    running:  for the networks that are not finished; empty at the end.
    """

    request: Request
    batch: Batch
    outcomes: tuple[Outcome, ...]
    running: tuple[PartialOutcome, ...] = ()

    @property
    def finished(self) -> bool:
        return len(self.outcomes) == len(self.request.variants)


def run(request: Request, progress: Progress = silent, *, batch: Batch) -> Result:
    """Attacks `batch`, which must have the ids and labels of the request. Partial results have fewer outcomes.
    Attacks on both networks run at the same time if workers are idle, see `progress.together`.

    ValueError if the batch holds other images. UserError from `attacks.make` and `zoo.load`.
    """
    if (batch.ids, tuple(batch.labels.tolist())) != (request.ids, request.labels):
        raise ValueError(f"the request is for images {request.ids}, but the batch holds {batch.ids}")
    models = [variant.load(request.device) for variant in request.variants]
    attacked = [i for i, side in enumerate(("left", "right")) if request.craft in ("each", side)]
    outcomes: dict[int, Outcome] = {}
    running: dict[int, tuple[PartialOutcome, ...]] = {}  # number of the attacked network -> of all that see the attack
    lock = threading.Lock()  # guards both

    def so_far() -> Result:
        with lock:
            done = tuple(outcomes[i] for i in sorted(outcomes))
            return Result(request, batch, done, tuple(one for i in sorted(running) for one in running[i]))

    def attack(here: int, progress: Progress) -> None:
        shown_to = [] if request.craft == "each" else [1 - here]
        recorder = _StepRecorder(request, here, {i: models[i] for i in shown_to})

        def on_step(step: Step) -> None:
            if drawn := recorder.record(step):
                with lock:
                    running[here] = drawn
            progress(step.index / step.total, recorder.text(step), so_far() if drawn else None)

        # Not `evaluation.attack_batch`: the script in the ZIP file repeats the attack with exactly this generator.
        generator = torch.Generator().manual_seed(request.seed)
        trace = request.make_attack().run(models[here], batch.to(request.device), generator, on_step)
        traces = {here: trace} | {i: _shown_to(models[i], trace, recorder.probabilities[i]) for i in shown_to}
        finished = {
            i: Outcome(
                request.variants[i], seen, probabilities(models[i], pixels.after_png(seen.adversarial)), i == here
            )
            for i, seen in traces.items()
        }
        with lock:
            running.pop(here, None)
            outcomes.update(finished)

    together(progress, [partial(attack, here) for here in attacked])
    return Result(request, batch, tuple(outcomes[i] for i in sorted(outcomes)))


class _StepRecorder:
    """Collects the steps of an attack on network `here` (0 left, 1 right), with the predictions of `shown_to`."""

    def __init__(self, request: Request, here: int, shown_to: dict[int, nn.Module]) -> None:
        self.request, self.here, self.shown_to = request, here, shown_to
        # The images of minimum-norm attacks do not follow from each other, so there is no series of steps to draw.
        self.is_series = attacks.CATALOGUE[request.attack].takes_eps
        self.probabilities: dict[int, list[Tensor]] = {i: [] for i in (here, *shown_to)}
        self.sizes: list[Tensor] = []
        self.last_images: Tensor | None = None

    def record(self, step: Step) -> tuple[PartialOutcome, ...]:
        """Stores the step. Returns the partial outcomes, left before right, or nothing if this step is not drawn."""
        if not self.is_series:
            return ()
        self.sizes.append(step.size.cpu())
        self.probabilities[self.here].append(step.probabilities.cpu())
        unchanged = step.adversarial is self.last_images  # same tensor: the attack has stopped
        for i, model in self.shown_to.items():
            series = self.probabilities[i]
            series.append(series[-1] if unchanged else probabilities(model, step.adversarial))
        self.last_images = step.adversarial
        if step.index % max(1, step.total // PARTIAL_RESULTS) and step.index != step.total:
            return ()
        return tuple(self._partial_outcome(i, step) for i in sorted(self.probabilities))

    def text(self, step: Step) -> str:
        unit = "step" if self.is_series else "model call"
        return f"{self.request.variants[self.here].label}: {unit} {step.index} of {step.total}"

    def _partial_outcome(self, i: int, step: Step) -> PartialOutcome:
        labels = torch.tensor(self.request.labels)
        labels = torch.where(labels < 0, self.probabilities[self.here][0].argmax(1), labels)
        trace = PartialTrace(
            labels, torch.stack(self.probabilities[i]), torch.stack(self.sizes), step.adversarial.cpu()
        )
        return PartialOutcome(self.request.variants[i], trace)


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


def first(ids: Sequence[str], beginning: str = FIRST) -> int:
    """The index of the image whose id begins with `beginning`; 0 if there is none."""
    return next((i for i, known in enumerate(ids) if known.startswith(beginning)), 0)


@dataclass(frozen=True)
class Sizes:
    """The size of one perturbation: of pixels in [0, 1], and after division by each channel's standard deviation."""

    linf: float
    l2: float
    linf_normalised: float
    l2_normalised: float


def sizes(trace: Trace, index: int, dataset: str) -> Sizes:
    """Sizes of the perturbation of image `index`, with the standard deviations of `dataset`."""
    delta = trace.adversarial[index] - trace.clean[index]
    scaled = delta / torch.tensor(PIXEL_STATISTICS[dataset][1])[:, None, None]
    return Sizes(*(float(f(d)) for d in (delta, scaled) for f in (lambda x: x.abs().max(), torch.linalg.vector_norm)))
