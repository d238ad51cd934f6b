"""Normalization layers that differ only in the source of their statistics.

All have one method in common: `layer.statistics(x) -> (centre, scale)`, each (C,), then

    y = weight * (x - centre) / scale + bias

The statistics *mode* determines the source of centre and scale when the layer is in eval mode:

    mode            centre               scale
    tracked         population           population
    batch           this batch           this batch
    tracked-mean    population           this batch
    batch-median    this batch, median   this batch

In training a layer always normalises with the batch and updates the population estimates. Inference never writes a
buffer. In all modes but `tracked` an image's output depends on the other images of the batch. Some norms have other
modes; see `modes`.

`batch-median` is MedBN (Park et al. 2024, arXiv 2403.19326) as its authors' code has it (the class `MedNorm` in
models/norm.py of github.com/ml-postech/MedBN-robust-test-time-adaptation): the centre of a channel is the median of its
N * H * W numbers, and BatchNorm's variance is their mean squared distance from this median. Of an even number of
numbers the median is the lower one, as in torch. RobustNorm takes only the centre; its range stays that of the batch.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnorm_core.norms.autograd import DeviationNormalise, RangeNormalise, affine, channel_median, upcast
from rnorm_core.norms.names import BRANCHES, DEFAULT_POWER, EPS, MEDIAN, STATISTICS


class NoNorm(nn.Identity):
    """The identity. It has its own class, so that `probes` finds the same positions in a network without norms."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


class GroupNorm(nn.GroupNorm):
    """Group normalization (Wu & He 2018) over at most `groups` groups; each image is normalised separately.

    The number of groups is the largest divisor of `num_features` up to `groups`.
    """

    def __init__(self, num_features: int, eps: float = EPS, affine: bool = True, *, groups: int = 8) -> None:
        fitting = max(g for g in range(1, groups + 1) if num_features % g == 0)
        super().__init__(fitting, num_features, eps, affine)

    def forward(self, input: Tensor) -> Tensor:
        # For channels-last images torch's CPU kernel takes about twenty times as long.
        return super().forward(input.contiguous())


