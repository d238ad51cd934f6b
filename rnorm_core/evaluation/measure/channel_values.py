"""The input values of one channel of a norm layer, and the two possible divisors of them.

BatchNorm divides by sqrt(var + eps), RobustNorm by range**p + eps. A range can replace a standard deviation because of
Popoviciu's inequality (1935), var <= range**2 / 4: the standard deviation is at most half the range.
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
    """The input of one channel of a norm layer for a batch, and the numbers of the layer's computation in its mode.

    The layer computes y = weight * (x - centre) / scale + bias.
    values: float32 (N, H, W), on the CPU. norm: a key of `probes.KINDS`. power: p of RobustNorm, None for BatchNorm.
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
    """The input of channel `number` of the layer at path `layer`, from one pass of `images` (N, 3, 32, 32).

    The images are one batch. The model must not be shared with other threads. UserError if the model has no such layer,
    if the layer is no BatchNorm or RobustNorm, or if it has no such channel.
    """
    kind = probes.norm_layers(model).get(layer)
    if kind not in ("bn", "rn", "dualbn"):
        raise UserError(
            f"The network has no layer {layer!r} with BatchNorm or RobustNorm.", "choose a norm layer of the network."
        )
    received: list[Channel] = []

    def on_input(name: str, module: nn.Module, x: Tensor) -> None:
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
        received.append(
            Channel(
                x[:, number].float().cpu().clone(), layer, number, kind, power, norm.eps, centre, scale, weight, bias,
                getattr(model, "name", "unnamed"), statistics_of(model), getattr(model, "weight_hash", ""),
            )
        )  # fmt: skip

    with probes.listening(model, on_input):
        model(images.to(next(model.parameters()).device))
    return received[0]


# --- standard deviation and range


@dataclass(frozen=True)
class Spread:
    """Mean, biased standard deviation (as in norm layers) and extremes of `n` values."""

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
        """Popoviciu's bound: the largest standard deviation of values with this range. It is reached when half of the
        values lie at each end.
        """
        return self.range / 2

    @property
    def of_bound(self) -> float:
        """The standard deviation divided by its bound; NaN where all values are the same."""
        return self.std / self.bound if self.range else math.nan

    def scale(self, power: float | None, eps: float = EPS) -> float:
        """The divisor of RobustNorm with p = `power`, or of BatchNorm if `power` is None."""
        return math.sqrt(self.std**2 + eps) if power is None else self.range**power + eps


def spread(values: Tensor) -> Spread:
    """The spread of all values of a tensor, computed in float64; ValueError for an empty tensor."""
    if not values.numel():
        raise ValueError("There are no values.")
    wide = values.double().flatten()
    var, mean = torch.var_mean(wide, correction=0)
    return Spread(len(wide), float(mean), float(var.sqrt()), float(wide.amin()), float(wide.amax()))


def normalised(values: Tensor, power: float | None) -> Tensor:
    """The values, normalised as in "batch" mode, before weight and bias. power: p of RobustNorm, None for BatchNorm."""
    own = spread(values)
    return (values - own.mean) / own.scale(power)


# --- one outlier


@dataclass(frozen=True)
class Outlier:
    """One additional value, `size` standard deviations above the mean.

    spread: of all values and this one. std_factor, scale_factor: the factors by which this value multiplies the
    standard deviation and range**p.
    """

    size: float
    spread: Spread
    std_factor: float
    scale_factor: float


def outliers(values: Tensor, sizes: Sequence[float], power: float) -> tuple[Outlier, ...]:
    """The effect of one additional value on both scales, for each distance in `sizes` (in standard deviations).

    The standard deviation of n values grows by a factor of about sqrt(1 + size**2 / n). The range grows only by
    the distance of the outlier beyond the largest other value. UserError if all values are the same.
    """
    before = spread(values)
    if not before.std:
        raise UserError(
            "All values of this channel are equal: their standard deviation is 0.", "choose another channel."
        )
    flat, effects = values.double().flatten(), []
    for size in sizes:
        after = spread(torch.cat([flat, flat.new_tensor([before.mean + size * before.std])]))
        factor = (after.range / before.range) ** power
        effects.append(Outlier(float(size), after, after.std / before.std, factor))
    return tuple(effects)


# --- batches of growing size


@dataclass(frozen=True)
class Growth:
    """Mean, smallest and largest of the ranges and of the standard deviations of `batches` disjoint batches of `size`
    images.
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
        """range**p for the mean range, the smallest range and the largest range."""
        return self.range**power, self.range_low**power, self.range_high**power


def growth(values: Tensor, sizes: Sequence[int]) -> tuple[Growth, ...]:
    """Ranges and standard deviations of values (N, H, W) in batches of consecutive images, for each batch size.

    Images that do not fill a batch are left out. On average a standard deviation does not depend on the number of
    values, but a range grows with every image. UserError for a size below 1 or above N.
    """
    n = len(values)
    if not all(1 <= size <= n for size in sizes):
        raise UserError(
            f"Batches of {list(sizes)} images cannot be made from {n} images.", f"choose sizes from 1 to {n}."
        )
    wide = values.double().flatten(1)
    low, high, mean, square = wide.amin(1), wide.amax(1), wide.mean(1), wide.square().mean(1)
    growths = []
    for size in sizes:
        groups = n // size

        def of_batches(per_image: Tensor, size: int = size, groups: int = groups) -> Tensor:
            return per_image[: groups * size].view(groups, size)

        ranges = of_batches(high).amax(1) - of_batches(low).amin(1)
        std = (of_batches(square).mean(1) - of_batches(mean).mean(1).square()).clamp_min(0).sqrt()
        ends = [float(v) for each in (ranges, std) for v in (each.mean(), each.amin(), each.amax())]
        growths.append(Growth(size, groups, *ends))
    return tuple(growths)
