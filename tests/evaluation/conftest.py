"""A zoo of three small untrained networks, and a test set labelled by one of them, so that attacks can do harm."""

import io
import shutil
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from rnorm_core import data, evaluation, models, zoo
from rnorm_core.evaluation.measure import sweep
from rnorm_core.training.publish import publish
from rnorm_core.training.recipe import RECIPES

IMAGES = 24
SMALL_BATCH = 10  # so that 24 images are three batches, the last one smaller


def blots() -> np.ndarray:
    """uint8 (24, 32, 32, 3): random colours in squares of 8 x 8."""
    pixels = np.random.default_rng(7).integers(0, 256, (IMAGES, 4, 4, 3), dtype=np.uint8)
    return pixels.repeat(8, axis=1).repeat(8, axis=2)


def small_network(folder: Path, norm: str, seed: int = 3) -> str:
    """Writes cifar10-small-<norm> to `folder`; another seed gives other weights."""
    torch.manual_seed(seed)
    shape = dict(architecture="resnet20", norm=norm, width=0.25, dataset="cifar10")
    model = models.build(**shape, power=0.3).train()
    images = torch.from_numpy(blots()).permute(0, 3, 1, 2).float() / 255
    for _ in range(5):
        model(images)
    torch.nn.init.normal_(model.classifier.weight)
    with torch.no_grad():  # no class is favoured: untrained networks see the same in every image else
        model.classifier.bias -= model.eval()(images).mean(0)
    name = f"cifar10-small-{norm}"
    publish(
        folder,
        name,
        model,
        shape=shape | {"power": 0.3},
        recipe=RECIPES["fast"],
        seed=seed,
        data_hash="0" * 64,
        curve=[],
    )
    return name


def write_test_set(folder: Path, pixels: np.ndarray, labels: list[int]) -> None:
    """Parquet as the hub has it, of uint8 (N, 32, 32, 3)."""
    rows = []
    for image in pixels:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "PNG")
        rows.append({"bytes": file.getvalue(), "path": None})
    images = pyarrow.array(rows, pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())]))
    table = pyarrow.table({"img": images, "label": pyarrow.array(labels, pyarrow.int64())})
    folder.mkdir()
    pyarrow.parquet.write_table(table, folder / "test-00000-of-00001.parquet")


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """zoo/: networks with bn, rn and none. cifar/: random blots, labelled as the network with BatchNorm sees them."""
    folder = tmp_path_factory.mktemp("made")
    for norm in ("bn", "rn", "none"):
        small_network(folder / "zoo", norm)
    card = zoo.read_card(folder / "zoo" / "cifar10-small-bn.json")
    model = zoo.assemble(card, load_file(folder / "zoo" / "cifar10-small-bn.safetensors"))
    labels = evaluation.predict(model, torch.from_numpy(blots()).permute(0, 3, 1, 2).float() / 255).tolist()
    assert len(set(labels)) > 1
    write_test_set(folder / "cifar", blots(), labels)
    return folder


@pytest.fixture
def small_zoo(made, tmp_path, monkeypatch) -> Path:
    """The folder of the zoo, which now holds the small networks."""
    monkeypatch.setattr(zoo, "DIRECTORY", shutil.copytree(made / "zoo", tmp_path / "zoo"))
    monkeypatch.setattr(sweep, "BATCH", SMALL_BATCH)
    monkeypatch.delenv("CIFAR_ROOT", raising=False)
    return tmp_path / "zoo"


@pytest.fixture
def new_weights(small_zoo):
    """new_weights(norm): the network of that norm trained anew, as it were."""
    return lambda norm: small_network(small_zoo, norm, seed=4)


@pytest.fixture
def cifar(small_zoo, made) -> Path:
    """A folder for --data."""
    return made / "cifar"


@pytest.fixture
def batch(cifar) -> data.Batch:
    """The images that a sweep of all 24 chooses."""
    return data.load("cifar10", "test", count=IMAGES, seed=0, directory=cifar)
