"""Folded copies of constant networks, which have the same output and are faster."""

import threading
from collections import OrderedDict

from torch import nn

from rnorm_core.models import fastest_layout, fold
from rnorm_core.norms import BatchNorm2d, DualBatchNorm2d, RobustNorm2d

KEPT = 16  # copies; one of a ResNet-20 has 1 MB

_lock = threading.Lock()
_kept: OrderedDict[bytes, nn.Module] = OrderedDict()


def forget(key: bytes) -> None:
    """Drops the kept copy of a network that is to be gone."""
    with _lock:
        _kept.pop(key, None)


def folded(model: nn.Module, key: bytes) -> nn.Module:
    """A network with the output of `model` and no tracked norms, in the fastest layout. key: its `fingerprint`.

    Folding takes some milliseconds, so the copy is kept for later attacks, and shared: callers must not change it.
    """
    if not any(isinstance(layer, BatchNorm2d | DualBatchNorm2d | RobustNorm2d) for layer in model.modules()):
        return model
    with _lock:
        if key not in _kept:
            copy = fold(model)
            _kept[key] = copy.to(memory_format=fastest_layout(copy))  # pyright: ignore[reportCallIssue]  (not in torch's stub)
            if len(_kept) > KEPT:
                _kept.popitem(last=False)
        _kept.move_to_end(key)
        return _kept[key]
