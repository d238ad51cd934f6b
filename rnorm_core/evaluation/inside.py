"""Inside one norm layer: what one channel receives, and what its deviation and a power of its range make of it.

BatchNorm divides by sqrt(var + eps), RobustNorm by range**p + eps. That a range can stand in for a deviation is
Popoviciu's inequality (1935), var <= range**2 / 4: a deviation is at most half the range.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnorm_core import probes
from rnorm_core.attacks import statistics_of
from rnorm_core.errors import UserError
from rnorm_core.norms import EPS, BatchNorm2d, DualBatchNorm2d, RobustNorm2d

POWERS = tuple(i / 20 for i in range(21))  # p from 0, no scaling at all, to 1, the range itself


@dataclass(frozen=True, eq=False)
class Channel:
    """What one channel of a norm layer receives from a batch, and how the layer treats it in its statistics mode.

    values: float32 (N, H, W), on the CPU. power: None for BatchNorm. y = weight * (x - centre) / scale + bias.
    """

    values: Tensor
    layer: str
    channel: int
    norm: str
    power: float | None
    eps: float
    centre: float
    scale: float
    weight: float
    bias: float
    model: str
    statistics: str
    weight_hash: str


@torch.no_grad()
def channel(model: nn.Module, images: Tensor, layer: str, number: int) -> Channel:
    """Of the layer named so, when the batch `images` (N, 3, 32, 32) runs through `model`, which has to be one's own.

    UserError if there is no such layer, one without statistics of a batch, or no such channel.
    """
    kind = probes.norm_layers(model).get(layer)
    if kind not in ("bn", "rn", "dualbn"):
        raise UserError(f"{layer!r} is no layer with BatchNorm or RobustNorm.", "choose one of the network's layers.")
    heard: list[Channel] = []

    def hear(name: str, module: nn.Module, x: Tensor) -> None:
        if name != layer:
            return
        if not 0 <= number < x.shape[1]:
            raise UserError(f"{layer} has no channel {number}.", f"choose one from 0 to {x.shape[1] - 1}.")
        norm = module.branch if isinstance(module, DualBatchNorm2d) else module
        assert isinstance(norm, BatchNorm2d | RobustNorm2d)
        centre, scale = (float(each[number]) for each in norm.statistics(x))
        weight = 1.0 if norm.weight is None else float(norm.weight[number])
        bias = 0.0 if norm.bias is None else float(norm.bias[number])
        power = norm.power if isinstance(norm, RobustNorm2d) else None
        heard.append(
            Channel(
                x[:, number].float().cpu().clone(), layer, number, kind, power, norm.eps, centre, scale, weight, bias,
                getattr(model, "name", "unnamed"), statistics_of(model), getattr(model, "weight_hash", ""),
            )
        )  # fmt: skip

    with probes.listening(model, hear):
        model(images.to(next(model.parameters()).device))
    return heard[0]


# --- deviation and range


@dataclass(frozen=True)
class Spread:
    """Of `n` values; std is biased, as norms take it."""

    n: int
    mean: float
    std: float
    minimum: float
    maximum: float

    @property
    def range(self) -> float:
        return self.maximum - self.minimum

    @property
    def bound(self) -> float:
        """Popoviciu's: the largest deviation that values of this range can have, half of it at either end."""
        return self.range / 2

    @property
    def of_bound(self) -> float:
        """What part of its bound the deviation is; not a number where all values are the same."""
        return self.std / self.bound if self.range else math.nan

    def scale(self, power: float | None, eps: float = EPS) -> float:
        """What a norm divides by: RobustNorm with this p, or BatchNorm where it is None."""
        return math.sqrt(self.std**2 + eps) if power is None else self.range**power + eps


def spread(values: Tensor) -> Spread:
    """Of all values of a tensor, computed in float64; ValueError if there is none."""
    if not values.numel():
        raise ValueError("There are no values.")
    wide = values.double().flatten()
    var, mean = torch.var_mean(wide, correction=0)
    return Spread(len(wide), float(mean), float(var.sqrt()), float(wide.amin()), float(wide.amax()))


def normalised(values: Tensor, power: float | None) -> Tensor:
    """The values as a layer in batch mode makes them, without weight and bias: RobustNorm with this p, or BatchNorm
    where it is None.
    """
    found = spread(values)
    return (values - found.mean) / found.scale(power)


# --- one outlier


@dataclass(frozen=True)
class Outlier:
    """One more value, `size` deviations above the mean. std_factor, scale_factor: what the deviation and range**p are
    multiplied by, `found` being the spread with it.
    """

    size: float
    found: Spread
    std_factor: float
    scale_factor: float


def outliers(values: Tensor, sizes: Sequence[float], power: float) -> tuple[Outlier, ...]:
    """What one value at each of these distances does to both scales. UserError if all values are the same.

    The deviation feels how many values there are, n: it grows as sqrt(1 + size**2 / n) or so. The range only feels how
    far the outlier is beyond the others.
    """
    before = spread(values)
    if not before.std:
        raise UserError("All values of this channel are the same: it has no deviation.", "choose another channel.")
    flat, done = values.double().flatten(), []
    for size in sizes:
        after = spread(torch.cat([flat, flat.new_tensor([before.mean + size * before.std])]))
        factor = (after.range / before.range) ** power
        done.append(Outlier(float(size), after, after.std / before.std, factor))
    return tuple(done)


# --- how many images


@dataclass(frozen=True)
class Growth:
    """Batches of `size` images: mean, smallest and largest of their ranges and of their deviations; `batches`: how
    many there are, disjoint.
    """

    size: int
    batches: int
    range: float
    range_low: float
    range_high: float
    std: float
    std_low: float
    std_high: float

    def powered(self, power: float) -> tuple[float, float, float]:
        """range**p of the mean, the smallest and the largest range."""
        return self.range**power, self.range_low**power, self.range_high**power


def growth(values: Tensor, sizes: Sequence[int]) -> tuple[Growth, ...]:
    """Of values (N, H, W), in batches of consecutive images; images that fill no batch are left out.

    A deviation does not know how many values it is of; a range grows with every image. UserError for a size of none,
    or of more images than there are.
    """
    n = len(values)
    if not all(1 <= size <= n for size in sizes):
        raise UserError(f"{n} images do not make batches of {list(sizes)}.", f"choose sizes from 1 to {n}.")
    wide = values.double().flatten(1)
    low, high, mean, square = wide.amin(1), wide.amax(1), wide.mean(1), wide.square().mean(1)
    found = []
    for size in sizes:
        groups = n // size

        def of_batches(per_image: Tensor, size: int = size, groups: int = groups) -> Tensor:
            return per_image[: groups * size].view(groups, size)

        ranges = of_batches(high).amax(1) - of_batches(low).amin(1)
        std = (of_batches(square).mean(1) - of_batches(mean).mean(1).square()).clamp_min(0).sqrt()
        ends = [float(v) for each in (ranges, std) for v in (each.mean(), each.amin(), each.amax())]
        found.append(Growth(size, groups, *ends))
    return tuple(found)
