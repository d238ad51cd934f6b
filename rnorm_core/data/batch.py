"""A Batch: images with labels, class names and ids. The id of an image does not depend on its source."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from rnorm_core.data.classes import CLASSES


@dataclass(frozen=True, eq=False)
class Batch:
    """Images in the format of all models here.

    images: float32 (N, 3, 32, 32) in [0, 1], RGB.
    labels: int64 (N,), -1 where unknown (uploads).
    ids:    sha256 hex of each image's uint8 (32, 32, 3) RGB pixels, before any attack.
    source: where the images came from, as a text.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    source: str
    dataset: str

    def __len__(self) -> int:
        return len(self.ids)

    def select(self, indices: Sequence[int] | Tensor) -> "Batch":
        """The images at `indices`, in that order."""
        indices = [int(i) for i in indices]
        return replace(
            self, images=self.images[indices], labels=self.labels[indices], ids=tuple(self.ids[i] for i in indices)
        )

    def name(self, index: int) -> str:
        """The name of the image at `index` on pages and in addresses, equal for every source: "cat af12e124"."""
        return f"{self.classes[int(self.labels[index])]} {self.ids[index][:8]}"

    def find(self, beginning: str) -> int:
        """Index of the first image with an id that starts with `beginning`; 0 if there is none."""
        return next((i for i, known in enumerate(self.ids) if known.startswith(beginning)), 0)

    def to(self, device: torch.device | str) -> "Batch":
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))


def image_id(pixels: np.ndarray) -> str:
    """sha256 hex of one image's bytes: uint8 (H, W, 3), RGB, row by row."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise ValueError(f"an image id is taken of uint8 (H, W, 3) pixels, not of {pixels.dtype} {pixels.shape}")
    return hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest()


def data_hash(ids: Iterable[str]) -> str:
    """sha256 hex over the sorted image ids, joined by newlines: identifies a set of images in any order."""
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()


def canonical_order(ids: Sequence[str], labels: np.ndarray) -> np.ndarray:
    """Indices (N,) that sort images by id; the label decides between two copies of one image."""
    return np.array(sorted(range(len(ids)), key=lambda i: (ids[i], int(labels[i]))), dtype=np.int64)


def from_pixels(pixels: np.ndarray, labels: np.ndarray, ids: Sequence[str], source: str, dataset: str) -> Batch:
    """Batch of uint8 (N, 32, 32, 3) pixels: one grey level becomes 1/255."""
    images = torch.tensor(pixels).permute(0, 3, 1, 2).contiguous().float().div_(255)
    return Batch(images, torch.tensor(labels, dtype=torch.int64), CLASSES[dataset], tuple(ids), source, dataset)


def kept_and_held(images: int, held: int) -> tuple[Tensor, Tensor]:
    """The indices of the training images to train on, and of `held` that are held out, both in a random order.

    Every training holds out the same images, so that scores on them can be compared.
    """
    order = torch.randperm(images, generator=torch.Generator().manual_seed(0))
    return order[: images - held], order[images - held :]