class BatchNorm2d(nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` with a choice of statistics in eval mode.

    scale = sqrt(var + eps); var is the biased variance over (N, H, W) (Ioffe & Szegedy 2015).
    Shapes: x (N, C, H, W) -> the same; weight, bias, running_mean, running_var (C,).
    Raises ValueError for a wrong shape or an unknown mode.
    """

    running_mean: Tensor  # None, like running_var, without track_running_stats
    running_var: Tensor
    straight_through = False  # see `norms.straight_through`

    def __init__(
        self,
        num_features: int,
        eps: float = EPS,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        statistics: str = "tracked",
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats)
        self.mode = _checked_mode(statistics)

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(centre, scale), each (C,), as `forward` uses them for x (N, C, H, W) in the current mode."""
        centre, scale = _sources(self)
        if centre == "median":
            median = channel_median(x, self.straight_through)
            return median, ((upcast(x) - median[:, None, None]).square().mean((0, 2, 3)) + self.eps).sqrt()
        mean, var = self.running_mean, self.running_var
        if "batch" in (centre, scale):
            batch_var, batch_mean = torch.var_mean(upcast(x), (0, 2, 3), correction=0)
            mean, var = batch_mean if centre == "batch" else mean, batch_var if scale == "batch" else var
        return mean, (var + self.eps).sqrt()

    def forward(self, x: Tensor) -> Tensor:
        _check_input(self, x)
        if self.training:
            return super().forward(x)
        if _sources(self) == ("population", "population"):
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        if _sources(self) == ("batch", "batch"):
            if x.numel() == x.shape[1]:  # torch refuses one value per channel; its mean is the value itself
                return x - x if self.bias is None else x - x + self.bias.to(x)[:, None, None]
            return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        if self.mode == MEDIAN:
            median, scale = (t[:, None, None] for t in self.statistics(x))
            y = (upcast(x) - median) / scale
            return (y if self.weight is None else self.weight[:, None, None] * y + self.bias[:, None, None]).to(x.dtype)
        return DeviationNormalise.apply(x, self.running_mean, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, statistics={self.mode}"


class DualBatchNorm2d(nn.Module):
    """Two BatchNorm2d, one for clean and one for adversarial images, affine parameters included (Xie & Yuille 2020).

    `mode`, one of `BRANCHES`, selects the layer that is used. The caller sets it, in training and afterwards, because
    the layer cannot know which kind of images it gets. The other branch does not change.
    Shapes: x (N, C, H, W) -> the same. Raises ValueError for a wrong shape or an unknown mode.
    """

    def __init__(
        self,
        num_features: int,
        eps: float = EPS,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        statistics: str = "clean-branch",
    ) -> None:
        super().__init__()
        self.num_features = num_features
        self.clean = BatchNorm2d(num_features, eps, momentum, affine, track_running_stats)
        self.adversarial = BatchNorm2d(num_features, eps, momentum, affine, track_running_stats)
        self.mode = _checked_mode(statistics, BRANCHES)

    @property
    def branch(self) -> BatchNorm2d:
        """The layer that is in use."""
        return self.clean if self.mode == "clean-branch" else self.adversarial

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(centre, scale), each (C,), as `forward` uses them for x (N, C, H, W) in the current mode."""
        return self.branch.statistics(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.branch(x)

    def extra_repr(self) -> str:
        return f"statistics={self.mode}"


class RobustNorm2d(nn.Module):
    """RobustNorm (Awais, Shamshad & Bae, arXiv 2006.11007): divides by a power of the range instead of the deviation.

    scale = range**power + eps, range = max - min over (N, H, W). A range can replace a standard deviation because of
    Popoviciu's inequality, var <= range**2 / 4. A channel that is constant over the batch has range 0. Then no gradient
    flows through its range, and its output is `bias` if the mean is that of the batch, too.
    Shapes: x (N, C, H, W) -> the same; weight, bias, running_mean, running_range (C,).
    `running_mean` starts at 0, `running_range` at 1; `momentum=None` means a cumulative average, as in torch.
    Raises ValueError for a wrong shape, an unknown mode or a negative power.
    """

    running_mean: Tensor  # None, like the other two, without track_running_stats
    running_range: Tensor
    num_batches_tracked: Tensor
    straight_through = False  # see `norms.straight_through`

    def __init__(
        self,
        num_features: int,
        eps: float = EPS,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        power: float = DEFAULT_POWER,
        statistics: str = "tracked",
    ) -> None:
        super().__init__()
        if not power >= 0:
            raise ValueError(f"RobustNorm's power must be at least 0, got {power}.")
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        self.affine = affine
        self.track_running_stats = track_running_stats
        self.power = power
        self.mode = _checked_mode(statistics)
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        self.register_buffer("running_mean", torch.zeros(num_features) if track_running_stats else None)
        self.register_buffer("running_range", torch.ones(num_features) if track_running_stats else None)
        self.register_buffer("num_batches_tracked", torch.tensor(0) if track_running_stats else None)

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(centre, scale), each (C,), as `forward` uses them for x (N, C, H, W) in the current mode."""
        centre, scale = _sources(self)
        spread = upcast(x).amax((0, 2, 3)) - upcast(x).amin((0, 2, 3)) if scale == "batch" else self.running_range
        if centre == "median":
            return channel_median(x, self.straight_through), spread**self.power + self.eps
        mean = upcast(x).mean((0, 2, 3)) if centre == "batch" else self.running_mean
        return mean, spread**self.power + self.eps

    def forward(self, x: Tensor) -> Tensor:
        _check_input(self, x)
        centre, scale = _sources(self)
        if (centre, scale) == ("population", "population"):
            return affine(x, *self.statistics(x), self.weight, self.bias)
        if centre == "median":  # the range of x is that of x - median
            median = channel_median(x, self.straight_through)
            return self._normalise(upcast(x) - median[:, None, None], torch.zeros_like(median))[0].to(x.dtype)
        y, mean, spread = self._normalise(x, None if centre == "batch" else self.running_mean)
        if self.training and self.track_running_stats:
            self._track(mean, spread)
        return y

    def _normalise(self, x: Tensor, centre: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        return RangeNormalise.apply(x, centre, self.weight, self.bias, self.power, self.eps)

    def _track(self, mean: Tensor, spread: Tensor) -> None:
        self.num_batches_tracked.add_(1)
        factor = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), factor)
        self.running_range.lerp_(spread.to(self.running_range.dtype), factor)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, power={self.power}, statistics={self.mode}"


def _sources(layer: BatchNorm2d | RobustNorm2d) -> tuple[str, str]:
    """The sources of (centre, scale) in the current mode: "batch" or "population"; of the centre also "median"."""
    if layer.mode == MEDIAN and not layer.training:
        return "median", "batch"
    if layer.training or not layer.track_running_stats or layer.mode == "batch":
        return "batch", "batch"
    return "population", "population" if layer.mode == "tracked" else "batch"


def _checked_mode(statistics: str, known: tuple[str, ...] = (*STATISTICS, MEDIAN)) -> str:
    if statistics not in known:
        raise ValueError(f"Unknown statistics mode {statistics!r}; choose one of {', '.join(known)}.")
    return statistics


def _check_input(layer: BatchNorm2d | RobustNorm2d, x: Tensor) -> None:
    if x.dim() != 4 or x.shape[1] != layer.num_features:
        raise ValueError(
            f"{type(layer).__name__} expected an input of shape (N, {layer.num_features}, H, W), got {tuple(x.shape)}."
        )
