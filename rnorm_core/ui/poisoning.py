"""What "poisoned neighbours" computes: one image that nobody touches, in a batch of which others are attacked for it.

No Streamlit here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from rnorm_core import evaluation
from rnorm_core.attacks import Trace, poison
from rnorm_core.data import Batch
from rnorm_core.evaluation import Accuracy
from rnorm_core.evaluation.accuracy import tally
from rnorm_core.evaluation.batches import sizes
from rnorm_core.jobs import Job
from rnorm_core.ui.crafting import Side, first
from rnorm_core.ui.whose import STEPS, Plan, Teller, batchwise, everyday


@dataclass(frozen=True)
class Asked:
    """image: the beginning of the victim's id. poisoned: how many of the others are perturbed for it."""

    plan: Plan
    eps_255: float
    image: str
    poisoned: int

    def batch(self) -> Batch:
        """All images as one batch, the victim first, those that are poisoned next."""
        images = self.plan.images()
        victim = first(images.ids, self.image)
        return images.select([victim, *(i for i in range(len(images)) if i != victim)])

    @property
    def counts(self) -> tuple[int, ...]:
        """Of poisoned images, for the count of victims: all others are victims at once."""
        return tuple(k for k in sizes(self.plan.count) if k <= self.plan.count // 2)


@dataclass(frozen=True)
class Crowd:
    """k of a batch's images are perturbed, all others are victims: how many of these are right before and after."""

    k: int
    before: Accuracy
    after: Accuracy


@dataclass(frozen=True, eq=False)
class Poisoned:
    """What is known so far, of networks in "batch" and in their everyday mode.

    traces: of the attack on the one victim, place 0. slopes: the largest slope of its loss over all of its neighbours'
    pixels, before the attack. crowds: networks in "batch" mode against many victims at once.
    """

    asked: Asked
    batch: Batch
    traces: dict[Side, Trace]
    slopes: dict[Side, float]
    crowds: dict[Side, tuple[Crowd, ...]]


def measure(asked: Asked) -> Callable[[Job], Poisoned]:
    """Work for a job; its partial results are `Poisoned` with less in them."""

    def work(job: Job) -> Poisoned:
        plan, sides = asked.plan, batchwise(asked.plan)
        batch = asked.batch()
        told = Teller(job, len(sides) * (2 + len(asked.counts)))
        told.begin("Reading images and models")
        moved, found = batch.to(plan.device), Poisoned(asked, batch, {}, {}, dict.fromkeys(sides, ()))
        attack = poison.make([0], range(1, 1 + asked.poisoned), asked.eps_255 / 255, STEPS)
        for side in [mode for here in sides for mode in (here, everyday(here))]:
            told.begin(f"{side.label}: {asked.poisoned} neighbours of one victim")
            model = side.load(plan.device)
            slope = float(poison.influence(model, moved, [0])[1:].max())
            trace = attack.run(model, moved, evaluation.batch_generator(plan.seed, 0), told.step)
            found = replace(
                found, traces={**found.traces, side: trace}, slopes={**found.slopes, side: slope}
            )  # fmt: skip
            told.end(found)
        for k in asked.counts:
            for side in sides:
                told.begin(f"{side.label}: {k} image{'s' * (k > 1)} against all others")
                found = replace(
                    found, crowds={**found.crowds, side: (*found.crowds[side], _crowd(asked, side, moved, k, told))}
                )
                told.end(found)
        return found

    return work


def _crowd(asked: Asked, side: Side, batch: Batch, k: int, told: Teller) -> Crowd:
    model, victims = side.load(asked.plan.device), [0, *range(k + 1, len(batch))]
    attack = poison.make(victims, range(1, k + 1), asked.eps_255 / 255, STEPS)
    trace = attack.run(model, batch, evaluation.batch_generator(asked.plan.seed, 0), told.step)
    before, after = (
        (answers.argmax(1) == trace.labels)[victims]
        for answers in (trace.clean_probabilities, trace.adversarial_probabilities)
    )
    return Crowd(k, tally(before, model, None, len(batch)), tally(after, model, attack, len(batch)))
