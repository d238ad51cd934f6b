"""What "Measure it here" computes: accuracy of two models at some attack sizes, as work for a job. No Streamlit."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnorm_core import attacks, data, evaluation
from rnorm_core.attacks import Attack, Step
from rnorm_core.data import Batch
from rnorm_core.evaluation.sweep import BATCH
from rnorm_core.figures import Curve
from rnorm_core.jobs import Job
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.shipped import Comparison, compared, curve_of


@dataclass(frozen=True)
class Measurement:
    """Everything the numbers depend on; equal ones are one computation.

    eps_255: sizes to attack with, in grey levels; clean accuracy is measured in any case.
    pixels:  a name of evaluation.PIXELS. complete: whether the images come from the whole test set (`source` says
             which) or from the samples; `seed` picks `count` of them and feeds the attack.
    """

    left: Side
    right: Side
    attack: str
    eps_255: tuple[float, ...]
    pixels: str
    dataset: str
    complete: bool
    source: str
    count: int
    seed: int
    device: str

    @property
    def sides(self) -> tuple[Side, ...]:
        return tuple(dict.fromkeys((self.left, self.right)))

    def images(self) -> Batch:
        """The same images, in the same order, as the sweep takes for this count and seed."""
        return data.pick(self.dataset, self.count, self.seed, complete=self.complete)


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known so far: for a side and an eps (k of k/255, 0 is clean) which images were right, bool (n,)."""

    asked: Measurement
    hits: dict[tuple[Side, float], Tensor]

    def curves(self, fair: bool = False) -> list[Curve]:
        """fair: only on images that both get right when clean; nothing until that is known, or where there are none."""
        clean = [self.hits.get((side, 0)) for side in self.asked.sides]
        among = None
        if fair:
            if any(hits is None for hits in clean):
                return []
            among = torch.stack([hits for hits in clean if hits is not None]).all(0)
            if not among.any():
                return []
        found = []
        for side in self.asked.sides:
            shown = [(eps, hits if among is None else hits[among]) for (s, eps), hits in self.hits.items() if s == side]
            if shown:
                points = [(eps, int(hits.sum()), len(hits)) for eps, hits in sorted(shown, key=lambda point: point[0])]
                found.append(curve_of(side, points, here=True))
        return found

    def comparison(self, eps_255: float) -> Comparison | None:
        """Left and right image by image at one size; None while it is not measured."""
        sides, hits = (self.asked.left, self.asked.right), self.hits
        if not all((side, eps) in hits for side in sides for eps in (0, eps_255)):
            return None
        attacked, clean = ((hits[sides[0], eps], hits[sides[1], eps]) for eps in (eps_255, 0))
        return compared(*sides, self.asked.attack, eps_255, attacked, clean)


def measure(asked: Measurement) -> Callable[[Job], Measured]:
    """Work for a job: clean first, then by size, left before right; partial results are Measured with less in them."""

    def work(job: Job) -> Measured:
        job.progress(0, "Reading the images", Measured(asked, {}))
        batch, hits = asked.images(), {}
        # At once: what somebody brought along may be gone by the end of a long measurement.
        models = {side: side.load(asked.device) for side in asked.sides}
        turns = [(eps, side) for eps in (0.0, *asked.eps_255) for side in asked.sides]
        # An attack's step costs about three looks; a clean measurement is one look.
        costs = [1 + 3 * (eps > 0) * (attacks.CATALOGUE[asked.attack].default_steps) for eps, _ in turns]
        for turn, (eps, side) in enumerate(turns):
            report = _Reporter(job, side, eps, len(batch), sum(costs[:turn]) / sum(costs), costs[turn] / sum(costs))
            attack = attacks.make(asked.attack, eps / 255) if eps else None
            hits[side, eps] = _hits(models[side], batch, attack, asked, report)
            report.measured(len(batch), Measured(asked, dict(hits)))
        return Measured(asked, hits)

    return work


def _hits(model: nn.Module, batch: Batch, attack: Attack | None, asked: Measurement, report: "_Reporter") -> Tensor:
    watched = attack and attacks.watched(attack, report.step)
    found = evaluation.accuracies(
        model, batch, watched, BATCH, on_progress=lambda done, n: report.measured(done),
        seed=asked.seed, pixels=(asked.pixels,),
    )  # fmt: skip
    return found[asked.pixels].hits


class _Reporter:
    """Tells a job how far one measurement is, which begins at `start` and makes up `share` of the whole."""

    def __init__(self, job: Job, side: Side, eps_255: float, n: int, start: float, share: float) -> None:
        self.job, self.n, self.start, self.share = job, n, start, share
        self.what = f"{side.label}, {f'eps {eps_255:g}/255' if eps_255 else 'clean'}"
        self.done = 0

    def step(self, step: Step) -> None:
        last = min(self.done + BATCH, self.n)
        part = (self.done + (last - self.done) * step.index / step.total) / self.n
        images = f"image {last}" if last == self.done + 1 else f"images {self.done + 1} to {last}"
        text = f"{self.what}: {images} of {self.n}, step {step.index} of {step.total}"
        self.job.progress(self.start + self.share * part, text)

    def measured(self, done: int, partial: Measured | None = None) -> None:
        self.done = done
        text = f"{self.what}: {done} of {self.n} images"
        self.job.progress(self.start + self.share * done / self.n, text, partial)
