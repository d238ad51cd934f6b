"""CIFAR from files: the hub's parquet parts or torchvision's folder, as uint8 pixels in canonical order.

Needs only numpy, pyarrow and Pillow, so that a training machine needs no other package.
"""

import io
import os
import pickle
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet
from PIL import Image, UnidentifiedImageError

from rnorm_core.data.batch import canonical_order, image_id
from rnorm_core.data.classes import CLASSES, check
from rnorm_core.errors import UserError

SIDE = 32
REPOS = {"cifar10": "uoft-cs/cifar10", "cifar100": "uoft-cs/cifar100"}
HUB_FILES = {
    (dataset, split): f"{folder}/{split}-00000-of-00001.parquet"
    for dataset, folder in (("cifar10", "plain_text"), ("cifar100", "cifar100"))
    for split in ("train", "test")
}
LABEL_COLUMNS = {"cifar10": "label", "cifar100": "fine_label"}
TORCHVISION_FOLDERS = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}
TORCHVISION_FILES = {
    ("cifar10", "train"): tuple(f"data_batch_{i}" for i in range(1, 6)),
    ("cifar10", "test"): ("test_batch",),
    ("cifar100", "train"): ("train",),
    ("cifar100", "test"): ("test",),
}
TORCHVISION_LABELS = {"cifar10": b"labels", "cifar100": b"fine_labels"}
NOWHERE = "neither CIFAR_ROOT nor the Hugging Face cache has them."


@dataclass(frozen=True, eq=False)
class Pixels:
    """A split as stored: images uint8 (N, 32, 32, 3) RGB and labels int64 (N,), both read-only, sorted by ids."""

    images: np.ndarray
    labels: np.ndarray
    ids: tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """A place with images of a split. kind: "folder", "hub" or "samples". title: its name on pages.

    complete: True if `directory` holds the whole split, for `read`; False if it holds only 20 of its images.
    """

    kind: str
    title: str
    directory: Path
    complete: bool


def read(directory: Path | str, dataset: str, split: str) -> Pixels:
    """All images of `split` under `directory`, which holds parquet parts or a torchvision CIFAR folder.

    UserError when the split is missing, incomplete, damaged or of another data set.
    """
    files = split_files(directory, dataset, split)
    if not files:
        raise not_found(dataset, split, f"{directory} has none.")
    _refuse_missing_parts(files)
    parts = [(_read_parquet if path.suffix == ".parquet" else _read_torchvision)(path, dataset) for path in files]
    return canonical(np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts]))


def split_files(directory: Path | str, dataset: str, split: str) -> list[Path]:
    """The files of the split under `directory`: torchvision's, else parquet parts. No file is opened."""
    check(dataset, split)
    directory = Path(directory)
    folder = directory if directory.name == TORCHVISION_FOLDERS[dataset] else directory / TORCHVISION_FOLDERS[dataset]
    pickles = [folder / name for name in TORCHVISION_FILES[dataset, split]]
    if pickles[0].is_file():
        return pickles
    repository = directory / Path(HUB_FILES[dataset, split]).parent  # a copy of the hub's repository
    return sorted(directory.glob(f"{split}*.parquet")) or sorted(repository.glob(f"{split}*.parquet"))


def complete_sources(dataset: str, split: str) -> list[Source]:
    """The places that hold the whole split and need no network: CIFAR_ROOT, then the hub's cache.

    UserError if CIFAR_ROOT is not a folder; a folder without this data set is skipped.
    """
    check(dataset, split)
    sources = []
    if root := os.environ.get("CIFAR_ROOT"):
        if not Path(root).is_dir():
            raise UserError(
                f"CIFAR_ROOT names {root!r}, which is not a folder.",
                f"set it to the folder that holds {TORCHVISION_FOLDERS[dataset]}, or unset it.",
            )
        if split_files(root, dataset, split):
            sources.append(Source("folder", f"CIFAR_ROOT: {dataset}, {split} split", Path(root), True))
    if cached := hub_file(dataset, split):
        title = f"Hugging Face hub: {REPOS[dataset]}, {split} split"
        sources.append(Source("hub", title, cached.parent, True))
    return sources


def locate(dataset: str, split: str, directory: Path | str | None = None) -> Path:
    """The folder to `read` a split from: `directory`, else CIFAR_ROOT, else the hub's cache. Uses no network."""
    if directory is not None:
        if not split_files(directory, dataset, split):
            raise not_found(dataset, split, f"{directory} has none.")
        return Path(directory)
    if sources := complete_sources(dataset, split):
        return sources[0].directory
    raise not_found(dataset, split, NOWHERE)


