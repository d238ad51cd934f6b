"""What arrives at each norm layer of a network: per channel moments, extremes, quantiles and a histogram.

A network without norms is looked at where they would stand (its `NoNorm` layers).
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from rnorm_core.norms import BatchNorm2d, NoNorm, RobustNorm2d

QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
BINS = 256
REACH = 8.0  # a grid spans this many deviations to either side of the mean
KINDS = {"bn": BatchNorm2d, "rn": RobustNorm2d, "gn": nn.GroupNorm, "none": NoNorm}


@dataclass(frozen=True, eq=False)
class Applied:
    """What a layer made of its input, y = weight * (x - centre) / scale + bias, each (C,)."""

    centre: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor


@dataclass(frozen=True, eq=False)
class Layer:
    """The input of one norm layer, per channel over images, rows and columns. All tensors are on the CPU.

    name        of the layer in its network ("blocks.0.first.norm"); norm: "bn", "rn", "gn" or "none".
    count       values per channel.
    mean, std (biased), minimum, maximum, range: float32 (C,). A recording's range is maximum - minimum; a training
                set's is the mean range of its batches.
    quantiles   float32 (Q, C), of `QUANTILES`.
    histogram   int64 (BINS, C), counts between edges, float32 (BINS + 1, C). The first and the last bin are
                open-ended: what lies beyond the outer edges is counted there.
    applied     for bn and rn, what the layer computed from its whole input in its statistics mode; else None.
    """

    name: str
    norm: str
    count: int
    mean: Tensor
    std: Tensor
    minimum: Tensor
    maximum: Tensor
    range: Tensor
    quantiles: Tensor
    histogram: Tensor
    edges: Tensor
    applied: Applied | None = None

    @property
    def resolution(self) -> Tensor:
        """The smallest difference that means anything, (C,), positive: float32 cannot tell less from a constant."""
        return resolution(self.minimum, self.maximum)

    @property
    def unit(self) -> Tensor:
        """The deviation that shifts are measured in, (C,): std, or the resolution where a channel is constant."""
        return torch.maximum(self.std, self.resolution)

    @property
    def alive(self) -> Tensor:
        """Which channels are not constant, bool (C,)."""
        return self.std > self.resolution


@dataclass(frozen=True, eq=False)
class LayerStatistics:
    """One recording: its layers in the network's order, over `n` images that ran in a batch of `batch_size`.

    `statistics` is the network's mode. A network that is not from the zoo is called "unnamed", with hash "".
    """

    layers: tuple[Layer, ...]
    model: str
    statistics: str
    weight_hash: str
    n: int
    batch_size: int

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(layer.name for layer in self.layers)

    def layer(self, name: str) -> Layer:
        """The layer of that name; KeyError if there is none."""
        return dict(zip(self.names, self.layers, strict=True))[name]


@torch.no_grad()
def record(
    model: nn.Module, images: Tensor, *, only: Sequence[int] | None = None, grid: LayerStatistics | None = None
) -> LayerStatistics:
    """What arrives at the norm layers of `model` when the batch `images` (N, 3, 32, 32) runs through it once.

    only: take statistics over these images of the batch; the others still run, since they matter in batch modes.
    grid: take the histograms' edges from this recording, so that both can be compared; by default each histogram
          spans the recording's own mean +- 8 deviations.
    The model has to be one's own, in eval mode, and unfolded (a folded network has no norm layers left to look at).
    Its hooks are removed and its buffers stay as they are, whatever happens.
    ValueError if the model is in training mode, `only` names no image of the batch or `grid` is of another network.
    """
    probed = norm_layers(model)
    chosen = _chosen(only, len(images))
    _check(model, probed, grid)
    heard: list[Layer] = []

    def hear(name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        x = inputs[0]
        values = channel_major(x if chosen is None else x[chosen])
        edges = None if grid is None else grid.layer(name).edges
        heard.append(describe(name, probed[name], values, edges, _applied(module, x)))

    with ExitStack() as hooks:
        for name in probed:
            hooks.enter_context(model.get_submodule(name).register_forward_pre_hook(partial(hear, name)))
        model(images.to(next(model.parameters()).device))
    n = len(images) if chosen is None else len(chosen)
    return LayerStatistics(tuple(heard), *identity(model), n, len(images))


def norm_layers(model: nn.Module) -> dict[str, str]:
    """Name -> norm ("bn", "rn", "gn", "none") of every norm layer, in the network's order."""
    kinds = KINDS.items()
    return {n: kind for n, module in model.named_modules() for kind, cls in kinds if isinstance(module, cls)}


