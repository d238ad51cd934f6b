"""Networks that are constant for the time of an attack. A faster form of such a network may stand in for it."""

import hashlib

import torch
from torch import nn
from torch.nn.modules.module import _has_any_global_hook

from rnorm_core.models import VGG, Block, ConvNorm, PixelNormalize, ResNet
from rnorm_core.norms import BatchNorm2d, DualBatchNorm2d, GroupNorm, NoNorm, RobustNorm2d, looks_at_batch

# The parts of the networks of `models`. Any other module may have a state or an effect that a copy would not share.
PARTS = frozenset(
    {
        ResNet, VGG, Block, ConvNorm, PixelNormalize, nn.Conv2d, nn.Linear, nn.ReLU, nn.MaxPool2d, nn.Sequential,
        BatchNorm2d, DualBatchNorm2d, GroupNorm, NoNorm, RobustNorm2d,
    }
)  # fmt: skip
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def fingerprint(model: nn.Module) -> bytes | None:
    """A hash of everything that the network's output depends on, or None if nothing may stand in for the network.

    Nothing may stand in for a network that is not a ResNet or VGG of `models`, is in training mode, has weights that
    are not frozen, has hooks, or has a norm that looks at its batch. The hash is that of the numbers themselves (half a
    millisecond for a ResNet-20): a change of weights through `.data` or numpy leaves no other trace.
    """
    if type(model) not in (ResNet, VGG) or _has_any_global_hook():
        return None
    hashed, structure = hashlib.sha256(), list[object]()
    for name, module in model.named_modules():
        known = vars(module)
        if type(module) not in PARTS or module.training or "forward" in known or any(known[hook] for hook in HOOKS):
            return None
        if isinstance(module, BatchNorm2d | RobustNorm2d) and _looks_at_batch(module):
            return None
        structure += [name, type(module).__name__]
        structure += [f"{key}={value}" for key, value in known.items() if key[0] != "_" and isinstance(value, PLAIN)]
        for group in (module._parameters, module._buffers):
            for key, tensor in group.items():
                if tensor is None:
                    continue
                if tensor.requires_grad or tensor.is_meta:
                    return None
                structure += [key, str(tensor.dtype), str(tensor.device), tuple(tensor.shape)]
                hashed.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    hashed.update(repr(structure).encode())
    return hashed.digest()


def _looks_at_batch(norm: BatchNorm2d | RobustNorm2d) -> bool:
    return looks_at_batch(norm.mode) or not norm.track_running_stats


PLAIN = (bool, int, float, str, tuple)  # the types of a module's settings