def hub_file(dataset: str, split: str) -> Path | None:
    """The split's parquet file in the hub's cache, or None if it is not there."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ModuleNotFoundError:  # not needed on a training machine
        return None
    cached = try_to_load_from_cache(REPOS[dataset], HUB_FILES[dataset, split], repo_type="dataset")
    return Path(cached) if isinstance(cached, str) else None


def not_found(dataset: str, split: str, where: str) -> UserError:
    """The error for a missing split, and how to fix it."""
    return UserError(
        f"{dataset}'s {split} images were not found: {where}",
        f"name a folder (as an argument or in CIFAR_ROOT) that holds torchvision's {TORCHVISION_FOLDERS[dataset]} "
        f"or the files {split}-*.parquet from https://huggingface.co/datasets/{REPOS[dataset]}.",
    )


def canonical(images: np.ndarray, labels: np.ndarray) -> Pixels:
    """Pixels in canonical order, from uint8 (N, 32, 32, 3) images and int64 (N,) labels in any order."""
    ids = [image_id(image) for image in images]
    order = canonical_order(ids, labels)
    images, labels = images[order], labels[order]
    images.flags.writeable = labels.flags.writeable = False
    return Pixels(images, labels, tuple(ids[i] for i in order))


def _checked(images: np.ndarray, labels: Sequence[int], dataset: str) -> tuple[np.ndarray, np.ndarray]:
    """Checks the images of any format and returns them with int64 labels. ValueError names the problem."""
    checked = np.asarray(labels, dtype=np.int64)
    if len(images) == 0 or checked.shape != (len(images),):
        raise ValueError(f"{len(images)} images, labels of shape {checked.shape}")
    if checked.min() < 0 or checked.max() >= len(CLASSES[dataset]):
        raise ValueError(
            f"labels {checked.min()} to {checked.max()}, but {dataset} has {len(CLASSES[dataset])} classes"
        )
    return images, checked


def _damaged(path: Path, why: object) -> UserError:
    return UserError(
        f"{path} cannot be read as CIFAR images: {why}.", "download the file again, or name another folder."
    )


# --- parquet, as the hub serves it: img struct<bytes, path>, and label or fine_label


def _refuse_missing_parts(files: list[Path]) -> None:
    """UserError if parts are missing: `-of-00005` needs four others. Training on half a data set shows no error."""
    announced = {int(match[1]) for path in files if (match := re.search(r"-of-(\d+)\.parquet$", path.name))}
    if announced and announced != {len(files)}:
        raise UserError(
            f"{files[0].parent} has {len(files)} parquet files, but the name {files[0].name} means a total of "
            f"{max(announced)}.",
            "keep all parts of one download in that folder, and no other parquet files.",
        )


def _read_parquet(path: Path, dataset: str) -> tuple[np.ndarray, np.ndarray]:
    column = LABEL_COLUMNS[dataset]
    try:
        table = pyarrow.parquet.ParquetFile(path).read(columns=["img", column])
        if set(table.column_names) != {"img", column}:
            raise ValueError(f"it has no columns img and {column}, so it is not {dataset}")
        encoded = [row["bytes"] for row in table.column("img").to_pylist()]
        with ThreadPoolExecutor() as pool:  # Pillow decodes outside the interpreter's lock
            images = np.stack(list(pool.map(_decode, encoded)))
        return _checked(images, table.column(column).to_pylist(), dataset)
    except (pyarrow.ArrowException, OSError, ValueError, TypeError, UnidentifiedImageError) as error:
        raise _damaged(path, error) from error


def _decode(encoded: bytes) -> np.ndarray:
    with Image.open(
        io.BytesIO(encoded), formats=("PNG", "WEBP")
    ) as image:  # lossless formats, because ids depend on exact pixels
        if image.size != (SIDE, SIDE):
            raise ValueError(f"an image of {image.width}x{image.height} pixels is not of CIFAR")
        return np.asarray(image.convert("RGB"))


# --- torchvision's folder, as https://www.cs.toronto.edu/~kriz/cifar.html describes it: pickled dicts of arrays


def _read_torchvision(path: Path, dataset: str) -> tuple[np.ndarray, np.ndarray]:
    try:
        with path.open("rb") as file:
            content = _ArraysOnly(file, encoding="bytes").load()
        data, labels = content[b"data"], content[TORCHVISION_LABELS[dataset]]
        if data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != 3 * SIDE * SIDE:
            raise ValueError(f"its array is {data.dtype} {data.shape}, not uint8 (N, 3072)")
        # a row holds the red plane, then green, then blue
        return _checked(data.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1), labels, dataset)
    except KeyError as error:
        raise _damaged(path, f"it has no {error.args[0]!r}") from error
    except (pickle.UnpicklingError, EOFError, OSError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise _damaged(path, error) from error


# numpy's own reconstruction functions, under their names before numpy 2 and in numpy 2
_ALLOWED = {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    *((f"numpy.{core}.multiarray", "_reconstruct") for core in ("core", "_core")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
}


class _ArraysOnly(pickle.Unpickler):
    """Unpickles builtin containers and numpy arrays only, because a pickle can call any function that it names."""

    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which no CIFAR file needs")
        return super().find_class(module.replace("numpy.core.", "numpy._core."), name)
