"""Batches from the best available source: a CIFAR folder, the hub's cache, or foolbox's 20 samples."""

import functools
import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from rnorm_core.data.batch import Batch, from_pixels
from rnorm_core.data.classes import check
from rnorm_core.data.files import (
    NOWHERE,
    Pixels,
    Source,
    canonical,
    complete_sources,
    locate,
    not_found,
    read,
    split_files,
)
from rnorm_core.errors import UserError

SAMPLES = 20


def available(dataset: str, split: str = "test") -> tuple[Source, ...]:
    """The sources that can be read now, the best first. Uses no network and opens no file."""
    sources = complete_sources(dataset, split)
    if split == "test" and (folder := _samples_folder()):
        sources.append(Source("samples", f"foolbox's {SAMPLES} samples", folder, complete=False))
    return tuple(sources)


def samples(dataset: str) -> Batch:
    """The first 20 test images, in canonical order. They are part of foolbox's wheel, so they need no network."""
    check(dataset)
    folder = _samples_folder()
    if folder is None:
        raise UserError("The 20 sample images come with foolbox, which is not installed.", "run `pip install foolbox`.")
    source = Source("samples", f"foolbox's {SAMPLES} samples", folder, complete=False)
    return _batch(source, dataset, "test", None, 0)


def of_ids(dataset: str, ids: Sequence[str]) -> Batch:
    """The test images with these ids, in this order, from the samples if these have them. UserError without one."""
    everything = samples(dataset)
    if not set(ids) <= set(everything.ids):
        everything = load(dataset)
    place = {full_id: i for i, full_id in enumerate(everything.ids)}
    if missing := [one for one in ids if one not in place]:
        raise UserError(
            f"The image {missing[0][:8]} is not among the {len(everything):,} images here.",
            "set CIFAR_ROOT to a folder with the whole test set.",
        )
    return everything.select([place[one] for one in ids])


def load(
    dataset: str, split: str = "test", count: int | None = None, seed: int = 0, directory: Path | str | None = None
) -> Batch:
    """Images of a split from `directory` or else from the best available source. Never uses a network.

    count None: all images in canonical order (by id). Otherwise `seed` picks `count` of them. Equal `count` and `seed`
    give the same images in the same order from any copy of the split. If only foolbox's samples are available, these 20
    are the split. UserError if there is no source, or if there are fewer than `count` images.
    """
    if directory is not None:
        source = Source("folder", f"{directory}: {dataset}, {split} split", locate(dataset, split, directory), True)
    elif sources := available(dataset, split):
        source = sources[0]
    else:
        raise not_found(dataset, split, NOWHERE)
    return _batch(source, dataset, split, count, seed)


def pick(dataset: str, count: int, seed: int, *, complete: bool) -> Batch:
    """`count` test images, picked by `seed` from the complete test set or from the samples (then at most 20).

    With equal seeds a larger choice begins with the images of a smaller one. UserError if the complete test set is
    requested and not available.
    """
    if complete:
        return load(dataset, count=count, seed=seed)
    batch = samples(dataset)
    return batch.select(torch.randperm(len(batch), generator=torch.Generator().manual_seed(seed))[:count])


def _batch(source: Source, dataset: str, split: str, count: int | None, seed: int) -> Batch:
    read_from = _sample_pixels if source.kind == "samples" else decoded
    pixels = read_from(source.directory, dataset, split)
    chosen = _choose(len(pixels.ids), count, seed, source)
    ids = [pixels.ids[i] for i in chosen]
    return from_pixels(pixels.images[chosen], pixels.labels[chosen], ids, source.title, dataset)


def _choose(total: int, count: int | None, seed: int, source: Source) -> np.ndarray:
    if count is None:
        return np.arange(total)
    if not 1 <= count <= total:
        fetch = "" if source.complete else ", or fetch the full test set"
        raise UserError(
            f"{count} images cannot be chosen: there are {total} ({source.title}).",
            f"choose 1 to {total} images{fetch}.",
        )
    return torch.randperm(total, generator=torch.Generator().manual_seed(seed))[:count].numpy()


# --- each split is decoded once per process; the arrays are read-only, so threads may share them

_decoding = threading.Lock()


def decoded(directory: Path, dataset: str, split: str) -> Pixels:
    """`files.read`, called only once while the files do not change."""
    versions = tuple((path, path.stat().st_mtime_ns) for path in split_files(directory, dataset, split))
    with _decoding:  # a second caller waits for the first one's result and does not decode
        return _decoded(directory, dataset, split, versions)


@functools.lru_cache(maxsize=4)
def _decoded(directory: Path, dataset: str, split: str, versions: tuple[tuple[Path, int], ...]) -> Pixels:
    return read(directory, dataset, split)


@functools.lru_cache
def _sample_pixels(folder: Path, dataset: str, split: str) -> Pixels:
    """The pixels of foolbox's PNG files, which are named <dataset>_<index>_<label>.png."""
    images, labels = [], []
    for path in folder.glob(f"{dataset}_*.png"):
        with Image.open(path) as image:
            images.append(np.asarray(image.convert("RGB")))
        labels.append(int(path.stem.rsplit("_", 1)[1]))
    return canonical(np.stack(images), np.array(labels, dtype=np.int64))


def _samples_folder() -> Path | None:
    """foolbox's data folder. foolbox is not imported for this: the import takes a second and needs git."""
    spec = find_spec("foolbox")
    return Path(spec.origin).parent / "data" if spec and spec.origin else None
