"""A CIFAR-10 of 300 training and 24 test images, and a network that trains on it in a second."""

import io

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from PIL import Image

from rnorm_core import models
from rnorm_core.training.augment import TrainingImages
from rnorm_core.training.recipe import recipe

SHAPE = dict(architecture="resnet20", norm="rn", width=0.25, dataset="cifar10", classes=10, power=0.2)


def write_split(folder, name: str, count: int, seed: int) -> None:
    """Parquet as the hub has it; an image's brightness tells its class."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 10, count)
    rows = []
    for label in labels:
        pixels = rng.integers(0, 30, (32, 32, 3)) + 22 * label
        file = io.BytesIO()
        Image.fromarray(pixels.astype(np.uint8)).save(file, "PNG")
        rows.append({"bytes": file.getvalue(), "path": None})
    images = pyarrow.array(rows, pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())]))
    table = pyarrow.table({"img": images, "label": pyarrow.array(labels, pyarrow.int64())})
    pyarrow.parquet.write_table(table, folder / f"{name}-00000-of-00001.parquet")


@pytest.fixture(scope="session")
def cifar(tmp_path_factory):
    """A folder for --data."""
    folder = tmp_path_factory.mktemp("cifar")
    write_split(folder, "train", 300, seed=1)
    write_split(folder, "test", 24, seed=2)
    return folder


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
