"""What the page about the inside of a norm layer computes: a batch, clean and attacked, and what one channel receives.

No Streamlit here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from torch import Tensor

from rnorm_core import attacks, data, evaluation, zoo
from rnorm_core.attacks import Step
from rnorm_core.data import Batch
from rnorm_core.evaluation import inside
from rnorm_core.evaluation.laboratories import STEPS
from rnorm_core.jobs import Job
from rnorm_core.ui.crafting import Side

SCALED = ("bn", "rn", "dualbn")  # norms with a deviation or a range of a whole batch
EPS_255 = (0.25, 0.5, 1, 1.5, 2, 4, 8)  # k of k/255
SIZES = (8, 20, 128)
NONE, ONE, ALL = "none", "one image", "all images"  # how many of the batch are attacked


@dataclass(frozen=True)
class Plan:
    """Everything the images depend on; equal plans are one computation.

    complete: whether the images come from the whole test set (`source` says which) or from the samples; `seed` picks
    `count` of them and feeds the attack. eps_255: its size, 0 for none.
    """

    side: Side
    dataset: str
    complete: bool
    source: str
    count: int
    eps_255: float
    seed: int
    device: str

    def images(self) -> Batch:
        """The batch, as on every page."""
        return data.pick(self.dataset, self.count, self.seed, complete=self.complete)


@dataclass(frozen=True, eq=False)
class Images:
    """A plan carried out, or as far as it has come: `attacked` (N, 3, 32, 32) and `fooled`, bool (N,), come last.

    fooled: which images are recognised when clean and not when attacked.
    """

    plan: Plan
    batch: Batch
    attacked: Tensor | None = None
    fooled: Tensor | None = None

    @property
    def one(self) -> int:
        """Which image is attacked where only one is: the first that is fooled, or the first."""
        return int(self.fooled.int().argmax()) if self.fooled is not None else 0

    def shown(self, which: str) -> Tensor:
        """The batch with none, one or all of its images attacked."""
        if which == NONE or self.attacked is None:
            return self.batch.images
        if which == ALL:
            return self.attacked
        mixed = self.batch.images.clone()
        mixed[self.one] = self.attacked[self.one]
        return mixed


def make(plan: Plan) -> Callable[[Job], Images]:
    """Work for a job; its partial result is the clean batch."""

    def work(job: Job) -> Images:
        job.progress(0, "Reading images")
        clean = Images(plan, plan.images())
        if not plan.eps_255:
            return clean
        what = f"{plan.side.label}: PGD at {plan.eps_255:g}/255"
        job.progress(0.02, what, clean)

        def tell(step: Step) -> None:
            job.progress(step.index / step.total, f"{what}, step {step.index} of {step.total}", clean)

        return attack(clean, tell)

    return work


def attack(clean: Images, tell: Callable[[Step], object]) -> Images:
    """With what PGD makes of the whole batch: what `evaluation.accuracy` attacks with this seed."""
    plan, batch = clean.plan, clean.batch
    model, generator = plan.side.load(plan.device), evaluation.batch_generator(plan.seed, 0)
    trace = attacks.make("pgd", plan.eps_255 / 255, STEPS).run(model, batch.to(plan.device), generator, tell)
    right = trace.clean_probabilities.argmax(1) == trace.labels
    return Images(plan, batch, trace.adversarial.cpu(), (right & trace.fooled).cpu())


@lru_cache(maxsize=64)
def channel(found: Images, which: str, layer: str, number: int) -> inside.Channel:
    """What one channel receives; kept, so that nothing runs anew where only p changes."""
    side = found.plan.side
    return inside.channel(zoo.load(side.name, side.statistics, found.plan.device), found.shown(which), layer, number)


def sizes(count: int) -> tuple[int, ...]:
    """Batches into which `count` images are taken apart: 1, 2, 4 ... while there are two at least, and all."""
    return (*(2**k for k in range(count.bit_length()) if 2 * 2**k <= count), count)
