"""What "counted anew" computes: population statistics of k batches in place of the moving average.

No Streamlit here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from rnorm_core import zoo
from rnorm_core.jobs import Job
from rnorm_core.norms import STATISTICS, modes
from rnorm_core.training.precise import Precise, counts, precise
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.whose import BATCH, Plan, Teller, attack

MOST = 16  # batches to take statistics from


@dataclass(frozen=True)
class Asked:
    """size: images in each of the batches that statistics are taken from; none of them is scored."""

    plan: Plan
    eps_255: float
    size: int

    @property
    def sides(self) -> list[Side]:
        """The networks that keep statistics, in "tracked" mode."""
        return [side for side in self.plan.networks if modes(side.norm) == STATISTICS]


@dataclass(frozen=True, eq=False)
class Recounted:
    """Each network so far; of one batch and without an attack first."""

    asked: Asked
    found: dict[Side, Precise]


def measure(asked: Asked) -> Callable[[Job], Recounted]:
    """Work for a job; its partial results are `Recounted` with less in them."""

    def work(job: Job) -> Recounted:
        plan, result = asked.plan, Recounted(asked, {})
        told = Teller(job, 3 * len(asked.sides))
        told.begin("Reading images and models")
        images = plan.images(MOST * asked.size)
        batch, pool = images.select(range(plan.count)), images.images[plan.count :]
        every, pgd = counts(len(pool), asked.size), told.of(attack(asked.eps_255))
        # One batch first, so that there is something to see.
        for chosen, against in ((every[:1], None), (every, None), (every, pgd)):
            for side in asked.sides:
                load = partial(zoo.load, side.name, side.statistics, plan.device)
                told.begin(f"{side.label}: {'attacked' if against else 'clean'}", 1 + len(chosen))
                found = precise(
                    load, pool.to(plan.device), batch.to(plan.device), chosen, asked.size, against, BATCH, plan.seed
                )
                result = replace(result, found={**result.found, side: found})
                told.end(result)
        return result

    return work
