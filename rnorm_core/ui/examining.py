"""What the honesty page computes: the checks on one model or on a fake around it, and the loss around one image in two
models. No Streamlit here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from rnorm_core import data
from rnorm_core.data import Batch
from rnorm_core.honesty import FULL, LIVE, PLANTED, Budget, Finding, Surface, even, examine, plant, surface
from rnorm_core.jobs import Job
from rnorm_core.norms import looks_at_batch
from rnorm_core.ui.crafting import Side

BUDGETS = {"quick": LIVE, "thorough": FULL}
BATCH = 128  # images looked at together, at most
POINTS = 17  # of a loss surface, along each direction


@dataclass(frozen=True)
class Subject:
    """A model as it is, or behind the planted defence `fake`, a key of honesty.PLANTED."""

    side: Side
    fake: str = ""

    @property
    def label(self) -> str:
        return f"FAKE ({PLANTED[self.fake].title}) around {self.side.label}" if self.fake else self.side.label

    @property
    def short(self) -> str:
        """For charts, beside the honest one."""
        return f"FAKE: {PLANTED[self.fake].title}" if self.fake else self.side.label

    def load(self, device: str) -> nn.Module:
        model = self.side.load(device)
        return plant(self.fake, model) if self.fake else model


@dataclass(frozen=True)
class Plan:
    """Everything an examination depends on; equal plans are one computation.

    other: the model to craft transferred attacks on, None for none. complete: whether the images come from the whole
    test set (`source` says which) or from the samples. budget: its count is the number of images.
    """

    subject: Subject
    other: Side | None
    dataset: str
    complete: bool
    source: str
    budget: Budget
    seed: int
    device: str


@dataclass(frozen=True)
class Examined:
    """A plan carried out, or as far as it has come: findings in the order in which they were made."""

    plan: Plan
    findings: tuple[Finding, ...]


def budget(name: str, count: int) -> Budget:
    """A key of BUDGETS, for `count` images."""
    return replace(BUDGETS[name], count=count, batch_size=min(count, BATCH))


def measure(plan: Plan) -> Callable[[Job], Examined]:
    """Work for a job; its partial results are `Examined` with fewer findings."""

    def work(job: Job) -> Examined:
        job.progress(0, "Reading images and models")
        found: list[Finding] = []
        fraction = 0.0

        def progress(done: float, doing: str) -> None:
            nonlocal fraction
            fraction = done
            job.progress(done, f"{plan.subject.label}: {doing}")

        def add(finding: Finding) -> None:
            found.append(finding)
            job.progress(fraction, finding.title, Examined(plan, tuple(found)))

        batch = data.pick(plan.dataset, plan.budget.count, plan.seed, complete=plan.complete)
        surrogate = plan.other and plan.other.load(plan.device)
        examine(
            plan.subject.load(plan.device), batch, plan.budget, surrogate=surrogate, seed=plan.seed,
            on_finding=add, on_progress=progress,
        )  # fmt: skip
        return Examined(plan, tuple(found))

    return work


@dataclass(frozen=True)
class Around:
    """A plane around one of the samples, looked at by each of `subjects`; eps in grey levels."""

    subjects: tuple[Subject, ...]
    dataset: str
    image: int
    eps_255: float
    seed: int
    device: str


def surfaces(plan: Around) -> Callable[[Job], tuple[Surface, ...]]:
    """Work for a job: one surface for each subject; the other samples stand beside where answers depend on them."""

    def work(job: Job) -> tuple[Surface, ...]:
        samples = data.samples(plan.dataset)
        return tuple(_surface(plan, i, samples, job) for i in range(len(plan.subjects)))

    return work


def _surface(plan: Around, turn: int, samples: Batch, job: Job) -> Surface:
    subject, count = plan.subjects[turn], len(plan.subjects)
    others = [i for i in range(len(samples)) if i != plan.image]
    crowded = looks_at_batch(subject.side.statistics) or subject.fake == "crowded"

    def progress(done: float) -> None:
        job.progress((turn + done) / count, f"{subject.label}: the loss around the image")

    progress(0)
    return surface(
        subject.load(plan.device), samples.images[plan.image], int(samples.labels[plan.image]), plan.eps_255 / 255,
        even(POINTS), torch.Generator().manual_seed(plan.seed),
        company=samples.images[others] if crowded else None, on_progress=progress,
    )  # fmt: skip
