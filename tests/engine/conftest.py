"""Small networks with random statistics, frozen as `zoo.load` returns them."""

import pytest
import torch
from torch import nn

from rnorm_core import models
from rnorm_core.norms import BatchNorm2d, RobustNorm2d


def randomised(model: nn.Module) -> nn.Module:
    """Statistics and affine parameters that differ from those of a new network, so that folding changes weights."""
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, BatchNorm2d | RobustNorm2d):
                layer.weight.uniform_(0.5, 1.5)
                layer.bias.normal_()
                layer.running_mean.normal_()
                (layer.running_var if isinstance(layer, BatchNorm2d) else layer.running_range).uniform_(0.5, 3)
            elif isinstance(layer, models.Block):
                # Without a norm a new network is constant, because its residual branches start at zero.
                layer.second.conv.weight.normal_(0, 0.1)
        last = model.get_submodule("classifier")
        assert isinstance(last, nn.Linear)
        last.weight.normal_()
    return model.requires_grad_(False).eval()


@pytest.fixture
def network():
    """network(norm="bn", statistics=None, architecture="resnet20"): a quarter of the usual channels."""

    def build(norm: str = "bn", statistics: str | None = None, architecture: str = "resnet20") -> nn.Module:
        torch.manual_seed(0)
        return randomised(models.build(architecture, norm, width=0.25, statistics=statistics))

    return build


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand((6, 3, 32, 32), generator=torch.Generator().manual_seed(1))
