"""A CIFAR-10 of 300 training and 24 test images, as files: a fixture for the conftest of the folders that need it."""

import io

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image


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
