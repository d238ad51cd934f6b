"""What is computed about the batch an image is in: how many images, which neighbours, how many of them attacked.

No Streamlit here.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from rnorm_core import evaluation
from rnorm_core.evaluation import Accuracy
from rnorm_core.evaluation.batches import (
    Company,
    Mixture,
    Partition,
    accuracy_in,
    by_share,
    company,
    consecutive,
    one_class,
    reshuffled,
    shuffled_like,
    sizes,
)
from rnorm_core.jobs import Job
from rnorm_core.ui.crafting import Side, first
from rnorm_core.ui.whose import Plan, Teller, attack, batchwise, everyday

DRAWS = 20  # of neighbours
TURNS = 4  # of a batch's images in being attacked, at most


# --- how many


@dataclass(frozen=True)
class Sizes:
    plan: Plan
    eps_255: float


@dataclass(frozen=True, eq=False)
class Sized:
    """Accuracies of networks in "batch" mode, clean and attacked, one for each size so far; and in everyday mode."""

    asked: Sizes
    clean: dict[Side, tuple[Accuracy, ...]]
    attacked: dict[Side, tuple[Accuracy, ...]]
    levels: dict[Side, tuple[Accuracy, Accuracy]]


def measure_sizes(asked: Sizes) -> Callable[[Job], Sized]:
    """Work for a job; its partial results are `Sized` with fewer sizes."""

    def work(job: Job) -> Sized:
        plan, sides = asked.plan, batchwise(asked.plan)
        chosen = sizes(plan.count)
        told, pgd = Teller(job, len(sides) * (1 + len(chosen))), attack(asked.eps_255)
        told.begin("Reading images and models")
        batch = plan.images().to(plan.device)
        models = {side: side.load(plan.device) for side in sides}
        found = Sized(asked, dict.fromkeys(sides, ()), dict.fromkeys(sides, ()), {})
        for side in sides:
            told.begin(f"{everyday(side).label}")
            model = everyday(side).load(plan.device)
            level = (
                evaluation.accuracy(model, batch),
                evaluation.accuracy(model, batch, told.of(pgd), seed=plan.seed),
            )
            found = replace(found, levels={**found.levels, side: level})
            told.end(None)
        for size in chosen:
            for side, model in models.items():
                told.begin(f"{side.label}: batches of {size}", runs=-(-len(batch) // size))
                clean = evaluation.accuracy(model, batch, None, size)
                attacked = evaluation.accuracy(model, batch, told.of(pgd), size, seed=plan.seed)
                found = replace(
                    found, clean={**found.clean, side: (*found.clean[side], clean)},
                    attacked={**found.attacked, side: (*found.attacked[side], attacked)},
                )  # fmt: skip
                told.end(found)
        return found

    return work


# --- one image


@dataclass(frozen=True)
class Meeting:
    """One image, the beginning of whose id is `image`, among others of the plan's, `size` together."""

    plan: Plan
    image: str
    size: int


@dataclass(frozen=True, eq=False)
class Met:
    """Each network so far with the statistics of its batch, and in its everyday mode among the same neighbours."""

    asked: Meeting
    own: dict[Side, Company]
    everyday: dict[Side, Company]


def measure_company(asked: Meeting) -> Callable[[Job], Met]:
    """Work for a job; its partial results are `Met` with fewer networks."""

    def work(job: Job) -> Met:
        plan, sides = asked.plan, batchwise(asked.plan)
        told, found = Teller(job, 2 * len(sides)), Met(asked, {}, {})
        batch = plan.images()
        index = first(batch.ids, asked.image)
        for side in sides:
            told.begin(f"{side.label} among {DRAWS} draws of neighbours")
            met = company(side.load(plan.device), batch, index, asked.size, DRAWS, plan.seed)
            found = replace(found, own={**found.own, side: met})
            told.end(found)
            told.begin(f"{everyday(side).label} among the same")
            met = company(everyday(side).load(plan.device), batch, index, asked.size, DRAWS, plan.seed)
            found = replace(found, everyday={**found.everyday, side: met})
            told.end(found)
        return found

    return work


# --- which, and how many of them attacked

COME, CLASS, MIXED, SAME, ANEW = (
    "as they come", "one class a batch", "sizes as with one class, any class", "attacked, same batches",
    "attacked, shuffled after",
)  # fmt: skip


@dataclass(frozen=True)
class Composition:
    plan: Plan
    eps_255: float
    size: int


@dataclass(frozen=True, eq=False)
class Composed:
    """What is known so far of networks in "batch" mode.

    clean: condition -> accuracy of clean images. attacked: the same, attacked in such batches; more than one where it
    was tried more than once. shares: by how many images of a batch are attacked.
    """

    asked: Composition
    clean: dict[tuple[Side, str], Accuracy]
    attacked: dict[tuple[Side, str], tuple[Accuracy, ...]]
    shares: dict[Side, tuple[Mixture, ...]]


def measure_composition(asked: Composition) -> Callable[[Job], Composed]:
    """Work for a job; its partial results are `Composed` with less in them."""

    def work(job: Job) -> Composed:
        plan, sides, seed = asked.plan, batchwise(asked.plan), asked.plan.seed
        batch = plan.images().to(plan.device)
        partitions, counts = _partitions(asked, batch.labels), sizes(min(asked.size, len(batch)))
        told = Teller(job, len(sides) * (2 + len(partitions) + len(counts)))
        told.begin("Reading images and models")
        pgd, found = told.of(attack(asked.eps_255)), Composed(asked, {}, {}, dict.fromkeys(sides, ()))
        models = {side: side.load(plan.device) for side in sides}
        for side, model in models.items():
            told.begin(f"{side.label}: clean images")
            clean = {(side, name): accuracy_in(model, batch, parts) for name, parts in partitions.items()}
            found = replace(found, clean=found.clean | clean)
            told.end(found)
        for side, model in models.items():
            runs = len(consecutive(len(batch), asked.size))
            told.begin(f"{side.label}: shuffled after the attack", runs)
            again = reshuffled(model, batch, pgd, asked.size, seed=seed)
            anew = {(side, ANEW): again.anew} if asked.size < len(batch) else {}
            found = replace(found, attacked={**found.attacked, (side, SAME): (again.same,), **anew})
            told.end(found)
            for name, parts in partitions.items():
                if name != COME:  # that is SAME
                    told.begin(f"{side.label}: {name}, attacked", len(parts))
                    there = accuracy_in(model, batch, parts, pgd, seed)
                    found = replace(found, attacked={**found.attacked, (side, name): (there,)})
                told.end(found)
        for count in counts:
            for side, model in models.items():
                parts = consecutive(len(batch), asked.size)
                turns = sum(min(TURNS, -(-len(one) // count)) for one in parts)
                told.begin(f"{side.label}: {count} of {asked.size} attacked", turns)
                share = by_share(model, batch, pgd, asked.size, [count], TURNS, seed)
                found = replace(found, shares={**found.shares, side: found.shares[side] + share})
                told.end(found)
        return found

    return work


def _partitions(asked: Composition, labels: torch.Tensor) -> dict[str, Partition]:
    alike = one_class(labels, asked.size)
    shuffled = shuffled_like(alike, torch.Generator().manual_seed(asked.plan.seed))
    return {COME: consecutive(len(labels), asked.size), CLASS: alike, MIXED: shuffled}