def identity(model: nn.Module) -> tuple[str, str, str]:
    """A network's name, statistics mode and weight hash."""
    return getattr(model, "name", "unnamed"), getattr(model, "statistics", "tracked"), getattr(model, "weight_hash", "")


def channel_major(x: Tensor) -> Tensor:
    """(N, C, H, W) -> float32 (C, N * H * W), contiguous, on the CPU."""
    return x.movedim(1, 0).flatten(1).float().cpu().contiguous()


def describe(name: str, norm: str, values: Tensor, edges: Tensor | None, applied: Applied | None = None) -> Layer:
    """The numbers of values (C, M), exact but for rounding; the histogram stands on `edges` or on edges of its own."""
    minimum, maximum = values.amin(1), values.amax(1)
    mean, std = moments(values)
    if edges is None:
        edges = grid_edges(mean, torch.maximum(std, resolution(minimum, maximum)))
    return Layer(
        name, norm, values.shape[1], mean, std, minimum, maximum, maximum - minimum,
        exact_quantiles(values), histogram(values, edges), edges, applied,
    )  # fmt: skip


def moments(values: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased deviation of each row of (C, M)."""
    mean = values.mean(1, dtype=torch.float64)
    variance = (values - mean[:, None].float()).square_().mean(1, dtype=torch.float64)
    # The deviations were taken from the rounded mean, which can be off by a little.
    variance = variance - (mean - mean.float()).square()
    return mean.float(), variance.clamp_min(0).sqrt().float()


def resolution(minimum: Tensor, maximum: Tensor) -> Tensor:
    """A millionth of a channel's largest magnitude, (C,), positive."""
    return (1e-6 * torch.maximum(minimum.abs(), maximum.abs())).clamp_min(1e-12)


def grid_edges(mean: Tensor, unit: Tensor) -> Tensor:
    """float32 (BINS + 1, C), evenly from mean - REACH units to mean + REACH units."""
    return mean + torch.linspace(-REACH, REACH, BINS + 1)[:, None] * unit


def histogram(values: Tensor, edges: Tensor) -> Tensor:
    """Counts, int64 (BINS, C), of values (C, M) between evenly spaced edges (BINS + 1, C); outer bins take the rest."""
    start, width = edges[0], (edges[-1] - edges[0]) / BINS
    # Half the time of one bincount over all channels in int64: the index of a bin fits a byte.
    index = values.sub(start[:, None]).div_(width[:, None]).clamp_(0, BINS - 1).to(torch.uint8)
    return torch.stack([torch.bincount(row, minlength=BINS) for row in index], 1)


def exact_quantiles(values: Tensor) -> Tensor:
    """`QUANTILES` of each row of (C, M), interpolated linearly, (Q, C). (torch.quantile refuses 16 million values.)"""
    return torch.from_numpy(np.quantile(values.numpy(), QUANTILES, axis=1).astype(np.float32))


def _applied(module: nn.Module, x: Tensor) -> Applied | None:
    if not isinstance(module, BatchNorm2d | RobustNorm2d):
        return None
    centre, scale = module.statistics(x)
    weight = torch.ones_like(scale) if module.weight is None else module.weight
    bias = torch.zeros_like(scale) if module.bias is None else module.bias
    return Applied(*(t.detach().float().cpu().clone() for t in (centre, scale, weight, bias)))


def _chosen(only: Sequence[int] | None, n: int) -> Tensor | None:
    if only is None:
        return None
    if len(only) == 0 or not all(0 <= i < n for i in only):
        raise ValueError(f"`only` has to name images of the batch, 0 to {n - 1}, not {list(only)}.")
    return torch.tensor([int(i) for i in only])


def _check(model: nn.Module, probed: dict[str, str], grid: LayerStatistics | None) -> None:
    if not probed:
        raise ValueError("The model has no norm layer to look at.")
    if any(model.get_submodule(name).training for name in probed):
        raise ValueError("The model is in training mode; call model.eval() before it is looked at.")
    if grid is not None and dict(zip(grid.names, (layer.norm for layer in grid.layers), strict=True)) != probed:
        raise ValueError("`grid` was recorded from a network with other norm layers (or this one is folded).")
