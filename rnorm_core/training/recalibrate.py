"""Population statistics estimated anew, without training: PreciseBN."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnorm_core import probes
from rnorm_core.norms import BatchNorm2d, DualBatchNorm2d, RobustNorm2d, batch_statistics


@torch.no_grad()
def recalibrate(model: nn.Module, batches: Iterable[Tensor]) -> nn.Module:
    """Replaces the running statistics of every BatchNorm2d and RobustNorm2d by those of `batches`, and returns `model`.

    Running averages lag behind weights that still move, and describe whatever images came last. PreciseBN (Wu &
    Johnson 2021, section 3) runs batches through the finished network, each normalised with its own statistics as in
    training, and averages: with E the mean over the batches

        mean = E[batch mean],    var = E[batch var + batch mean**2] - mean**2,    range = E[batch range]

    The variance is thus that of all the values together (biased), not the mean of the batches' variances. A range has
    no such sum: that of a batch grows with its size, so take batches as large as in training. Larger batches count for
    more, by their number of values. Of dual norms the branch in use is replaced; `num_batches_tracked` becomes the
    number of batches.

    batches: images (N, 3, H, W) in [0, 1]. `model` has to be one's own; weights and everything else of it stay as they
    are. Nothing is written if a batch fails. ValueError without a batch, without such a norm, for numbers that are not
    finite, and if a layer is torch's own BatchNorm2d, which cannot be told to take its batch's statistics.
    """
    if theirs := [name for name, layer in model.named_modules() if _is_torchs(layer)]:
        raise ValueError(f"{theirs[0]} is torch's BatchNorm2d; call norms.convert_norm(model, 'bn') first.")
    sums: dict[str, _Sum] = {}
    was_training = {module: module.training for module in model.modules()}

    def hear(name: str, layer: nn.Module, x: Tensor) -> None:
        layer = layer.branch if isinstance(layer, DualBatchNorm2d) else layer
        if isinstance(layer, BatchNorm2d | RobustNorm2d) and layer.track_running_stats:
            sums.setdefault(name, _Sum(layer)).add(x)

    device = next(model.parameters()).device
    try:
        with batch_statistics(model.eval()), probes.listening(model, hear):
            for x in batches:
                model(x.to(device))
    finally:
        for module, training in was_training.items():
            module.training = training
    if not sums:
        raise ValueError("There is nothing to recalibrate: no batch came, or no norm of the model keeps statistics.")
    for name, found in sums.items():
        if not found.mean.isfinite().all():
            raise ValueError(f"The statistics at {name} are not finite; nothing was written.")
    for found in sums.values():
        found.write()
    return model


def _is_torchs(layer: nn.Module) -> bool:
    return isinstance(layer, nn.BatchNorm2d) and not isinstance(layer, BatchNorm2d)


@dataclass
class _Sum:
    """Over the batches that came to a layer; total: float64 (2, C), see `_moments`."""

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
    """float64 (2, C): the batch's mean, and what is averaged beside it: mean of squares, or range."""
    wide = x.double()
    mean = wide.mean((0, 2, 3))
    if isinstance(layer, BatchNorm2d):
        return torch.stack([mean, wide.square().mean((0, 2, 3))])
    return torch.stack([mean, wide.amax((0, 2, 3)) - wide.amin((0, 2, 3))])
