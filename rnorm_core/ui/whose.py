"""What every part of the page about statistics starts from: two networks, some images, an attack. No Streamlit here."""

from dataclasses import dataclass, replace
from typing import Any

from rnorm_core import attacks, data, evaluation
from rnorm_core.attacks import Attack, Step
from rnorm_core.data import Batch
from rnorm_core.evaluation import Paired
from rnorm_core.evaluation.evidence import apart
from rnorm_core.evaluation.laboratories import STEPS
from rnorm_core.jobs import Job
from rnorm_core.norms import modes
from rnorm_core.ui.crafting import Side

EPS_255 = (0.25, 0.5, 1, 2, 4, 8)  # k of k/255
BATCH = 128  # images looked at together, at most


@dataclass(frozen=True)
class Plan:
    """Two networks in their everyday modes (parts choose modes themselves) and `count` images that `seed` picks; it
    feeds every random number, too.

    complete: whether the images come from the whole test set (`source` says which) or from the samples.
    """

    left: Side
    right: Side
    dataset: str
    complete: bool
    source: str
    count: int
    seed: int
    device: str

    @property
    def networks(self) -> tuple[Side, ...]:
        """The networks, one where both are one."""
        return tuple(dict.fromkeys((self.left, self.right)))

    def images(self, more: int = 0) -> Batch:
        """The images, as on every page; after them `more` others, or as many as there are."""
        return data.pick(self.dataset, self.count + more, self.seed, complete=self.complete)


def in_mode(side: Side, mode: str) -> Side:
    return replace(side, statistics=mode)


def everyday(side: Side) -> Side:
    """The network in the first of its modes, that of population statistics."""
    return in_mode(side, modes(side.norm)[0])


def together(side: Side) -> Side | None:
    """The network with statistics of its batch; None where it has no such mode."""
    return in_mode(side, "batch") if "batch" in modes(side.norm) else None


def batchwise(plan: Plan) -> list[Side]:
    """Of the networks, those that can take the statistics of their batch, doing so."""
    return [side for side in map(together, plan.networks) if side is not None]


def measured_here(plan: Plan) -> str:
    """What the numbers of a part rest on."""
    low, high = evaluation.wilson(plan.count // 2, plan.count)
    weights = "; ".join(f"{side.title} {side.weight_hash[:12]}" for side in plan.networks)
    return (
        f"Measured here: {plan.count} images ({plan.source}), seed {plan.seed}; so many tell a share near a half to "
        f"within about {50 * (high - low):.0f} points either way. Weights: {weights}."
    )


def points(found: Paired) -> str:
    """ "+15.0 points (95 %: −3.1 to +31.2; n = 20)"."""
    low, value, high = apart(found)
    return f"{value} points (95\N{NO-BREAK SPACE}%: {low} to {high}; n = {found.n:,})"


def attack(eps_255: float) -> Attack:
    return attacks.make("pgd", eps_255 / 255, STEPS)


def said(eps_255: float) -> str:
    return f"PGD of {STEPS} steps, {eps_255:g}/255"


class Teller:
    """Tells a job how far work of `parts` equal parts is, at every attack step, so that a stop is soon heard."""

    def __init__(self, job: Job, parts: int) -> None:
        self.job, self.parts, self.done = job, parts, 0
        self.what, self.runs, self.run = "", 1, 0

    def begin(self, what: str, runs: int = 1) -> None:
        """The next part, which takes `runs` runs of an attack."""
        self.what, self.runs, self.run = what, runs, 0
        self.job.progress(self.done / self.parts, what)

    def step(self, step: Step) -> None:
        self.run += step.index == 0
        within = min((self.run - 1 + step.index / step.total) / self.runs, 1)
        of = f", attack {self.run} of {self.runs}" if self.runs > 1 else f", step {step.index} of {step.total}"
        self.job.progress((self.done + within) / self.parts, f"{self.what}{of}")

    def count(self, done: int, total: int) -> None:
        """For work that counts something else than steps."""
        self.job.progress((self.done + done / total) / self.parts, self.what)

    def end(self, partial: Any) -> None:
        self.done += 1
        self.job.progress(self.done / self.parts, f"{self.what} is done", partial)

    def of(self, attack: Attack) -> Attack:
        """The attack, telling of its steps."""
        return attacks.watched(attack, self.step)
