"""Normalization layers that differ only in where their statistics come from.

One contract: `layer.statistics(x) -> (centre, scale)`, each (C,), then

    y = weight * (x - centre) / scale + bias

The statistics *mode* says whose numbers those are when the layer is in eval mode:

    mode            centre               scale
    tracked         population           population
    batch           this batch           this batch
    tracked-mean    population           this batch

Training always normalises with the batch and updates the population estimates; inference never writes a buffer.
In `batch` and `tracked-mean` an image's output depends on its neighbours in the batch.

Some norms have other modes or none to choose from; `modes` knows.
"""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

STATISTICS = ("tracked", "batch", "tracked-mean")
BRANCHES = ("clean-branch", "adversarial-branch")
MODES = (*STATISTICS, *BRANCHES)
NORMS = ("bn", "rn", "gn", "none", "dualbn")
EPS = 1e-5  # the default of what a layer adds to its variance or to its range's power


def modes(norm: str) -> tuple[str, ...]:
    """The statistics modes of a norm, the default first; ValueError for an unknown name."""
    match norm:
        case "bn" | "rn":
            return STATISTICS
        case "gn" | "none":  # nothing to choose: a single image's statistics, or none at all
            return STATISTICS[:1]
        case "dualbn":
            return BRANCHES
    raise ValueError(_unknown(norm))


def looks_at_batch(mode: str) -> bool:
    """Whether an image's prediction depends on the other images of its batch in this mode."""
    return mode in ("batch", "tracked-mean")


class NoNorm(nn.Identity):
    """The identity, under a name of its own, so that a network without norms has the same places to look at."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features


class GroupNorm(nn.GroupNorm):
    """Group normalization (Wu & He 2018) over at most `groups` groups; each image is normalised by itself alone.

    The number of groups is the largest divisor of `num_features` up to `groups`.
    """

    def __init__(self, num_features: int, eps: float = EPS, affine: bool = True, *, groups: int = 8) -> None:
        fitting = max(g for g in range(1, groups + 1) if num_features % g == 0)
        super().__init__(fitting, num_features, eps, affine)

    def forward(self, input: Tensor) -> Tensor:
        # Channels-last, torch's CPU kernel takes some twenty times as long.
        return super().forward(input.contiguous())


class BatchNorm2d(nn.BatchNorm2d):
    """`torch.nn.BatchNorm2d` with a choice of statistics in eval mode.

    scale = sqrt(var + eps), var being the biased variance over (N, H, W) (Ioffe & Szegedy 2015).
    Shapes: x (N, C, H, W) -> the same; weight, bias, running_mean, running_var (C,).
    Raises ValueError for a wrong shape or an unknown mode.
    """

    running_mean: Tensor  # None, like running_var, without track_running_stats
    running_var: Tensor

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
        mean, var = self.running_mean, self.running_var
        if "batch" in (centre, scale):
            batch_var, batch_mean = torch.var_mean(_upcast(x), (0, 2, 3), correction=0)
            mean, var = batch_mean if centre == "batch" else mean, batch_var if scale == "batch" else var
        return mean, (var + self.eps).sqrt()

    def forward(self, x: Tensor) -> Tensor:
        _check_input(self, x)
        if self.training:
            return super().forward(x)
        if _sources(self) == ("population", "population"):
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
        if _sources(self) == ("batch", "batch"):
            if x.numel() == x.shape[1]:  # torch refuses one value a channel, which is its own mean
                return x - x if self.bias is None else x - x + self.bias.to(x)[:, None, None]
            return F.batch_norm(x, None, None, self.weight, self.bias, True, 0.0, self.eps)
        return _DeviationNormalise.apply(x, self.running_mean, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, statistics={self.mode}"


class DualBatchNorm2d(nn.Module):
    """Two BatchNorm2d, one for clean and one for adversarial images, affine parameters included (Xie & Yuille 2020).

    `mode`, one of `BRANCHES`, says through which of the two everything goes: the choice is the caller's, in training
    and after it, since a layer cannot know. The other branch is left as it is.
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


