"""Two small networks that were trained for a moment, ordinary in every way, and images that they know."""

import hashlib

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnorm_core.data import Batch
from rnorm_core.evaluation import Accuracy, wilson
from rnorm_core.norms import BatchNorm2d
from rnorm_core.sanity import Budget

CLASSES = tuple("abcdefghij")


def as_batch(images: Tensor, labels: Tensor) -> Batch:
    ids = tuple(hashlib.sha256(image.contiguous().numpy().tobytes()).hexdigest() for image in images)
    return Batch(images, labels, CLASSES, ids, "made for a test", "cifar10")


def patterns(n: int, seed: int) -> Batch:
    """Ten classes of colour patterns under noise."""
    templates = torch.rand((10, 3, 4, 4), generator=torch.Generator().manual_seed(99))
    g = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, 10, (n,), generator=g)
    coarse = F.interpolate(templates[labels] - 0.5, size=(32, 32), mode="nearest")
    images = 0.5 + 0.05 * coarse + 0.04 * torch.randn((n, 3, 32, 32), generator=g)
    return as_batch(images.clamp(0, 1), labels)


def network(statistics: str = "tracked") -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 12, 5, stride=2, padding=2, bias=False), BatchNorm2d(12, statistics=statistics), nn.ReLU(),
        nn.Conv2d(12, 16, 5, stride=2, bias=False), BatchNorm2d(16, statistics=statistics), nn.ReLU(),
        nn.Flatten(), nn.Linear(16 * 36, 10),
    )  # fmt: skip


def trained(seed: int) -> dict:
    torch.manual_seed(seed)
    data, model = patterns(512, seed), network()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for step in range(60):
        part = slice(64 * (step % 8), 64 * (step % 8) + 64)
        loss = F.cross_entropy(model(data.images[part]), data.labels[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.state_dict()


@pytest.fixture(scope="session")
def weights() -> list[dict]:
    return [trained(0), trained(5)]


@pytest.fixture
def net(weights):
    """net(statistics, which): one of two networks, frozen."""

    def build(statistics: str = "tracked", which: int = 0) -> nn.Module:
        model = network(statistics)
        model.load_state_dict(weights[which])
        return model.requires_grad_(False).eval()

    return build


@pytest.fixture
def batch() -> Batch:
    return patterns(24, 1)


@pytest.fixture
def make_batch():
    return as_batch


@pytest.fixture
def small() -> Budget:
    """Three batches, the last one smaller."""
    return Budget(
        count=24, batch_size=10, eps=8 / 255, sizes=(2 / 255, 64 / 255), steps=8, more_steps=12, restarts=2, apgd=8,
        aims=2, queries=150,
    )  # fmt: skip


@pytest.fixture
def score():
    """score(right, n, name, eps_255): the first `right` of n images survive; or give hits as zeros and ones."""

    def made(right: int | list[int], n: int = 20, name: str = "", eps_255: float = 8, **spec) -> Accuracy:
        hits = torch.arange(n) < right if isinstance(right, int) else torch.tensor(right).bool()
        about = {"name": name, "eps": eps_255 / 255, "steps": 10, **spec} if name else {}
        correct = int(hits.sum())
        return Accuracy(correct, len(hits), *wilson(correct, len(hits)), hits, spec=about)

    return made


@pytest.fixture
def generator():
    return lambda seed=0: torch.Generator().manual_seed(seed)
