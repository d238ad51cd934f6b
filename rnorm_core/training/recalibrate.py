"""PreciseBN: new population statistics for a finished network, without training."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnorm_core import probes
from rnorm_core.norms import BatchNorm2d, DualBatchNorm2d, RobustNorm2d, batch_statistics


@torch.no_grad()
def recalibrate(model: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """Replaces the running statistics of every BatchNorm2d and RobustNorm2d by those of `batches`, and returns `model`.

    A running average lags behind the weights during training and depends most on the last images. PreciseBN (Wu &
    Johnson 2021, section 3) runs batches through the finished network. Each batch is normalised with its own
    statistics, as in training. With E the mean over the batches, the new statistics are

        mean = E[batch mean],    var = E[batch var + batch mean**2] - mean**2,    range = E[batch range]

    The variance is that of all values (biased), not the mean of the batches' variances. There is no such formula for
    the range, and the range of a batch grows with its size, so use batches as large as in training. E weights each
    batch by its number of values. Dual norms: the branch in use is replaced. `num_batches_tracked` becomes the number
    of batches.

    batches: images (N, 3, H, W) in [0, 1]. model: no other code may use it during the call; its weights, modes and
    training flags do not change. Nothing is written if a batch fails. ValueError without a batch, without such a norm,
    if a statistic is not finite, and for torch's own BatchNorm2d, which cannot be switched to the batch's statistics.
    """
    if other := [name for name, layer in model.named_modules() if _is_torchs(layer)]:
        raise ValueError(f"{other[0]} is torch's BatchNorm2d; call norms.convert_norm(model, 'bn') first.")
    sums: dict[str, _Sum] = {}
    was_training = {module: module.training for module in model.modules()}

    def add(name: str, layer: nn.Module, x: Tensor) -> None:
        layer = layer.branch if isinstance(layer, DualBatchNorm2d) else layer
        if isinstance(layer, BatchNorm2d | RobustNorm2d) and layer.track_running_stats:
            sums.setdefault(name, _Sum(layer)).add(x)

    device = next(model.parameters()).device
    try:
        with batch_statistics(model.eval()), probes.listening(model, add):
            for x in batches:
                model(x.to(device))
    finally:
        for module, training in was_training.items():
            module.training = training
    if not sums:
        raise ValueError("There is nothing to recalibrate: no batch came, or no norm of the model keeps statistics.")
    for name, total in sums.items():
        if not total.mean.isfinite().all():
            raise ValueError(f"The statistics at {name} are not finite; nothing was written.")
    for total in sums.values():
        total.write()
    return model


def _is_torchs(layer: nn.Module) -> bool:
    return isinstance(layer, nn.BatchNorm2d) and not isinstance(layer, BatchNorm2d)


@dataclass
class _Sum:
    """Sums of a layer's inputs. total: float64 (2, C), the sum over batches of `_moments` times number of values."""

    layer: BatchNorm2d | RobustNorm2d
    batches: int = 0
    values: int = 0
    total: Tensor | float = 0.0

    def add(self, x: Tensor) -> None:
        count = x.numel() // x.shape[1]
        self.total = self.total + count * _moments(self.layer, x)
        self.batches += 1
        self.values += count

    @property
    def mean(self) -> Tensor:
        return torch.as_tensor(self.total / self.values)

    def write(self) -> None:
        layer, (mean, second) = self.layer, self.mean
        layer.running_mean.copy_(mean)
        if isinstance(layer, BatchNorm2d):
            layer.running_var.copy_((second - mean.square()).clamp_min(0))
        else:
            layer.running_range.copy_(second)
        layer.get_buffer("num_batches_tracked").fill_(self.batches)


def _moments(layer: nn.Module, x: Tensor) -> Tensor:
    """float64 (2, C): the batch's mean, and its mean of squares (BatchNorm) or its range (RobustNorm)."""
    wide = x.double()
    mean = wide.mean((0, 2, 3))
    if isinstance(layer, BatchNorm2d):
        return torch.stack([mean, wide.square().mean((0, 2, 3))])
    return torch.stack([mean, wide.amax((0, 2, 3)) - wide.amin((0, 2, 3))])
