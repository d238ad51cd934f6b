"""What "patched layers" computes: an attack on each network in one mode, and layers that are given other statistics.

No Streamlit here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from rnorm_core import zoo
from rnorm_core.evaluation.craft import craft
from rnorm_core.evaluation.patching import Patching, patching
from rnorm_core.jobs import Job
from rnorm_core.norms import STATISTICS, modes
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.whose import BATCH, Plan, Teller, attack, in_mode


@dataclass(frozen=True)
class Asked:
    """mode: of norms.STATISTICS. experiment: a key of patching.EXPERIMENTS that is possible in it."""

    plan: Plan
    eps_255: float
    mode: str
    experiment: str

    @property
    def sides(self) -> list[Side]:
        """The networks that have the mode and statistics that another batch could lend them."""
        return [in_mode(side, self.mode) for side in self.plan.networks if modes(side.norm) == STATISTICS]


@dataclass(frozen=True, eq=False)
class Patched:
    asked: Asked
    found: dict[Side, Patching]


def measure(asked: Asked) -> Callable[[Job], Patched]:
    """Work for a job; its partial results are `Patched` with fewer networks."""

    def work(job: Job) -> Patched:
        plan, result = asked.plan, Patched(asked, {})
        told = Teller(job, 2 * len(asked.sides))
        told.begin("Reading images and models")
        batch, pgd = plan.images().to(plan.device), attack(asked.eps_255)
        for side in asked.sides:
            told.begin(f"{side.label}: the attack")
            model = zoo.load(side.name, side.statistics, plan.device)
            made = craft(model, batch, told.of(pgd), BATCH, plan.seed)
            told.end(None)
            told.begin(f"{side.label}: layer by layer")
            found = patching(model, batch, made.images, asked.experiment, pgd, BATCH, told.count)
            result = replace(result, found={**result.found, side: found})
            told.end(result)
        return result

    return work