class _DeviationNormalise(torch.autograd.Function):
    """y = weight * (x - centre) / sqrt(var + eps) + bias, with a fixed centre and the variance of x itself.

    torch has no kernel for this mixture; composed of its kernels forward reads x twice, backward x and dy twice each.
    """

    @staticmethod
    def forward(ctx, x, centre, weight, bias, eps):
        mean, var = torch.batch_norm_update_stats(_upcast(x), None, None, 0.0)
        centre, scale = centre.to(_wide(x)), (var + eps).sqrt()
        ctx.save_for_backward(x, weight, centre, mean, scale)
        return _affine(x, centre, scale, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dy):
        x, weight, centre, mean, scale = ctx.saved_tensors
        d_weight, d_bias = _sums(dy, x, centre, scale)
        # dx = weight / scale * dy, less what flows back through the variance: an affine pass over dy, another over x.
        dx = _affine(dy, torch.zeros_like(mean), scale, weight, None)
        through_variance = d_weight / scale * (x.shape[1] / x.numel())
        dx -= _affine(x, mean, scale, through_variance if weight is None else through_variance * weight, None)
        if weight is not None:  # bias then has its type
            d_weight, d_bias = d_weight.to(weight.dtype), d_bias.to(weight.dtype)
        gradients = dx, None, d_weight, d_bias, None
        return tuple(g if needed else None for g, needed in zip(gradients, ctx.needs_input_grad, strict=True))


class RobustNorm2d(nn.Module):
    """RobustNorm (Awais, Shamshad & Bae, arXiv 2006.11007): divides by a power of the range instead of the deviation.

    scale = range**power + eps, range = max - min over (N, H, W). Popoviciu's inequality, var <= range**2 / 4,
    is why a range can stand in for a deviation. A channel that is constant over the batch has range 0: no
    gradient flows through its range then, and its output is `bias` where the mean is the batch's too.
    Shapes: x (N, C, H, W) -> the same; weight, bias, running_mean, running_range (C,).
    `running_mean` starts at 0, `running_range` at 1; `momentum=None` means a cumulative average, as in torch.
    Raises ValueError for a wrong shape, an unknown mode or a negative power.
    """

    running_mean: Tensor  # None, like the other two, without track_running_stats
    running_range: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        num_features: int,
        eps: float = EPS,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        power: float = 0.2,
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
        spread = _upcast(x).amax((0, 2, 3)) - _upcast(x).amin((0, 2, 3)) if scale == "batch" else self.running_range
        mean = _upcast(x).mean((0, 2, 3)) if centre == "batch" else self.running_mean
        return mean, spread**self.power + self.eps

    def forward(self, x: Tensor) -> Tensor:
        _check_input(self, x)
        centre, scale = _sources(self)
        if (centre, scale) == ("population", "population"):
            return _affine(x, *self.statistics(x), self.weight, self.bias)
        fixed_centre = None if centre == "batch" else self.running_mean
        y, mean, spread = _RangeNormalise.apply(x, fixed_centre, self.weight, self.bias, self.power, self.eps)
        if self.training and self.track_running_stats:
            self._track(mean, spread)
        return y

    def _track(self, mean: Tensor, spread: Tensor) -> None:
        self.num_batches_tracked.add_(1)
        factor = 1.0 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), factor)
        self.running_range.lerp_(spread.to(self.running_range.dtype), factor)

    def extra_repr(self) -> str:
        return f"{self.num_features}, eps={self.eps}, power={self.power}, statistics={self.mode}"


