"""Small networks and batches that every attack is tried on."""

import copy
import hashlib

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from rnorm_core.data import Batch
from rnorm_core.norms import BatchNorm2d

CLASSES = tuple("abcdefghij")


def as_batch(images: torch.Tensor, labels: torch.Tensor) -> Batch:
    ids = tuple(hashlib.sha256(image.contiguous().numpy().tobytes()).hexdigest() for image in images)
    return Batch(images, labels, CLASSES, ids, "made for a test", "cifar10")


def patterns(n: int, seed: int) -> Batch:
    """Ten classes of faint colour patterns under noise: a second of training learns them, and 2/255 hides them."""
    templates = torch.rand((10, 3, 4, 4), generator=torch.Generator().manual_seed(99))
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 10, (n,), generator=g)
    coarse = F.interpolate(templates[labels] - 0.5, size=(32, 32), mode="nearest")
    images = 0.5 + 0.05 * coarse + 0.05 * torch.randn((n, 3, 32, 32), generator=g)
    return as_batch(images.clamp(0, 1), labels)


def small_net(statistics: str) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 12, 5, stride=2, bias=False),
        BatchNorm2d(12, statistics=statistics),
        nn.ReLU(),
        nn.Conv2d(12, 16, 5, stride=2, bias=False),
        BatchNorm2d(16, statistics=statistics),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * 25, 10),
    )


def frozen(model: nn.Module) -> nn.Module:
    return model.requires_grad_(False).eval()


@pytest.fixture(scope="session")
def trained_weights() -> dict:
    data, model = patterns(512, 0), small_net("tracked")
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for step in range(60):
        part = slice(64 * (step % 8), 64 * (step % 8) + 64)
        loss = F.cross_entropy(model(data.images[part]), data.labels[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return copy.deepcopy(model.state_dict())


@pytest.fixture
def net(trained_weights):
    """net(statistics="tracked"): the small network trained on `patterns`, frozen."""

    def build(statistics: str = "tracked") -> nn.Module:
        model = small_net(statistics)
        model.load_state_dict(trained_weights)
        return frozen(model)

    return build


@pytest.fixture
def batch() -> Batch:
    return patterns(12, 1)


@pytest.fixture
def make_batch():
    return as_batch


@pytest.fixture
def make_patterns():
    return patterns


@pytest.fixture
def generator():
    """generator(seed): a fresh one on the CPU."""
    return lambda seed=0: torch.Generator().manual_seed(seed)
