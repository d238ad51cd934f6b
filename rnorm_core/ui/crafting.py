"""What the pages compute: one attack on two models, as work for a job. No Streamlit here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from rnorm_core import attacks, data, figures, norms, report, zoo
from rnorm_core.attacks import Step, Trace
from rnorm_core.data import Batch
from rnorm_core.jobs import Job
from rnorm_core.models import PIXEL_STATISTICS
from rnorm_core.ui import naming

FRAMES = 100  # of an attack on its way: what changes faster, nobody sees
FIRST = "af12e124"  # the start of an image's id: a cat, one of CIFAR-10's samples, so in every source
DIRECTIONS = {"each": "each model", "left": "left, shown to right", "right": "right, shown to left"}


@dataclass(frozen=True)
class Side:
    """A model in a statistics mode; the weights' hash makes results of other weights other results."""

    name: str
    statistics: str
    norm: str
    weight_hash: str

    @classmethod
    def of(cls, name: str, statistics: str) -> "Side":
        card = zoo.card(name)
        return cls(name, statistics, card.norm, card.sha256)

    @property
    def title(self) -> str:
        """What the model is called; no two models are called the same."""
        return naming.title(self.name, self.norm)

    @property
    def label(self) -> str:
        return f"{self.title}, {self.statistics}"

    def load(self, device: str) -> nn.Module:
        return zoo.load(self.name, self.statistics, device, fold=True)


@dataclass(frozen=True)
class Plan:
    """Everything a result depends on; equal plans are one computation.

    ids, labels: of the images, one each; label -1 where unknown. eps in pixel units, None for minimum-norm attacks;
    target: the class to turn every image into, or None. craft: a key of DIRECTIONS.
    """

    left: Side
    right: Side
    ids: tuple[str, ...]
    labels: tuple[int, ...]
    attack: str
    eps: float | None
    steps: int | None
    target: int | None
    craft: str
    seed: int
    device: str

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.left, self.right

    def make(self) -> attacks.Attack:
        targets = None if self.target is None else [self.target] * len(self.ids)
        return attacks.make(self.attack, self.eps, self.steps, targets=targets)


@dataclass(frozen=True, eq=False)
class Outcome:
    """An attack as one model sees it.

    trace:  of the attack. Where it was crafted for the other model: its images, with what this model says of them.
    saved:  (N, K) what this model says of the images after saving as 8-bit PNG.
    crafted_here: whether it was crafted for this model.
    """

    side: Side
    trace: Trace
    saved: Tensor
    crafted_here: bool

    @property
    def drawn(self) -> figures.Side:
        return figures.Side(self.side.label, self.side.norm, self.trace)


@dataclass(frozen=True, eq=False)
class Crafted:
    """A plan carried out on `batch`; outcomes for left and right."""

    plan: Plan
    batch: Batch
    outcomes: tuple[Outcome, Outcome]


@dataclass(frozen=True, eq=False)
class Glimpse:
    """A trace that is still being made: enough of one to draw. Shapes as in Trace."""

    labels: Tensor
    probabilities: Tensor
    sizes: Tensor
    adversarial: Tensor


def craft(plan: Plan, batch: Batch) -> Callable[[Job], Crafted]:
    """Work for a job: carries out the plan; its partial results are lists of figures.Side with a Glimpse in each."""

    def work(job: Job) -> Crafted:
        return carry_out(plan, batch, job)

    return work


def first(ids: Sequence[str], beginning: str = FIRST) -> int:
    """Which image to begin with: the one whose id begins so, the first of all if it is not there."""
    return next((i for i, known in enumerate(ids) if known.startswith(beginning)), 0)


def showcase(dataset: str, left: Side, right: Side, eps: float, seed: int, device: str) -> Callable[[Job], Crafted]:
    """Work for a job: PGD on one of the sample images; which one is the seed's choice alone, whatever the models."""

    def work(job: Job) -> Crafted:
        samples = data.samples(dataset)
        # Their order is by hash, and so as good as drawn.
        chosen = samples.select([(first(samples.ids) + seed) % len(samples)])
        plan = Plan(left, right, chosen.ids, (int(chosen.labels[0]),), "pgd", eps, None, None, "each", seed, device)
        return carry_out(plan, chosen, job)

    return work


