"""PreciseBN: population statistics from k batches instead of the moving average of training."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from rnorm_core import probes
from rnorm_core.attacks import statistics_of, watched
from rnorm_core.data import Batch, ImageChoice
from rnorm_core.errors import UserError
from rnorm_core.evaluation import Accuracy, accuracy
from rnorm_core.evaluation.tables.laboratories import BATCH, pgd
from rnorm_core.norms import looks_at_batch
from rnorm_core.progress import Parts, Progress, silent
from rnorm_core.training.recalibrate import recalibrate
from rnorm_core.zoo import Variant, switchable

if TYPE_CHECKING:
    from rnorm_core.attacks import Attack

MOST = 16  # batches to estimate statistics from


@dataclass(frozen=True)
class Request:
    """images: the scored images; the statistics come from other images. eps_255: k of k/255. batch_size: size of the
    batches from which the statistics are estimated.
    """

    left: Variant
    right: Variant
    images: ImageChoice
    eps_255: float
    batch_size: int
    device: str = "cpu"

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The networks that keep population statistics, in "tracked" mode."""
        return switchable(self.left, self.right)


@dataclass(frozen=True)
class Distance:
    """Distance of two sets of population statistics, one number per layer in the network's order.

    mean:   root mean square over channels of the difference of the means, divided by the scale of the reference
            (BatchNorm: its standard deviation, RobustNorm: its range).
    spread: root mean square over channels of the natural logarithm of the ratio of the scales.
    """

    mean: tuple[float, ...]
    spread: tuple[float, ...]


@dataclass(frozen=True)
class Estimate:
    """A network with the statistics of k batches; k is 0 for the moving average. attacked: None without an attack.

    from_moving, from_most: distance from the moving average, and from the estimate over the most batches.
    """

    k: int
    clean: Accuracy
    attacked: Accuracy | None
    from_moving: Distance
    from_most: Distance


@dataclass(frozen=True)
class Estimates:
    """The moving average, and estimates by k, the fewest batches first. layers: their names."""

    moving: Estimate
    by_count: tuple[Estimate, ...]
    layers: tuple[str, ...]
    batch_size: int


@dataclass(frozen=True, eq=False)
class Result:
    """estimates: of the networks that have been measured so far."""

    request: Request
    estimates: dict[Variant, Estimates] = field(default_factory=dict)


def run(request: Request, progress: Progress = silent) -> Result:
    """One batch without an attack first, then all k without an attack, then all k attacked."""
    parts, result = Parts(progress, 3 * len(request.variants)), Result(request)
    parts.begin("Reading images and models")
    everything = request.images.load(MOST * request.batch_size)
    batch = everything.select(range(request.images.count)).to(request.device)
    pool = everything.images[request.images.count :].to(request.device)
    ks, attack = counts(len(pool), request.batch_size), watched(pgd(request.eps_255), parts.step)
    for chosen, against in ((ks[:1], None), (ks, None), (ks, attack)):
        for variant in request.variants:
            load = partial(variant.load, request.device, fold=False)
            parts.begin(f"{variant.label}: {'attacked' if against else 'clean'}", runs=1 + len(chosen))
            measured = estimate(
                load, pool, batch, chosen, size=request.batch_size, attack=against, batch_size=BATCH,
                seed=request.images.seed,
            )  # fmt: skip
            result = replace(result, estimates={**result.estimates, variant: measured})
            parts.end(result)
    return result


def counts(images: int, batch_size: int) -> tuple[int, ...]:
    """The numbers of batches to compare: 1, 2, 4 ... up to all that `images` images fill; empty if they fill none."""
    most = images // batch_size
    return tuple(sorted({2**i for i in range(most.bit_length()) if 2**i <= most} | ({most} if most else set())))


def estimate(
    load: Callable[[], nn.Module],
    pool: Tensor,
    batch: Batch,
    chosen: Sequence[int] | None = None,
    *,
    size: int = 128,
    attack: "Attack | None" = None,
    batch_size: int = 128,
    seed: int = 0,
) -> Estimates:
    """Estimates population statistics from the first k batches of `size` images of `pool`, for each k of `chosen`.

    load: makes a new network in "tracked" mode on every call. pool: (M, 3, 32, 32) in [0, 1], other images than those
    of `batch`. Accuracies are on `batch`, in batches of `batch_size`; each attack is made for the network with the
    statistics that are measured. UserError if the pool is too small for a k, or if the network keeps no statistics.
    """
    chosen = counts(len(pool), size) if chosen is None else sorted(set(chosen))
    if not chosen or chosen[0] < 1 or chosen[-1] * size > len(pool):
        raise UserError(
            f"{len(pool)} images are not enough for {chosen[-1] if chosen else 1} batches of {size}.",
            "take fewer or smaller batches, or more images.",
        )
    parts = pool.split(size)
    networks = {0: load()} | {k: recalibrate(load(), parts[:k]) for k in chosen}
    if looks_at_batch(statistics_of(networks[0])):
        raise UserError(
            "This network uses the statistics of each batch, so there is nothing to estimate.",
            "choose the statistics mode “tracked”.",
        )
    kept = {k: _kept(model, pool[:1]) for k, model in networks.items()}
    moving, *by_count = (
        Estimate(
            k, *scored(model, batch, attack, batch_size, seed),
            distance(model, kept[k], kept[0]), distance(model, kept[k], kept[chosen[-1]]),
        )
        for k, model in networks.items()
    )  # fmt: skip
    return Estimates(moving, tuple(by_count), tuple(kept[0]), size)


def scored(
    model: nn.Module, batch: Batch, attack: "Attack | None", batch_size: int, seed: int
) -> tuple[Accuracy, Accuracy | None]:  # fmt: skip
    """(accuracy on clean images, accuracy under the attack)."""
    clean = accuracy(model, batch, None, batch_size)
    return clean, None if attack is None else accuracy(model, batch, attack, batch_size, seed=seed)


def distance(
    model: nn.Module, one: dict[str, probes.Statistics], reference: dict[str, probes.Statistics]
) -> Distance:  # fmt: skip
    """Between two sets of statistics of the layers of `model`; channels without spread in one of them are left out."""
    means, spreads, kinds = [], [], probes.norm_layers(model)
    for name, ours in one.items():
        root = 1.0 if kinds[name] == "rn" else 0.5  # of a variance, to have a standard deviation
        alive = (reference[name].spread > 0) & (ours.spread > 0)
        mine, theirs = (s.spread[alive].double() ** root for s in (ours, reference[name]))
        means.append(_rms((ours.mean - reference[name].mean)[alive].double() / theirs))
        spreads.append(_rms((mine / theirs).log()))
    return Distance(tuple(means), tuple(spreads))


def _kept(model: nn.Module, images: Tensor) -> dict[str, probes.Statistics]:
    """The population statistics that the layers of a network in "tracked" mode keep."""
    statistics = probes.statistics(model, images)
    return {name: probes.Statistics(s.mean.cpu().clone(), s.spread.cpu().clone()) for name, s in statistics.items()}


def _rms(values: Tensor) -> float:
    return float(values.square().mean().sqrt()) if len(values) else 0.0


def median(values: Sequence[float]) -> float:
    """The median over the layers: one number for a network."""
    return float(torch.tensor(values, dtype=torch.float64).quantile(0.5))
