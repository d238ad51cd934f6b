"""Makes norm layers by name, replaces the norm layers of a model, and switches them to batch statistics."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from rnorm_core.norms.layers import BatchNorm2d, DualBatchNorm2d, GroupNorm, NoNorm, RobustNorm2d
from rnorm_core.norms.names import BRANCHES, DEFAULT_POWER, modes, unknown


def make_norm(
    name: str, num_features: int, *, power: float = DEFAULT_POWER, statistics: str | None = None
) -> nn.Module:
    """A norm layer for (N, num_features, H, W) by short name: one of `NORMS`.

    `power` is used by "rn" alone. `statistics` is one of the norm's `modes`, the first by default; "gn" and "none"
    ignore it. Raises ValueError for an unknown name.
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
    raise ValueError(unknown(name))


@contextmanager
def batch_statistics(model: nn.Module) -> Iterator[None]:
    """Inside the `with` block every BatchNorm2d and RobustNorm2d normalises with its batch and writes no buffer.

    Gradients flow as in training. All other layers keep their mode.
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


def straight_through(model: nn.Module) -> nn.Module:
    """From now on gradients pass through the medians of `model` as if they were means. The output does not change.

    A median is the value of one number, so its exact gradient is 0 at all others: an attack that climbs it misses most
    of the way, and the median looks like a better defence than it is (gradient masking). The usual remedy is a stand-in
    for the backward pass (BPDA, Athalye et al. 2018). Returns `model`.
    """
    for layer in model.modules():
        if isinstance(layer, BatchNorm2d | RobustNorm2d):
            layer.straight_through = True
    return model


def convert_norm(
    model: nn.Module, name: str, *, power: float = DEFAULT_POWER, statistics: str | None = None
) -> nn.Module:
    """Replaces every BatchNorm2d (torch's or ours) and RobustNorm2d of any model by the norm `name`, in place.

    gamma, beta and the running mean are kept. A running variance cannot be converted to a running range, or the
    reverse, so the new statistic starts at its initial value. Then the model needs training or newly estimated
    statistics. If the old layer is a DualBatchNorm2d, its branch in use is converted. If the new layer is one, both of
    its branches start as a copy of the old layer. Returns the model, or the new layer if `model` itself is a norm
    layer. Raises ValueError for an unknown name.
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
        shared -= {"num_batches_tracked"}  # otherwise a cumulative average would include the initial value
    if (reference := next(iter(old.state_dict().values()), None)) is not None:
        new.to(reference.device, reference.dtype)  # before loading, which would otherwise round float64
    new.load_state_dict(new.state_dict() | {key: old.state_dict()[key] for key in shared})
    return new.train(old.training)
