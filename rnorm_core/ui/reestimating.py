"""What "re-estimate the statistics" computes: how many images are right when the norm layers of a network take the
population statistics of m images like those they meet. No Streamlit here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor, nn

from rnorm_core import models, norms, zoo
from rnorm_core.data import Batch
from rnorm_core.jobs import Job
from rnorm_core.training.recalibrate import recalibrate
from rnorm_core.ui.corrupting import ATTACK, CLEAN, NATURAL, Plan, Teller, attack, hits
from rnorm_core.ui.crafting import Side

AGAIN = "attacked anew"  # the attack is made for the network with the statistics of attacked images
CONDITIONS = (CLEAN, NATURAL, ATTACK, AGAIN)
MOST = 128  # images to take statistics from


@dataclass(frozen=True)
class Repair:
    """What to measure; equal ones are one computation.

    same: the statistics are of the very images that are scored (without their labels), otherwise of others.
    """

    plan: Plan
    severity: int
    eps_255: float
    same: bool

    def pool(self) -> Batch:
        """The images to take statistics from, clean."""
        if self.same:
            return self.plan.images()
        everything = self.plan.images(MOST)
        return everything.select(range(self.plan.count, len(everything)))


def others(plan: Plan) -> int:
    """How many images there are besides those that are scored, at most `MOST`."""
    return MOST if plan.complete else max(0, len(replace(plan, count=1).images(MOST)) - plan.count)


def counts(pool: int) -> list[int]:
    """The numbers of images m to take statistics from: 1, 2, 4 ... and all."""
    return [*(2**k for k in range(pool.bit_length()) if 2**k < pool), pool]


def nothing_to_do(side: Side) -> str:
    """Why a model has no statistics to re-estimate, in Markdown; empty if it has some."""
    if side.statistics == "batch":
        return (
            "takes its statistics from each batch anew and remembers none. There is nothing to re-estimate: "
            "what it shows above is with the statistics of those very images."
        )
    if side.norm == "gn":
        return "normalises each image by itself and remembers no statistics. There is nothing to re-estimate."
    if side.norm == "none":
        return "has no norm and so no statistics. There is nothing to re-estimate."
    return ""


@dataclass(frozen=True, eq=False)
class Repaired:
    """One model: which of the scored images, bool (N,), are right in each condition, with the statistics of training
    (`before`) and with those of m images in that condition (`after`). What is not measured yet is not in there.
    """

    side: Side
    before: dict[str, Tensor]
    after: dict[tuple[str, int], Tensor]


@dataclass(frozen=True, eq=False)
class Result:
    """What is known so far; `sides` without those that have nothing to re-estimate. counts: all m, in order."""

    asked: Repair
    counts: tuple[int, ...]
    sides: dict[Side, Repaired]


def measure(asked: Repair, first: int) -> Callable[[Job], Result]:
    """Work for a job; partial results are `Result` with less in them. `first` is the m whose new attack comes first."""

    def work(job: Job) -> Result:
        return carry_out(asked, first, job)

    return work


def carry_out(asked: Repair, first: int, job: Job) -> Result:
    """Clean and corrupted for every m, then attacked, then the attacks made anew, the m looked at before the others."""
    plan = asked.plan
    job.progress(0, "Reading images and models")
    scored, pool = plan.images(), asked.pool()
    everywhere = plan.corrupted(plan.images(0 if asked.same else MOST), asked.severity)
    spoilt = everywhere if asked.same else everywhere.select(range(plan.count, len(everywhere)))
    steps = counts(len(pool))
    sides = [side for side in dict.fromkeys(plan.sides) if not nothing_to_do(side)]
    found = {side: Repaired(side, {}, {}) for side in sides}
    turns = [(kind, None) for kind in CONDITIONS[:3]]
    turns += [(AGAIN, m) for m in sorted(steps, key=lambda m: (m != first, -m))]
    made: dict[Side, tuple[Tensor, Tensor]] = {}  # attacked: (scored, pool)
    total = len(turns) * len(sides)
    for done, (kind, m, side) in enumerate((kind, m, side) for kind, m in turns for side in sides):
        told = Teller(job, f"{side.label}: {kind}{f', m = {m}' if m else ''}", done / total, 1 / total)
        if kind == ATTACK:
            made[side] = _attacked(asked, side, scored, pool, told)
        shown, source = {
            CLEAN: (scored.images, pool.images),
            NATURAL: (everywhere.images[: plan.count], spoilt.images),
        }.get(kind) or made[side]
        so_far = found[side]
        if m is None:
            before = hits(trained(side, plan.device), shown, scored.labels)
            after = {
                (kind, k): hits(with_statistics(side, source[:k], plan.device), shown, scored.labels) for k in steps
            }
            found[side] = replace(so_far, before={**so_far.before, kind: before}, after={**so_far.after, **after})
        else:
            network = folded(with_statistics(side, source[:m], plan.device))
            right = attack(network, scored, asked.eps_255, plan.seed, told.step)[1]
            found[side] = replace(so_far, after={**so_far.after, (AGAIN, m): right})
        job.progress((done + 1) / total, f"{told.what} is done", Result(asked, tuple(steps), dict(found)))
    return Result(asked, tuple(steps), found)


def trained(side: Side, device: str) -> nn.Module:
    """The network with the statistics of its training, its norm layers in place."""
    return zoo.load(side.name, side.statistics, device)


def with_statistics(side: Side, images: Tensor, device: str) -> nn.Module:
    """A network of one's own whose norm layers hold the statistics of `images` (M, 3, 32, 32), given as one batch."""
    return recalibrate(trained(side, device), [images])


def folded(model: nn.Module) -> nn.Module:
    """As fast as can be: folded where its statistics are constants."""
    mode = str(getattr(model, "statistics", "tracked"))
    if norms.looks_at_batch(mode):
        return model
    fast = models.fold(model).requires_grad_(False)
    vars(fast).update(name=model.name, statistics=mode, weight_hash=model.weight_hash)
    return fast


def _attacked(asked: Repair, side: Side, scored: Batch, pool: Batch, told: Teller) -> tuple[Tensor, Tensor]:
    """Both attacked for the network as it was trained: the scored images as on the page above, the pool after them."""
    network, seed = side.load(asked.plan.device), asked.plan.seed
    images = attack(network, scored, asked.eps_255, seed, told.step)[0]
    if asked.same:
        return images, images
    return images, attack(network, pool, asked.eps_255, seed, told.step, index=1)[0]
