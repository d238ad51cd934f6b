"""Is robustness real? All sanity checks on one network or on a fake defence, and the loss around one image."""

from dataclasses import dataclass, replace

import torch
from torch import nn

from rnorm_core import data, sanity
from rnorm_core.data import ImageChoice
from rnorm_core.norms import looks_at_batch
from rnorm_core.progress import Progress, silent
from rnorm_core.sanity import FULL, LIVE, PLANTED, Budget, Finding, Report, Surface, even, plant, surface
from rnorm_core.zoo import Variant

BUDGETS = {"quick": LIVE, "thorough": FULL}
BATCH = 128  # images in one batch, at most
POINTS = 17  # points of a loss surface along each direction


@dataclass(frozen=True)
class Subject:
    """A network alone, or behind the planted defence `fake`, a key of `sanity.PLANTED`."""

    variant: Variant
    fake: str = ""

    @property
    def label(self) -> str:
        return f"FAKE ({PLANTED[self.fake].title}) around {self.variant.label}" if self.fake else self.variant.label

    @property
    def short_label(self) -> str:
        """For a chart beside that of the network without the fake."""
        return f"FAKE: {PLANTED[self.fake].title}" if self.fake else self.variant.label

    def load(self, device: str) -> nn.Module:
        model = self.variant.load(device)
        return plant(self.fake, model) if self.fake else model


# --- all checks on one subject


@dataclass(frozen=True)
class ExaminationRequest:
    """Everything an examination depends on.

    surrogate: the network that transferred attacks are made for; None for no such attack.
    images:    their number must be `budget.count`.
    """

    subject: Subject
    surrogate: Variant | None
    images: ImageChoice
    budget: Budget
    device: str


@dataclass(frozen=True)
class ExaminationResult:
    """findings: in the order in which they were made; a partial result has fewer of them."""

    request: ExaminationRequest
    findings: tuple[Finding, ...]


def budget(name: str, count: int) -> Budget:
    """The budget `name`, a key of `BUDGETS`, for `count` images."""
    return replace(BUDGETS[name], count=count, batch_size=min(count, BATCH))


def run_examination(request: ExaminationRequest, progress: Progress = silent) -> ExaminationResult:
    """All checks; each new finding is a partial result."""

    def with_label(fraction: float, text: str, partial: Report | None = None) -> None:
        result = partial and ExaminationResult(request, partial.findings)
        progress(fraction, f"{request.subject.label}: {text}", result)

    progress(0, "Reading images and models")
    surrogate = request.surrogate and request.surrogate.load(request.device)
    report = sanity.examine(
        request.subject.load(request.device), request.images.load(), request.budget, surrogate=surrogate,
        seed=request.images.seed, progress=with_label,
    )  # fmt: skip
    return ExaminationResult(request, report.findings)


# --- the loss around one image


@dataclass(frozen=True)
class SurfacesRequest:
    """A plane around one of the samples, in each of `subjects`. image: its index. eps_255: one eps in grey levels."""

    subjects: tuple[Subject, ...]
    dataset: str
    image: int
    eps_255: float
    seed: int
    device: str


@dataclass(frozen=True, eq=False)
class SurfacesResult:
    """One surface for each subject."""

    request: SurfacesRequest
    surfaces: tuple[Surface, ...]


def run_surfaces(request: SurfacesRequest, progress: Progress = silent) -> SurfacesResult:
    """The loss around the image; where predictions depend on the batch, all other samples are in it, too."""
    samples = data.samples(request.dataset)
    others = samples.images[[i for i in range(len(samples)) if i != request.image]]
    surfaces = []
    for turn, subject in enumerate(request.subjects):

        def of_all(fraction: float, text: str, partial: None = None, turn: int = turn, label: str = subject.label):
            progress((turn + fraction) / len(request.subjects), f"{label}: {text}", partial)

        needs_others = looks_at_batch(subject.variant.statistics) or subject.fake == "crowded"
        surfaces.append(surface(
            subject.load(request.device), samples.images[request.image], int(samples.labels[request.image]),
            request.eps_255 / 255, even(POINTS), torch.Generator().manual_seed(request.seed),
            others=others if needs_others else None, progress=of_all,
        ))  # fmt: skip
    return SurfacesResult(request, tuple(surfaces))
