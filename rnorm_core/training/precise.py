"""PreciseBN against the moving average: what statistics re-estimated over k batches are worth, and how far they lie."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rnorm_core import probes
from rnorm_core.attacks import statistics_of
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation import Accuracy, accuracy
from rnorm_core.norms import looks_at_batch
from rnorm_core.training.recalibrate import recalibrate

if TYPE_CHECKING:
    from rnorm_core.attacks import Attack


@dataclass(frozen=True)
class Distance:
    """Between two sets of population statistics, one number per layer in the network's order.

    mean:   root mean square over channels of the difference of the means, in scales of the reference (BatchNorm: its
            deviation, RobustNorm: its range).
    spread: root mean square over channels of the natural logarithm of the ratio of the scales.
    """

    mean: tuple[float, ...]
    spread: tuple[float, ...]


@dataclass(frozen=True)
class Estimate:
    """Statistics of k batches: accuracies with them, and their distance from the moving average and from the estimate
    over the most batches. k is 0 for the moving average itself. attacked: None without an attack.
    """

    k: int
    clean: Accuracy
    attacked: Accuracy | None
    from_moving: Distance
    from_most: Distance


@dataclass(frozen=True)
class Precise:
    """estimates: by k, the fewest batches first. batch_size: of the batches that statistics are taken from."""

    moving: Estimate
    estimates: tuple[Estimate, ...]
    layers: tuple[str, ...]
    batch_size: int


def counts(images: int, batch_size: int) -> tuple[int, ...]:
    """The numbers of batches that so many images fill: 1, 2, 4 ... and all of them; none if they do not fill one."""
    most = images // batch_size
    return tuple(sorted({2**i for i in range(most.bit_length()) if 2**i <= most} | ({most} if most else set())))


def precise(
    load: Callable[[], nn.Module],
    pool: Tensor,
    batch: Batch,
    chosen: Sequence[int] | None = None,
    size: int = 128,
    attack: "Attack | None" = None,
    batch_size: int = 128,
    seed: int = 0,
) -> Precise:
    """Re-estimates population statistics from the first k batches of `size` images of `pool`, for each k of `chosen`.

    load: makes a fresh network in "tracked" mode, one's own, on every call. pool: (M, 3, 32, 32) in [0, 1]; those that
    are scored should be others. Accuracies are on `batch`, in batches of `batch_size`, each attack made for the
    network with the statistics in question. UserError if the pool is too small for a k.
    """
    chosen = counts(len(pool), size) if chosen is None else sorted(set(chosen))
    if not chosen or chosen[0] < 1 or chosen[-1] * size > len(pool):
        raise UserError(
            f"{len(pool)} images are not {chosen[-1] if chosen else 1} batches of {size}.",
            "take fewer or smaller batches, or more images.",
        )
    parts = pool.split(size)
    networks = {0: load()} | {k: recalibrate(load(), parts[:k]) for k in chosen}
    if looks_at_batch(statistics_of(networks[0])):
        raise UserError("A network that takes its batch's statistics keeps none to estimate.", "take tracked ones.")
    kept = {k: _kept(model, pool[:1]) for k, model in networks.items()}
    found = [
        Estimate(
            k, accuracy(model, batch, None, batch_size),
            None if attack is None else accuracy(model, batch, attack, batch_size, seed=seed),
            distance(model, kept[k], kept[0]), distance(model, kept[k], kept[chosen[-1]]),
        )
        for k, model in networks.items()
    ]  # fmt: skip
    return Precise(found[0], tuple(found[1:]), tuple(kept[0]), size)


def distance(
    model: nn.Module, one: dict[str, probes.Statistics], reference: dict[str, probes.Statistics]
) -> Distance:  # fmt: skip
    """Between two sets of statistics of this network's layers; a channel without spread in one of them is left out."""
    means, spreads, kinds = [], [], probes.norm_layers(model)
    for name, ours in one.items():
        root = 1.0 if kinds[name] == "rn" else 0.5  # a variance is a deviation squared
        alive = (reference[name].spread > 0) & (ours.spread > 0)
        mine, theirs = (s.spread[alive].double() ** root for s in (ours, reference[name]))
        moved = (ours.mean - reference[name].mean)[alive].double() / theirs
        means.append(_rms(moved))
        spreads.append(_rms((mine / theirs).log()))
    return Distance(tuple(means), tuple(spreads))


def _kept(model: nn.Module, images: Tensor) -> dict[str, probes.Statistics]:
    """What the layers of a network in "tracked" mode keep."""
    found = probes.statistics(model, images)
    return {name: probes.Statistics(s.mean.cpu().clone(), s.spread.cpu().clone()) for name, s in found.items()}


def _rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt()) if len(values) else 0.0


def median(values: Sequence[float]) -> float:
    """Of the layers: one number for a network."""
    return float(torch.tensor(values, dtype=torch.float64).quantile(0.5))