class _RangeNormalise(torch.autograd.Function):
    """y = weight * (x - mean) / (range**power + eps) + bias, with mean and range of x itself, in few passes over x.

    Forward reads x three times (mean, max, min) and writes y; backward reads twice and writes once. The range
    touches only two elements of a channel, so its gradient is a scatter and not a pass; where they stand is looked up
    in backward, so that inference does not pay for it. Returns (y, mean, range).
    """

    @staticmethod
    def forward(ctx, x, fixed_centre, weight, bias, power, eps):
        x = x.contiguous(memory_format=_layout(x))
        (high, negated_low), places = _extremes(x)
        spread = shown_spread = high + negated_low
        if fixed_centre is None:
            # In a constant channel the scale is eps, and would blow the mean's rounding error up; y is the bias there.
            mean = _mean(x).clamp(-negated_low, high)
            shown_spread = F.threshold(spread, 0, torch.inf)
        else:
            mean = fixed_centre.to(_wide(x))
        ctx.save_for_backward(x, weight, mean, spread, places)
        ctx.power, ctx.eps, ctx.centre_is_fixed = power, eps, fixed_centre is not None
        ctx.mark_non_differentiable(mean, spread)
        return _affine(x, mean, shown_spread**power + eps, weight, bias), mean, spread

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dy, _mean, _spread):
        x, weight, mean, spread, places = ctx.saved_tensors
        dy = dy.contiguous(memory_format=_layout(x))
        stretch = spread**ctx.power
        scale = stretch + ctx.eps
        d_weight, d_bias = _sums(dy, x, mean, scale)
        # dx = weight / scale * dy, less what flows back through the mean: one affine pass over dy.
        mean_dy = torch.zeros_like(mean) if ctx.centre_is_fixed else d_bias * (x.shape[1] / x.numel())
        dx = _affine(dy, mean_dy, scale, weight, None)
        # What flows back through the range: power * range**(power - 1), and nothing where the channel is constant.
        safe = F.threshold(spread, torch.finfo(spread.dtype).tiny, torch.inf)
        through_range = d_weight * stretch / (scale * safe) * -ctx.power
        if weight is not None:  # bias then has its type
            through_range *= weight
            d_weight, d_bias = d_weight.to(weight.dtype), d_bias.to(weight.dtype)
        _add_at_extremes(dx, through_range, x, places)
        gradients = dx, None, d_weight, d_bias, None, None
        return tuple(g if needed else None for g, needed in zip(gradients, ctx.needs_input_grad, strict=True))


def _layout(x: Tensor) -> torch.memory_format:
    """The memory format that x is in; contiguous if it is in none."""
    last = not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def _lines(x: Tensor) -> tuple[Tensor, int, tuple[int, int], int]:
    """x as a matrix whose lines (the rows if `along` is 1, the columns if 0) are each of one channel.

    Returns (matrix, along, shape, across): the lines, in order, have this shape, of which `across` is the axis that is
    not the channel's. torch reduces fast along long rows and down the columns of wide rows, and slowly otherwise.
    """
    n, c, h, w = x.shape
    if not x.is_contiguous():
        places = math.gcd(n * h * w, 1024)
        return x.permute(0, 2, 3, 1).view(-1, places * c), 0, (places, c), 0
    if h * w >= 64:
        return x.view(n * c, h * w), 1, (n, c), 0
    return x.view(n, c * h * w), 0, (c, h * w), 1


def _mean(x: Tensor) -> Tensor:
    """A channel's mean, (C,), in at least float32."""
    if x.dtype == _wide(x):
        return x.mean((0, 2, 3))
    # mean(dtype=float32) of a bf16 tensor would first copy it whole. Each line is summed in float32 and rounded to
    # bf16 once; over the many lines of a channel that error averages out.
    matrix, along, shape, across = _lines(x)
    return matrix.sum(along).view(shape).sum(across, dtype=_wide(x)) * (x.shape[1] / x.numel())


