"""Normalisation with statistics of the batch, forward and backward, in few passes over the data."""

import math
from collections.abc import Callable

import numpy as np
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

    The forward pass reads x four times (max, min, mean, y) and writes y. The backward pass reads x once and dy twice.
    The range depends on only two elements of a channel, so its gradient is added at these elements and needs no pass.
    The backward pass searches for their positions, so inference does not pay for the search. Returns (y, mean, range).
    """

    @staticmethod
    def forward(ctx, x, fixed_centre, weight, bias, power, eps):
        x = x.contiguous(memory_format=_layout(x))
        lines = _lines(x)
        (high, negated_low), places = _extremes(lines)
        spread = shown_spread = high + negated_low
        if fixed_centre is None:
            # In a constant channel the scale is eps, which would magnify the mean's rounding error; y must be the bias.
            mean = _mean(lines).clamp(-negated_low, high)
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


def _lines(x: Tensor) -> Tensor:
    """A view (I, J, C, P) of x: the numbers of a channel in I * J lines of length P.

    torch reduces these lines fast, and they are short enough to search a line for a number.
    """
    n, c, h, w = x.shape
    if not x.is_contiguous():
        pixels = _pixels(x)
        parts = math.gcd(n * h * w // pixels, 128)
        length = n * h * w // (parts * pixels)
        return x.as_strided((parts, pixels, c, length), (length * pixels * c, c, 1, pixels * c))
    if h * w >= 64:
        return x.as_strided((n, 1, c, h * w), (c * h * w, c * h * w, h * w, 1))
    return x.as_strided((1, h * w, c, n), (x.numel(), 1, h * w, c * h * w))


def _pixels(x: Tensor) -> int:
    """How many pixels of a channels-last x to take as one row of about 64 numbers: torch is slow with shorter rows."""
    n, c, h, w = x.shape
    return math.gcd(n * h * w, 2 ** int(math.log2(max(1, 64 / c))))


def _each(find: Callable[..., Tensor], lines: Tensor) -> Tensor:
    """One number for each line of lines (I, J, C, P): (I, J, C)."""
    if lines.stride(1) < lines.stride(2):  # torch is fast only if the axes of its result are in the order of memory
        return find(lines.transpose(1, 2), 3).transpose(1, 2)
    return find(lines, 3)


def _mean(lines: Tensor) -> Tensor:
    """The mean of each channel of lines (I, J, C, P): (C,), in at least float32."""
    # mean(dtype=float32) of a bf16 tensor would first copy the whole tensor. Each line is summed in float32 and rounded
    # to bf16 once; this error averages out over the many lines of a channel.
    return _each(torch.sum, lines).sum((0, 1), dtype=_wide(lines)) * (lines.shape[2] / lines.numel())


def _extremes(lines: Tensor) -> tuple[Tensor, Tensor]:
    """Extremes (2, C) and places (2, C) of lines (I, J, C, P).

    Extremes: each channel's largest number, and its smallest number times -1. Places: the index i * J + j of the line
    that holds the extreme.
    """
    if lines.dtype == torch.bfloat16 and lines.device.type == "cpu":
        # Positive bf16 numbers keep their order if they are read as integers, and torch compares integers several times
        # faster. A line without positive numbers gives a wrong result, but it is never larger than the correct result
        # of another line.
        bits = lines.view(torch.int16)
        ends, places = torch.stack([_each(torch.amax, bits), _each(torch.amax, bits ^ -(2**15))]).flatten(1, 2).max(1)
        if ends.min().item() > 0:
            return ends.view(lines.dtype).to(_wide(lines)), places
    ends, places = torch.stack([_each(torch.amax, lines), -_each(torch.amin, lines)]).flatten(1, 2).max(1)
    return ends.to(_wide(lines)), places


def _add_at_extremes(dx: Tensor, change: Tensor, x: Tensor, places: Tensor) -> None:
    """Adds change (C,) to dx where x is largest in its channel, and subtracts it where x is smallest.

    If several numbers of a channel are equal to the extreme, one of them gets the whole change.
    """
    lines = _lines(x)
    line = places // lines.shape[1], places % lines.shape[1], torch.arange(x.shape[1], device=x.device).expand(2, -1)
    candidates = lines[line]  # (2, C, P)
    candidates[1].neg_()
    position = candidates.max(2)[1]
    _lines(dx).index_put_((*line, position), torch.stack([change, -change]).to(dx.dtype), accumulate=True)


def channel_median(x: Tensor, straight_through: bool = False) -> Tensor:
    """The median of each channel of x (N, C, H, W) over all its numbers, (C,), in at least float32.

    straight_through: gradients flow as if it were the mean.
    """
    numbers = upcast(x).transpose(0, 1).flatten(1)  # (C, N * H * W)
    if not straight_through:
        return numbers.median(1).values
    mean = numbers.mean(1)
    return _medians(numbers.detach()) + (mean - mean.detach())


def _medians(rows: Tensor) -> Tensor:
    """The median of each row, of two middle numbers the lower."""
    if rows.device.type != "cpu":
        return rows.median(1).values
    middle = (rows.shape[1] - 1) // 2  # NumPy needs a twentieth of torch's time
    return torch.from_numpy(np.partition(rows.numpy(), middle, 1)[:, middle].copy())


def affine(x: Tensor, centre: Tensor, scale: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """weight * (x - centre) / scale + bias by torch's fused kernel; centre and scale get no gradient."""
    wide = _wide(x)
    weight, bias = (None if t is None else t.to(wide) for t in (weight, bias))
    return F.batch_norm(x, centre.to(wide), scale.to(wide) ** 2, weight, bias, False, 0.0, 0.0)


def _sums(dy: Tensor, x: Tensor, centre: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of weight and bias, (C,) each, in one pass: sums over dy * (x - centre) / scale and over dy.

    torch's kernel for the backward pass of BatchNorm computes both sums if eps = 0 and var = scale**2.
    """
    if _layout(x) == _layout(dy) == torch.channels_last and (pixels := _pixels(x)) > 1:
        dy, x = (t.permute(0, 2, 3, 1).reshape(-1, pixels * len(centre), 1, 1) for t in (dy, x))
        sums = _sums(dy, x, torch.cat([centre] * pixels), torch.cat([scale] * pixels))
        d_weight, d_bias = (t.view(pixels, -1).sum(0) for t in sums)
    else:
        _, d_weight, d_bias = torch.ops.aten.native_batch_norm_backward(
            dy, x, None, centre, scale**2, None, None, False, 0.0, [False, True, True]
        )
    return d_weight, d_bias


def _wide(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


def upcast(x: Tensor) -> Tensor:
    return x.to(_wide(x))
