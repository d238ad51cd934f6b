"""A small CIFAR-10, and a network that trains on it in a second."""

import pytest
import torch

from rnorm_core import models
from rnorm_core.training.augment import TrainingImages
from rnorm_core.training.recipe import recipe
from tests.small_cifar import cifar  # noqa: F401  (a fixture)

SHAPE = dict(architecture="resnet20", norm="rn", width=0.25, dataset="cifar10", classes=10, power=0.2)


@pytest.fixture
def short():
    """short(**changes): the fast recipe in 3 epochs of 4 steps, one of them small."""
    return lambda norm="rn", **changes: recipe(
        "fast", norm, **({"epochs": 3, "small_epochs": 1, "batch_size": 32} | changes)
    )


@pytest.fixture
def build():
    """build(norm="rn", seed=0): a freshly initialised small network, always the same."""

    def build(norm: str = "rn", seed: int = 0) -> torch.nn.Module:
        torch.manual_seed(seed)
        return models.build(**(SHAPE | {"norm": norm}))

    return build


@pytest.fixture
def images():
    """images(n=128): noise whose brightness tells the class, in memory."""

    def images(n: int = 128, padding: int = 4) -> TrainingImages:
        generator = torch.Generator().manual_seed(5)
        labels = torch.randint(0, 10, (n,), generator=generator)
        pixels = torch.randint(0, 30, (n, 32, 32, 3), generator=generator) + 22 * labels[:, None, None, None]
        return TrainingImages(pixels.to(torch.uint8), labels, padding, torch.device("cpu"))

    return images
