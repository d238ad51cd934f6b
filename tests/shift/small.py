"""A small network and small pictures for the tests of shifts."""

import torch
from torch import nn

from rnorm_core import models


def network(norm: str, statistics: str = "tracked") -> nn.Module:
    """Small, with population statistics of some pictures, in eval mode."""
    torch.manual_seed(0)
    model = models.build("vgg11", norm, width=1 / 16, statistics=statistics).train()
    for _ in range(10):
        model(pictures(16, seed=3).permute(0, 3, 1, 2).float() / 255)
    return model.eval()


def pictures(count: int, seed: int) -> torch.Tensor:
    """uint8 (N, 32, 32, 3): blotches of another colour and contrast in each image."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=generator) * torch.rand(count, 1, 1, 1, generator=generator)
    fine = nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear")
    noisy = 255 * (0.9 * fine + 0.1 * torch.rand(fine.shape, generator=generator))
    return noisy.permute(0, 2, 3, 1).to(torch.uint8)
