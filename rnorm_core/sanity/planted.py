"""Fake defences: each makes attacks on a real network fail, but does not make the network more robust.

The checks have to detect them. A fake wraps a model without changing it, and can be attacked and measured like any
other model. Its name says that it is a fake.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor, nn

from rnorm_core.attacks import statistics_of
from rnorm_core.errors import UserError

LEVELS = 15  # steps from black to white, of four bits
SHARPNESS = 1000.0
STRENGTH, FREQUENCY = 12 / 255, 1e4


class Fake(nn.Module):
    """Wraps a network and puts it into eval mode; whether weights are frozen does not change."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.eval()


class Quantised(Fake):
    """Rounds pixels to 16 values first. Rounding is flat between its steps, so its gradient is zero everywhere."""

    def forward(self, x: Tensor) -> Tensor:
        return self.model((x * LEVELS).round() / LEVELS)


class Saturated(Fake):
    """Multiplies the logits by 1000. No prediction changes, but every probability becomes 0 or 1. The cross entropy of
    a right prediction is then exactly 0, and so is its gradient.
    """

    def forward(self, x: Tensor) -> Tensor:
        return SHARPNESS * self.model(x)


class Crowded(Fake):
    """Adds noise to every image. At each pixel its sign changes rapidly with the mean image of the batch."""

    def forward(self, x: Tensor) -> Tensor:
        noise = STRENGTH * torch.sin(FREQUENCY * x.detach().mean(0, keepdim=True)).sign()
        return self.model((x + noise).clamp(0, 1))


@dataclass(frozen=True)
class Plant:
    """A fake defence. about: how it makes attacks fail. caught_by: the checks that should detect it."""

    key: str
    title: str
    about: str
    caught_by: tuple[str, ...]
    wrap: Callable[[nn.Module], Fake]


PLANTED: Mapping[str, Plant] = MappingProxyType(
    {
        plant.key: plant
        for plant in (
            Plant(
                "quantised", "rounded pixels",
                "Pixels are rounded to 16 values before the network sees them. Rounding has no gradient, so attacks by "
                "gradient stand still; a search that asks for answers alone walks through.",
                ("gradients", "black-box", "worst-case"), Quantised,
            ),
            Plant(
                "saturated", "saturated probabilities",
                "The network's last numbers are multiplied by 1000. Its answers stay the same, and its loss becomes so "
                "flat that cross entropy shows an attack no way; the ratio of logits still does.",
                ("gradients", "worst-case"), Saturated,
            ),
            Plant(
                "crowded", "noise from the neighbours",
                "Each image gets noise that depends on all images of its batch. Asked in other company, the network "
                "answers differently, and no accuracy is its own.",
                ("neighbours",), Crowded,
            ),
        )
    }
)  # fmt: skip


def plant(key: str, model: nn.Module) -> nn.Module:
    """Wraps `model` in the fake defence `key`. Statistics mode and weight hash stay the same, the name changes.

    The model is not copied: pass a model that no other code uses, as `zoo.load` returns. UserError for an unknown key.
    """
    if key not in PLANTED:
        raise UserError(f"There is no planted defence {key!r}.", f"Choose one of {', '.join(PLANTED)}.")
    fake = PLANTED[key].wrap(model)
    about: dict[str, str] = {
        "name": f"FAKE defence ({PLANTED[key].title}) around {getattr(model, 'name', 'unnamed')}",
        "statistics": statistics_of(model), "weight_hash": getattr(model, "weight_hash", ""),
    }  # fmt: skip
    for name, value in about.items():
        setattr(fake, name, value)
    return fake