def _extremes(x: Tensor) -> tuple[Tensor, Tensor]:
    """(2, C): a channel's largest number and, negated, its smallest; and which of its lines each is in, (2, C)."""
    matrix, along, shape, across = _lines(x)

    def best(high: Tensor, negated_low: Tensor) -> tuple[Tensor, Tensor]:
        return torch.stack([high, negated_low]).view(2, *shape).max(1 + across)

    if x.dtype == torch.bfloat16 and x.device.type == "cpu":
        # Read as integers, positive bf16 numbers keep their order, and torch compares integers several times faster.
        # A line without one gives some other candidate, but never one that beats a right one of another line.
        bits = matrix.view(torch.int16)
        ends, places = best(_ends(bits, along), _ends(bits ^ -(2**15), along))
        if ends.min().item() > 0:
            return ends.view(x.dtype).to(_wide(x)), places
    ends, places = best(_ends(matrix, along), -_ends(matrix, along, torch.amin))
    return ends.to(_wide(x)), places


def _ends(matrix: Tensor, along: int, find: Callable[..., Tensor] = torch.amax) -> Tensor:
    """The largest number of each line, or the smallest. Down columns torch is faster in two steps, eight rows first."""
    if along == 0 and len(matrix) % 8 == 0:
        matrix = find(matrix.view(8, -1, matrix.shape[1]), 0)
    return find(matrix, along)


def _add_at_extremes(dx: Tensor, change: Tensor, x: Tensor, places: Tensor) -> None:
    """Adds change (C,) to dx where x is largest in its channel, and takes it away where x is smallest.

    Where several numbers of a channel are extreme one of them gets it all.
    """
    (matrix, along, shape, across), (d_matrix, *_) = _lines(x), _lines(dx)
    channel = torch.arange(x.shape[1], device=x.device)
    line = (channel * shape[1] + places if across else places * shape[1] + channel).view(-1)
    highs, lows = matrix.index_select(1 - along, line).chunk(2, 1 - along)
    position = torch.cat([highs.max(along)[1], lows.min(along)[1]])
    change = torch.cat([change, -change]).to(dx.dtype)
    d_matrix.index_put_((line, position) if along else (position, line), change, accumulate=True)


