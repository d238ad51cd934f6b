"""The same random images as every format CIFAR comes in, written by hand rather than by the code under test."""

import io
import struct

import huggingface_hub.constants
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from PIL import Image

from rnorm_core import data

PARQUET = {"cifar10": ("plain_text", "label"), "cifar100": ("cifar100", "fine_label")}


@pytest.fixture(autouse=True)
def no_sources(monkeypatch, request):
    """No CIFAR_ROOT and an empty hub cache, unless a test asks for the real one."""
    if "full" in request.fixturenames:
        return
    monkeypatch.delenv("CIFAR_ROOT", raising=False)
    cache = request.getfixturevalue("tmp_path") / "hub-cache"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))


@pytest.fixture
def full():
    """The real test sets; skips where they are absent."""
    for dataset in ("cifar10", "cifar100"):
        if not any(source.complete for source in data.available(dataset)):
            pytest.skip(f"{dataset}'s full test set is not here (CIFAR_ROOT or the Hugging Face cache)")
    return data.load


@pytest.fixture
def images():
    return np.random.default_rng(5).integers(0, 256, (30, 32, 32, 3), dtype=np.uint8)


@pytest.fixture
def labels():
    return [int(label) for label in np.random.default_rng(6).integers(0, 10, 30)]


@pytest.fixture
def write_parquet():
    """write(folder, images, labels, dataset, name): one parquet file with the hub's columns."""

    def write(folder, images, labels, dataset="cifar10", name="test-00000-of-00001.parquet", format="PNG"):
        rows = []
        for image in images:
            file = io.BytesIO()
            Image.fromarray(image).save(file, format, lossless=True)
            rows.append({"bytes": file.getvalue(), "path": None})
        folder.mkdir(parents=True, exist_ok=True)
        struct_type = pyarrow.struct([("bytes", pyarrow.binary()), ("path", pyarrow.string())])
        columns = {"img": pyarrow.array(rows, struct_type), PARQUET[dataset][1]: pyarrow.array(labels, pyarrow.int64())}
        pyarrow.parquet.write_table(pyarrow.table(columns), folder / name)
        return folder

    return write


@pytest.fixture
def write_torchvision():
    """write(root, images, labels, dataset, split): a folder as https://www.cs.toronto.edu/~kriz/cifar.html has it."""

    def write(root, images, labels, dataset="cifar10", split="test"):
        if dataset == "cifar100":
            files, key = [f"cifar-100-python/{split}"], b"fine_labels"
        elif split == "test":
            files, key = ["cifar-10-batches-py/test_batch"], b"labels"
        else:
            files, key = [f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)], b"labels"
        for i, name in enumerate(files):
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(python2_pickle(images[i :: len(files)], labels[i :: len(files)], key))
        return root

    return write


def python2_pickle(images: np.ndarray, labels: list[int], key: bytes) -> bytes:
    """The opcodes Python 2's pickle (protocol 2) wrote for {"data": uint8 array (N, 3072), key: [labels]}."""
    rows = np.stack([np.concatenate([image[..., channel].ravel() for channel in range(3)]) for image in images])
    raw = rows.tobytes()

    def text(value: bytes) -> bytes:  # SHORT_BINSTRING
        return b"U" + bytes([len(value)]) + value

    def integer(value: int) -> bytes:  # BININT
        return b"J" + struct.pack("<i", value)

    dtype = b"cnumpy\ndtype\n(" + text(b"u1") + b"K\x00K\x01tR"
    dtype += b"(K\x03" + text(b"|") + b"NNN" + integer(-1) + integer(-1) + b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + text(b"b") + b"tR"
    array += b"(K\x01(" + integer(rows.shape[0]) + integer(rows.shape[1]) + b"t" + dtype
    array += b"\x89T" + struct.pack("<i", len(raw)) + raw + b"tb"
    numbers = b"](" + b"".join(b"K" + bytes([label]) for label in labels) + b"e"
    return b"\x80\x02}(" + text(b"data") + array + text(key) + numbers + b"u."
