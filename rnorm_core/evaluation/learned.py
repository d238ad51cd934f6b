"""What training left in a network's norm layers: gamma, the population's statistics, what a layer makes of its input.

Read from the weights alone: no image runs through the network.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from rnorm_core import probes, zoo


@dataclass(frozen=True, eq=False)
class LearnedLayer:
    """One norm layer, per channel: float64 arrays (C,), None where the norm has no such thing. To be read only.

    gamma   the learned weight. mean: the running mean.
    spread  the running deviation, sqrt(running_var), of a BatchNorm, or the running range of a RobustNorm; both in
            units of what arrives at the layer.
    scale   what the layer divides by when it uses these: sqrt(var + eps), or range**p + eps.
    """

    name: str
    channels: int
    gamma: np.ndarray | None
    mean: np.ndarray | None
    spread: np.ndarray | None
    scale: np.ndarray | None

    @property
    def gain(self) -> np.ndarray | None:
        """|gamma| / scale: by how much the layer stretches a small change of its input."""
        return None if self.gamma is None or self.scale is None else np.abs(self.gamma) / self.scale


def learned(name: str) -> tuple[LearnedLayer, ...]:
    """The norm layers of a model of the zoo in its norm's first mode, in the network's order; none for a network
    without norm.

    UserError for an unknown name, or weights that are not sound.
    """
    return _learned(name, zoo.card(name).sha256)


@lru_cache(maxsize=64)
def _learned(name: str, weight_hash: str) -> tuple[LearnedLayer, ...]:
    return read(zoo.load(name, device="cpu"))


def read(model: nn.Module) -> tuple[LearnedLayer, ...]:
    """The same of any network, in a mode with population statistics; numbers are copied, nothing is shared."""
    kinds = probes.norm_layers(model)
    return tuple(_layer(name, model.get_submodule(name)) for name, kind in kinds.items() if kind != "none")


def _layer(name: str, layer: nn.Module) -> LearnedLayer:
    layer = getattr(layer, "branch", layer)  # of a dual norm, the one in use
    mean, spread, scale = None, None, None
    if getattr(layer, "running_mean", None) is not None:
        # In a mode with population statistics the input does not matter.
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
