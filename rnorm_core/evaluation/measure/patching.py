"""Measures the share of an attack's damage that is due to the statistics: layers get the statistics of another batch.

The clean statistics of a layer are those of its input while the clean batch runs through the unpatched network (see
`probes.statistics`); the attacked ones are those of its input while the attacked batch runs. The batches are fixed.

A patched layer gets the statistics that its mode takes from a batch: mean and spread in "batch", median and spread in
"batch-median", the spread alone in "tracked-mean". With tracked statistics a layer takes nothing from its batch. There
it gets the mean and spread of the other batch instead of the population's. This is a control, because the attack could
not use a batch's statistics.
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
from rnorm_core.evaluation.measure.accuracy import Accuracy, predict, tally
from rnorm_core.evaluation.measure.craft import check_labels, score
from rnorm_core.norms import MEDIAN, looks_at_batch

if TYPE_CHECKING:
    from rnorm_core.attacks import Attack


@dataclass(frozen=True)
class Experiment:
    """run: the batch that runs through the network, "clean" or "attacked".

    given: the batch with the statistics for the layers, "clean" or "attacked"; None for the statistics of the layer's
    own input, as in "batch" mode.
    """

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

    value is nan if the attack did no damage; low and high are nan if there are too few images to be sure of any damage.
    The interval is Bayesian. Each image is of one of eight kinds (clean, attacked, patched: right or wrong). The prior
    is half an image of each kind (Jeffreys), so the interval has a width even if no image changed. Images are treated
    as independent. In batch modes the images of one batch are not quite independent; the interval ignores this.
    """

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, eq=False)
class Patching:
    """Accuracies of one experiment; layers in the network's order.

    clean, attacked: no layer is patched. alone[i]: layer i alone is patched. up_to[i]: layers 0 to i are patched, so
    that the last entry is for all layers.
    """

    experiment: str
    layers: tuple[str, ...]
    clean: Accuracy
    attacked: Accuracy
    alone: tuple[Accuracy, ...]
    up_to: tuple[Accuracy, ...]

    @property
    def plain(self) -> Accuracy:
        """Accuracy on the batch that runs, with no layer patched."""
        return self.clean if EXPERIMENTS[self.experiment].run == "clean" else self.attacked

    @property
    def part(self) -> Part:
        """The share of the damage that is undone ("restore", "repair") or done ("spoil") if all layers are patched.

        The damage is clean minus attacked accuracy.
        """
        return self.part_of(self.up_to[-1])

    def part_of(self, patched: Accuracy) -> Part:
        """The same for one entry of `alone` or `up_to`."""
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
    """Patches each layer alone, then all layers up to each one, and measures the accuracy.

    adversarial: (N, 3, 32, 32), the images of `batch` after `attack`, in order. model: unfolded; no other code may use
    it during the call. on_progress: called with (forward passes done, forward passes in all).
    UserError for a network without batch statistics, or for an experiment that is not `possible` in its mode.
    """
    check_labels(batch)
    chosen, layers, mode = EXPERIMENTS[experiment], patchable(model), statistics_of(model)
    if experiment not in possible(mode):
        raise UserError("Layers in batch mode already take the statistics of their own input.", "choose another mode.")
    take = "mode" if looks_at_batch(mode) else "batch"
    images = {"clean": batch.images, "attacked": adversarial}
    sets = [[name] for name in layers] + [layers[: i + 1] for i in range(len(layers))]
    hits = torch.zeros((len(sets), len(batch)), dtype=torch.bool)
    starts = range(0, len(batch), batch_size)
    for number, start in enumerate(starts):
        here = slice(start, start + batch_size)
        given = None if chosen.given is None else probes.statistics(model, images[chosen.given][here], take)
        for row, names in enumerate(sets):
            with probes.switched(model, names) if given is None else probes.patched(model, given, names):
                hits[row, here] = predict(model, images[chosen.run][here]).cpu() == batch.labels[here].cpu()
            if on_progress:
                on_progress(number * len(sets) + row + 1, len(starts) * len(sets))
    ran = None if chosen.run == "clean" else attack
    patched = [tally(row, model, ran, batch_size) for row in hits]
    return Patching(
        experiment, tuple(layers), score(model, batch.images, batch, None, batch_size),
        score(model, adversarial, batch, attack, batch_size), tuple(patched[: len(layers)]),
        tuple(patched[len(layers) :]),
    )  # fmt: skip


def possible(mode: str) -> tuple[str, ...]:
    """Names of the experiments that ask something in a statistics mode: in some, a layer takes all of its own input."""
    return tuple(EXPERIMENTS)[:2] if mode in ("batch", MEDIAN) else tuple(EXPERIMENTS)


def patchable(model: nn.Module) -> list[str]:
    """Names of the layers that can be given statistics, in the network's order; UserError if there is none."""
    names = [name for name, norm in probes.norm_layers(model).items() if norm in ("bn", "rn", "dualbn")]
    if not names:
        raise UserError(
            f"{getattr(model, 'name', 'This network')} has no norm layers that can use the statistics of a batch.",
            "choose a network with BatchNorm or RobustNorm.",
        )
    return names


def part_of_damage(clean: Tensor, attacked: Tensor, patched: Tensor, done: bool = False) -> Part:
    """The share of the damage that is undone, (patched - attacked) / (clean - attacked), from bool (N,) each.

    With `done`: the share that is done, (clean - patched) / (clean - attacked).
    """
    n = len(clean)
    kinds = 4 * clean.int() + 2 * attacked.int() + patched.int()
    counts = np.bincount(kinds.cpu().numpy(), minlength=8)
    # Only the number of images of each kind is uncertain. The first row holds the numbers that were measured.
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
