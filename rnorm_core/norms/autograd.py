"""Normalisation with statistics of the batch, forward and backward, in few passes over the data."""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class DeviationNormalise(torch.autograd.Function):
    """y = weight * (x - centre) / sqrt(var + eps) + bias, with a fixed centre and the variance of x itself.

    torch has no kernel for this combination, so several torch kernels are used. The forward pass reads x twice; the
    backward pass reads x and dy twice each.
    """

    @staticmethod
    def forward(ctx, x, centre, weight, bias, eps):
        mean, var = torch.batch_norm_update_stats(upcast(x), None, None, 0.0)
        centre, scale = centre.to(_wide(x)), (var + eps).sqrt()
        ctx.save_for_backward(x, weight, centre, mean, scale)
        return affine(x, centre, scale, weight, bias)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dy):
        x, weight, centre, mean, scale = ctx.saved_tensors
        d_weight, d_bias = _sums(dy, x, centre, scale)
        # dx = weight / scale * dy, minus the gradient through the variance: an affine pass over dy, another over x.
        dx = affine(dy, torch.zeros_like(mean), scale, weight, None)
        through_variance = d_weight / scale * (x.shape[1] / x.numel())
        dx -= affine(x, mean, scale, through_variance if weight is None else through_variance * weight, None)
        if weight is not None:  # the bias then has the same type
            d_weight, d_bias = d_weight.to(weight.dtype), d_bias.to(weight.dtype)
        gradients = dx, None, d_weight, d_bias, None
        return tuple(g if needed else None for g, needed in zip(gradients, ctx.needs_input_grad, strict=True))


class RangeNormalise(torch.autograd.Function):
    """y = weight * (x - mean) / (range**power + eps) + bias, with mean and range of x itself, in few passes over x.

    The forward pass reads x three times (mean, max, min) and writes y. The backward pass reads twice and writes once.
    The range depends on only two elements of a channel, so its gradient is added at these elements and needs no pass.
    The backward pass searches for their positions, so inference does not pay for the search. Returns (y, mean, range).
    """

    @staticmethod
    def forward(ctx, x, fixed_centre, weight, bias, power, eps):
        x = x.contiguous(memory_format=_layout(x))
        (high, negated_low), places = _extremes(x)
        spread = shown_spread = high + negated_low
        if fixed_centre is None:
            # In a constant channel the scale is eps, which would magnify the mean's rounding error; y must be the bias.
            mean = _mean(x).clamp(-negated_low, high)
            shown_spread = F.threshold(spread, 0, torch.inf)
        else:
            mean = fixed_centre.to(_wide(x))
        ctx.save_for_backward(x, weight, mean, spread, places)
        ctx.power, ctx.eps, ctx.centre_is_fixed = power, eps, fixed_centre is not None
        ctx.mark_non_differentiable(mean, spread)
        return affine(x, mean, shown_spread**power + eps, weight, bias), mean, spread

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx, dy, _mean, _spread):
        x, weight, mean, spread, places = ctx.saved_tensors
        dy = dy.contiguous(memory_format=_layout(x))
        stretch = spread**ctx.power
        scale = stretch + ctx.eps
        d_weight, d_bias = _sums(dy, x, mean, scale)
        # dx = weight / scale * dy, minus the gradient through the mean: one affine pass over dy.
        mean_dy = torch.zeros_like(mean) if ctx.centre_is_fixed else d_bias * (x.shape[1] / x.numel())
        dx = affine(dy, mean_dy, scale, weight, None)
        # The gradient through the range: power * range**(power - 1), and 0 in a constant channel.
        safe = F.threshold(spread, torch.finfo(spread.dtype).tiny, torch.inf)
        through_range = d_weight * stretch / (scale * safe) * -ctx.power
        if weight is not None:  # the bias then has the same type
            through_range *= weight
            d_weight, d_bias = d_weight.to(weight.dtype), d_bias.to(weight.dtype)
        _add_at_extremes(dx, through_range, x, places)
        gradients = dx, None, d_weight, d_bias, None, None
        return tuple(g if needed else None for g, needed in zip(gradients, ctx.needs_input_grad, strict=True))


def _layout(x: Tensor) -> torch.memory_format:
    """The memory format of x, channels-last or contiguous; contiguous for any other format."""
    last = not x.is_contiguous() and x.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


class _Lines(NamedTuple):
    """A tensor as a matrix with lines. A line holds numbers of one channel only.

    along:  the axis along a line: 1 if the lines are rows, 0 if they are columns.
    shape:  the shape of the lines in order; one of its axes is the channel.
    across: the other axis of `shape`.
    """

    matrix: Tensor
    along: int
    shape: tuple[int, int]
    across: int