def _affine(x: Tensor, centre: Tensor, scale: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """weight * (x - centre) / scale + bias by torch's fused kernel; centre and scale get no gradient."""
    wide = _wide(x)
    weight, bias = (None if t is None else t.to(wide) for t in (weight, bias))
    return F.batch_norm(x, centre.to(wide), scale.to(wide) ** 2, weight, bias, False, 0.0, 0.0)


def _sums(dy: Tensor, x: Tensor, centre: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Of each channel the sum of dy * (x - centre) / scale, and that of dy, in one pass: gradients of weight and bias.

    With eps = 0 and var = scale**2 torch's kernel computes just that.
    """
    _, d_weight, d_bias = torch.ops.aten.native_batch_norm_backward(
        dy, x, None, centre, scale**2, None, None, False, 0.0, [False, True, True]
    )
    return d_weight, d_bias


def _wide(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def _upcast(x: Tensor) -> Tensor:
    return x.to(_wide(x))


def _sources(layer: BatchNorm2d | RobustNorm2d) -> tuple[str, str]:
    """Where centre and scale come from now: "batch" or "population"."""
    if layer.training or not layer.track_running_stats or layer.mode == "batch":
        return "batch", "batch"
    return "population", "population" if layer.mode == "tracked" else "batch"


def _checked_mode(statistics: str, known: tuple[str, ...] = STATISTICS) -> str:
    if statistics not in known:
        raise ValueError(f"Unknown statistics mode {statistics!r}; choose one of {', '.join(known)}.")
    return statistics


def _check_input(layer: BatchNorm2d | RobustNorm2d, x: Tensor) -> None:
    if x.dim() != 4 or x.shape[1] != layer.num_features:
        raise ValueError(
            f"{type(layer).__name__} expected an input of shape (N, {layer.num_features}, H, W), got {tuple(x.shape)}."
        )


def make_norm(name: str, num_features: int, *, power: float = 0.2, statistics: str | None = None) -> nn.Module:
    """A norm layer for (N, num_features, H, W) by short name: one of `NORMS`.

    `power` matters to "rn" alone; `statistics` is one of the norm's `modes`, by default the first, and is nothing to
    "gn" and "none". Raises ValueError for an unknown name.
    """
    mode = statistics or modes(name)[0]
    match name:
        case "bn":
            return BatchNorm2d(num_features, statistics=mode)
        case "rn":
            return RobustNorm2d(num_features, power=power, statistics=mode)
        case "dualbn":
            return DualBatchNorm2d(num_features, statistics=mode)
        case "gn":
            return GroupNorm(num_features)
        case "none":
            return NoNorm(num_features)
    raise ValueError(_unknown(name))


def _unknown(name: str) -> str:
    return f"Unknown norm {name!r}; choose one of {', '.join(NORMS)}."


@contextmanager
def batch_statistics(model: nn.Module) -> Iterator[None]:
    """Inside, every BatchNorm2d and RobustNorm2d normalises with its batch, as in training, and writes no buffer.

    Gradients flow as in training, and everything but the norms stays in the mode that it was in.
    """
    layers = [layer for layer in model.modules() if isinstance(layer, BatchNorm2d | RobustNorm2d)]
    before = [(layer.training, layer.mode) for layer in layers]
    try:
        for layer in layers:
            layer.training, layer.mode = False, "batch"
        yield
    finally:
        for layer, (training, mode) in zip(layers, before, strict=True):
            layer.training, layer.mode = training, mode


def convert_norm(model: nn.Module, name: str, *, power: float = 0.2, statistics: str | None = None) -> nn.Module:
    """Replaces every BatchNorm2d (torch's or ours) and RobustNorm2d of any model by the norm `name`, in place.

    gamma, beta and the running mean are carried over; the other tracked statistic has no counterpart (a deviation
    is no range) and starts anew, so that the converted model wants training or re-estimated statistics. Of a
    DualBatchNorm2d the branch in use is converted; both branches of a new one start as the layer it replaces.
    Returns the model, or the new layer if the model itself is one. Raises ValueError for an unknown name.
    """
    if isinstance(model, DualBatchNorm2d):
        return model if name == "dualbn" else convert_norm(model.branch, name, power=power, statistics=statistics)
    if isinstance(model, nn.BatchNorm2d | RobustNorm2d):
        return _converted(model, name, power, statistics or modes(name)[0])
    for child_name, child in model.named_children():
        setattr(model, child_name, convert_norm(child, name, power=power, statistics=statistics))
    return model


def _converted(old: nn.BatchNorm2d | RobustNorm2d, name: str, power: float, statistics: str) -> nn.Module:
    kept = ("eps", "momentum", "affine", "track_running_stats")
    options: dict[str, Any] = {key: getattr(old, key) for key in kept}
    if name == "bn":
        new = BatchNorm2d(old.num_features, **options, statistics=statistics)
    elif name == "rn":
        new = RobustNorm2d(old.num_features, **options, power=power, statistics=statistics)
    elif name == "dualbn":
        new = DualBatchNorm2d(old.num_features, **options, statistics=statistics)
        new.clean, new.adversarial = (_converted(old, "bn", power, "tracked") for _ in BRANCHES)  # pyright: ignore
        return new.train(old.training)
    else:
        new = make_norm(name, old.num_features)
    shared = old.state_dict().keys() & new.state_dict().keys()
    if isinstance(old, RobustNorm2d) != isinstance(new, RobustNorm2d):
        shared -= {"num_batches_tracked"}  # or a cumulative average would count the new statistic's initial value
    if (reference := next(iter(old.state_dict().values()), None)) is not None:
        new.to(reference.device, reference.dtype)  # before loading, which would round float64 otherwise
    new.load_state_dict(new.state_dict() | {key: old.state_dict()[key] for key in shared})
    return new.train(old.training)
