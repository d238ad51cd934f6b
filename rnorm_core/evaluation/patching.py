"""How much of an attack's damage goes through the statistics: layers are given those of another batch.

A layer's clean statistics are those of what arrives at it when the clean batch runs through the network as it is (see
`probes.statistics`); its attacked ones those of the attacked batch. All batches are those of one fixed partition.

A layer is given what its mode would take from that batch: mean and spread in "batch", the spread alone in
"tracked-mean". With tracked statistics it would take nothing; there it is given the batch's mean and spread instead
of the population's, as a control: the attack could not use them.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from rnorm_core import probes
from rnorm_core.attacks import statistics_of
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation.accuracy import Accuracy, predict, tally
from rnorm_core.evaluation.craft import labelled, score
from rnorm_core.norms import looks_at_batch

if TYPE_CHECKING:
    from rnorm_core.attacks import Attack


@dataclass(frozen=True)
class Experiment:
    """Which images run, and whose statistics layers are given; None: those of what arrives, as in "batch" mode."""

    run: str
    given: str | None
    sentence: str


EXPERIMENTS = {
    "restore": Experiment(
        "attacked", "clean", "The attacked batch runs; layers are given the clean batch's statistics."
    ),
    "spoil": Experiment("clean", "attacked", "The clean batch runs; layers are given the attacked batch's statistics."),
    "repair": Experiment(
        "attacked", None, "The attacked batch runs; layers take the statistics of what arrives there."
    ),
}


@dataclass(frozen=True)
class Part:
    """A share of the damage; low and high bound a 95 % interval over the choice of images.

    value is not a number where the attack did no damage, low and high where the images may well tell of none. The
    interval is Bayes': every way in which an image can fare (clean, attacked, patched: right or wrong) counts half an
    image from the start (Jeffreys' prior), so that it is not empty where no image at all changed. The images count as
    if each answered for itself. In batch modes those of a batch do not quite; other batches are no part of it.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, eq=False)
class Patching:
    """Accuracies of one experiment; layers in the network's order.

    clean, attacked: with no layer patched. alone[i]: layer i alone is patched; up_to[i]: all layers up to i, it
    included, so that the last is of all.
    """

    experiment: str
    layers: tuple[str, ...]
    clean: Accuracy
    attacked: Accuracy
    alone: tuple[Accuracy, ...]
    up_to: tuple[Accuracy, ...]

    @property
    def plain(self) -> Accuracy:
        """Of the images that run, with no layer patched."""
        return self.clean if EXPERIMENTS[self.experiment].run == "clean" else self.attacked

    @property
    def part(self) -> Part:
        """How much of the damage, clean minus attacked accuracy, is undone ("restore", "repair") or done ("spoil") by
        giving all layers other statistics."""
        return self.part_of(self.up_to[-1])

    def part_of(self, patched: Accuracy) -> Part:
        """The same of one of `alone` or `up_to`."""
        return part_of_damage(self.clean.hits, self.attacked.hits, patched.hits, self.plain is self.clean)


def patching(
    model: nn.Module,
    batch: Batch,
    adversarial: Tensor,
    experiment: str = "restore",
    attack: "Attack | None" = None,
    batch_size: int = 128,
    on_progress: Callable[[int, int], None] | None = None,
) -> Patching:
    """Patches each layer alone, and all layers up to each, and counts what is right.

    adversarial: (N, 3, 32, 32), what an attack made of the images of `batch`, in order; `attack` is named in the
    results. The model has to be one's own and unfolded. on_progress counts forward passes.
    UserError for a network without statistics, or for an experiment that is not `possible` in its mode.
    """
    labelled(batch)
    asked, layers, mode = EXPERIMENTS[experiment], patchable(model), statistics_of(model)
    if experiment not in possible(mode):
        raise UserError("Layers in batch mode take the statistics of what arrives already.", "choose another mode.")
    take = "mode" if looks_at_batch(mode) else "batch"
    images = {"clean": batch.images, "attacked": adversarial}
    sets = [[name] for name in layers] + [layers[: i + 1] for i in range(len(layers))]
    hits = torch.zeros((len(sets), len(batch)), dtype=torch.bool)
    starts = range(0, len(batch), batch_size)
    for number, start in enumerate(starts):
        here = slice(start, start + batch_size)
        given = None if asked.given is None else probes.statistics(model, images[asked.given][here], take)
        for row, chosen in enumerate(sets):
            with probes.switched(model, chosen) if given is None else probes.patched(model, given, chosen):
                hits[row, here] = predict(model, images[asked.run][here]).cpu() == batch.labels[here].cpu()
            if on_progress:
                on_progress(number * len(sets) + row + 1, len(starts) * len(sets))
    ran = None if asked.run == "clean" else attack
    found = [tally(row, model, ran, batch_size) for row in hits]
    return Patching(
        experiment, tuple(layers), score(model, batch.images, batch, None, batch_size),
        score(model, adversarial, batch, attack, batch_size), tuple(found[: len(layers)]), tuple(found[len(layers) :]),
    )  # fmt: skip


def possible(mode: str) -> tuple[str, ...]:
    """The experiments that can change something in a statistics mode."""
    return tuple(EXPERIMENTS)[:2] if mode == "batch" else tuple(EXPERIMENTS)


def patchable(model: nn.Module) -> list[str]:
    """Names of the layers that can be given statistics, in the network's order; UserError if there is none."""
    names = [name for name, norm in probes.norm_layers(model).items() if norm in ("bn", "rn", "dualbn")]
    if not names:
        raise UserError(
            f"{getattr(model, 'name', 'This network')} has no statistics that another batch could lend it.",
            "choose a network with BatchNorm or RobustNorm.",
        )
    return names


def part_of_damage(clean: Tensor, attacked: Tensor, patched: Tensor, done: bool = False) -> Part:
    """(patched - attacked) / (clean - attacked) of bool (N,) each: the part that is undone. done: the part that is
    done, (clean - patched) / (clean - attacked).
    """
    n = len(clean)
    kinds = 4 * clean.int() + 2 * attacked.int() + patched.int()
    counts = np.bincount(kinds.cpu().numpy(), minlength=8)
    # Images of one kind are alike: what is uncertain is how many there are of each. The first row is what was found.
    drawn = np.concatenate([counts[None], n * np.random.default_rng(0).dirichlet(counts + 0.5, 4000)])
    right = {name: drawn[:, [k for k in range(8) if k & bit]].sum(1) for name, bit in (("c", 4), ("a", 2), ("p", 1))}
    damage = right["c"] - right["a"]
    gain = right["c"] - right["p"] if done else right["p"] - right["a"]
    if damage[0] <= 0:
        return Part(math.nan, math.nan, math.nan, n)
    value, harmed = float(gain[0] / damage[0]), damage > 0
    if harmed.mean() < 0.975:
        return Part(value, math.nan, math.nan, n)
    low, high = np.quantile(gain[harmed] / damage[harmed], (0.025, 0.975))
    return Part(value, float(low), float(high), n)