def _lines(x: Tensor) -> _Lines:
    """x in lines that torch reduces fast: long rows, or the columns of wide rows."""
    n, c, h, w = x.shape
    if not x.is_contiguous():
        places = math.gcd(n * h * w, 1024)
        return _Lines(x.permute(0, 2, 3, 1).view(-1, places * c), 0, (places, c), 0)
    if h * w >= 64:
        return _Lines(x.view(n * c, h * w), 1, (n, c), 0)
    return _Lines(x.view(n, c * h * w), 0, (c, h * w), 1)


def _mean(x: Tensor) -> Tensor:
    """The mean of each channel, (C,), in at least float32."""
    if x.dtype == _wide(x):
        return x.mean((0, 2, 3))
    # mean(dtype=float32) of a bf16 tensor would first copy the whole tensor. Each line is summed in float32 and rounded
    # to bf16 once; this error averages out over the many lines of a channel.
    matrix, along, shape, across = _lines(x)
    return matrix.sum(along).view(shape).sum(across, dtype=_wide(x)) * (x.shape[1] / x.numel())


def _extremes(x: Tensor) -> tuple[Tensor, Tensor]:
    """Extremes (2, C) and places (2, C). Extremes: each channel's largest number, and its smallest number times -1.

    Places: the index of the line that holds the extreme, among the lines of the channel.
    """
    matrix, along, shape, across = _lines(x)

    def best(high: Tensor, negated_low: Tensor) -> tuple[Tensor, Tensor]:
        return torch.stack([high, negated_low]).view(2, *shape).max(1 + across)

    if x.dtype == torch.bfloat16 and x.device.type == "cpu":
        # Positive bf16 numbers keep their order if they are read as integers, and torch compares integers several times
        # faster. A line without positive numbers gives a wrong result, but it is never larger than the correct result
        # of another line.
        bits = matrix.view(torch.int16)
        ends, places = best(_ends(bits, along), _ends(bits ^ -(2**15), along))
        if ends.min().item() > 0:
            return ends.view(x.dtype).to(_wide(x)), places
    ends, places = best(_ends(matrix, along), -_ends(matrix, along, torch.amin))
    return ends.to(_wide(x)), places


def _ends(matrix: Tensor, along: int, find: Callable[..., Tensor] = torch.amax) -> Tensor:
    """The largest (or smallest) number of each line. For columns torch is faster in two steps, eight parts first."""
    if along == 0 and len(matrix) % 8 == 0:
        matrix = find(matrix.view(8, -1, matrix.shape[1]), 0)
    return find(matrix, along)


def _add_at_extremes(dx: Tensor, change: Tensor, x: Tensor, places: Tensor) -> None:
    """Adds change (C,) to dx where x is largest in its channel, and subtracts it where x is smallest.

    If several numbers of a channel are equal to the extreme, one of them gets the whole change.
    """
    (matrix, along, shape, across), d_matrix = _lines(x), _lines(dx).matrix
    channel = torch.arange(x.shape[1], device=x.device)
    line = (channel * shape[1] + places if across else places * shape[1] + channel).view(-1)
    highs, lows = matrix.index_select(1 - along, line).chunk(2, 1 - along)
    position = torch.cat([highs.max(along)[1], lows.min(along)[1]])
    change = torch.cat([change, -change]).to(dx.dtype)
    d_matrix.index_put_((line, position) if along else (position, line), change, accumulate=True)


def affine(x: Tensor, centre: Tensor, scale: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """weight * (x - centre) / scale + bias by torch's fused kernel; centre and scale get no gradient."""
    wide = _wide(x)
    weight, bias = (None if t is None else t.to(wide) for t in (weight, bias))
    return F.batch_norm(x, centre.to(wide), scale.to(wide) ** 2, weight, bias, False, 0.0, 0.0)


def _sums(dy: Tensor, x: Tensor, centre: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of weight and bias, (C,) each, in one pass: sums over dy * (x - centre) / scale and over dy.

    torch's kernel for the backward pass of BatchNorm computes both sums if eps = 0 and var = scale**2.
    """
    _, d_weight, d_bias = torch.ops.aten.native_batch_norm_backward(
        dy, x, None, centre, scale**2, None, None, False, 0.0, [False, True, True]
    )
    return d_weight, d_bias


def _wide(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def upcast(x: Tensor) -> Tensor:
    return x.to(_wide(x))
