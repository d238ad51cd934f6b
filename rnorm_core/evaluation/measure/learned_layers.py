"""The learned numbers of a network's norm layers: gamma, the tracked statistics and the scale, from the weights alone.

No image runs through the network.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from rnorm_core import probes, zoo


@dataclass(frozen=True, eq=False)
class LearnedLayer:
    """One norm layer, per channel: read-only float64 arrays (C,), or None if the norm has no such number.

    gamma   the learned weight. mean: the running mean.
    spread  of a BatchNorm the running standard deviation, sqrt(running_var); of a RobustNorm the running range. Both
            are in the units of the layer's input.
    scale   the divisor of the layer with these statistics: sqrt(running_var + eps), or running_range**p + eps.
    """

    name: str
    channels: int
    gamma: np.ndarray | None
    mean: np.ndarray | None
    spread: np.ndarray | None
    scale: np.ndarray | None

    @property
    def gain(self) -> np.ndarray | None:
        """|gamma| / scale: the factor by which the layer stretches a small change of its input."""
        return None if self.gamma is None or self.scale is None else np.abs(self.gamma) / self.scale


def learned(name: str) -> tuple[LearnedLayer, ...]:
    """The norm layers of a model of the zoo, in the first mode of its norm and in the order of the network. Cached.

    Empty for a network without a norm. UserError for an unknown name, or damaged weights.
    """
    return _learned(name, zoo.card(name).sha256)


@lru_cache(maxsize=64)
def _learned(name: str, weight_hash: str) -> tuple[LearnedLayer, ...]:
    return read(zoo.load(name, device="cpu"))


def read(model: nn.Module) -> tuple[LearnedLayer, ...]:
    """The norm layers of any network in a mode with tracked statistics. The numbers are copies."""
    kinds = probes.norm_layers(model)
    return tuple(_layer(name, model.get_submodule(name)) for name, kind in kinds.items() if kind != "none")


def _layer(name: str, layer: nn.Module) -> LearnedLayer:
    layer = getattr(layer, "branch", layer)  # of a dual norm: the branch in use
    mean, spread, scale = None, None, None
    if getattr(layer, "running_mean", None) is not None:
        # With tracked statistics the input does not matter.
        mean, scale = layer.statistics(torch.empty(0))  # pyright: ignore[reportCallIssue]
        spread = getattr(layer, "running_range", None)
        spread = layer.running_var.sqrt() if spread is None else spread  # pyright: ignore
    channels = getattr(layer, "num_channels", getattr(layer, "num_features", 0))
    numbers = (getattr(layer, "weight", None), mean, spread, scale)
    return LearnedLayer(name, channels, *map(_copied, numbers))


def _copied(tensor: Tensor | None) -> np.ndarray | None:
    if tensor is None:
        return None
    numbers = tensor.detach().double().cpu().numpy().copy()
    numbers.setflags(write=False)
    return numbers