def carry_out(plan: Plan, batch: Batch, job: Job) -> Crafted:
    """The plan on `batch` (on the CPU). Each attack has its own generator of the plan's seed."""
    models = [side.load(plan.device) for side in plan.sides]
    makers = [i for i, name in enumerate(("left", "right")) if plan.craft in ("each", name)]
    shown: list[figures.Side] = []
    outcomes: dict[int, Outcome] = {}
    for turn, here in enumerate(makers):
        watchers = [] if plan.craft == "each" else [1 - here]
        film = _Film(plan, here, {i: models[i] for i in watchers}, shown, job, turn / len(makers), 1 / len(makers))
        generator = torch.Generator().manual_seed(plan.seed)
        trace = plan.make().run(models[here], batch.to(plan.device), generator, film.see)
        shown = film.shown
        traces = {here: trace} | {i: _as_seen_by(models[i], trace, film.said[i]) for i in watchers}
        for i, seen in traces.items():
            saved = says(models[i], report.after_png(seen.adversarial))
            outcomes[i] = Outcome(plan.sides[i], seen, saved, i == here)
    return Crafted(plan, batch, (outcomes[0], outcomes[1]))


class _Film:
    """Watches an attack on side `here` step by step: tells the job, and asks `watchers` what they see at each step."""

    def __init__(
        self,
        plan: Plan,
        here: int,
        watchers: dict[int, nn.Module],
        before: list[figures.Side],
        job: Job,
        start: float,
        share: float,
    ) -> None:
        self.plan, self.here, self.watchers = plan, here, watchers
        self.before, self.job, self.start, self.share = before, job, start, share
        # Minimum-norm attacks try images in any order: no series comes of that.
        self.series = attacks.CATALOGUE[plan.attack].takes_eps
        self.said: dict[int, list[Tensor]] = {i: [] for i in (here, *watchers)}
        self.sizes: list[Tensor] = []
        self.last: Tensor | None = None
        self.shown = before

    def see(self, step: Step) -> None:
        if self.series:
            self.sizes.append(step.size.cpu())
            self.said[self.here].append(step.probabilities.cpu())
            for i, model in self.watchers.items():  # an attack that stands still shows the very same images
                same = step.adversarial is self.last
                self.said[i].append(self.said[i][-1] if same else says(model, step.adversarial))
            self.last = step.adversarial
            if step.index % max(1, step.total // FRAMES) == 0 or step.index == step.total:
                self.shown = [*self.before, *(self._glimpse(i, step) for i in sorted(self.said))]
        side = self.plan.sides[self.here]
        text = f"{side.label}: {'step' if self.series else 'model call'} {step.index} of {step.total}"
        self.job.progress(self.start + self.share * step.index / step.total, text, self.shown or None)

    def _glimpse(self, i: int, step: Step) -> figures.Side:
        labels = torch.tensor(self.plan.labels)
        labels = torch.where(labels < 0, self.said[self.here][0].argmax(1), labels)
        glimpse = Glimpse(labels, torch.stack(self.said[i]), torch.stack(self.sizes), step.adversarial.cpu())
        side = self.plan.sides[i]
        return figures.Side(side.label, side.norm, glimpse)  # pyright: ignore[reportArgumentType]


def _as_seen_by(model: nn.Module, trace: Trace, said: list[Tensor]) -> Trace:
    """The same images with what `model` says of them; `said` by step, or empty where only start and end are kept."""
    series = torch.stack(said or [says(model, trace.clean), says(model, trace.adversarial)])
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
def says(model: nn.Module, images: Tensor) -> Tensor:
    """Probabilities (N, K) on the CPU, all images in one batch."""
    device = next(model.parameters()).device
    return model(images.to(device)).softmax(1).cpu()


@dataclass(frozen=True)
class Sizes:
    """How large one perturbation is, of pixels in [0, 1], and after the division by each channel's deviation."""

    linf: float
    l2: float
    linf_normalised: float
    l2_normalised: float


def sizes(trace: Trace, index: int, dataset: str) -> Sizes:
    delta = trace.adversarial[index] - trace.clean[index]
    scaled = delta / torch.tensor(PIXEL_STATISTICS[dataset][1])[:, None, None]
    return Sizes(*(float(f(d)) for d in (delta, scaled) for f in (lambda x: x.abs().max(), torch.linalg.vector_norm)))
