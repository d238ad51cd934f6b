"""One measured accuracy with all its conditions: a line of JSON."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure.accuracy import Accuracy, wilson
from rnorm_core.evaluation.tables.freshness import ModelRow
from rnorm_core.norms import NORMS, all_modes

PIXELS = ("float", "8-bit")
_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Row(ModelRow):
    """`correct` of `n` test images under an attack; the fields are the JSON's keys.

    attack:   "clean" or a name of `attacks.CATALOGUE`.
    settings: `attacks.make(**settings)` makes the attack again; {} if clean. Rows of laboratories.py also hold the
    other changes to the images, the batch or the network.
    eps_255:  attack size in grey levels, 0 for clean.
    pixels:   "float" as the attack left them, "8-bit" after rounding to an image file's pixels. Clean images have 8-bit
              pixels from the start; their one row says "float".
    low, high: 95 % Wilson interval, as fractions.
    seed:     picks the images (`data.load`) and, with a batch's index, the attack's random numbers.
    images:   sha256 over the images' ids in the order of the attack, in batches of `batch_size`.
    hits:     the images that were classified as labelled: one bit each, first image first, packed, in base64; see
              `mask`.
    """

    statistics: str
    attack: str
    settings: dict[str, Any]
    eps_255: float
    pixels: str
    n: int
    correct: int
    low: float
    high: float
    batch_size: int
    seed: int
    images: str
    hits: str
    code_version: str
    made_with: dict[str, str]
    date: str

    @property
    def value(self) -> float:
        return self.correct / self.n

    @property
    def kind(self) -> str:
        """The name of the attack in a sweep: with its loss if the attack has a choice of losses ("apgd-dlr")."""
        return f"{self.attack}-{self.settings['loss']}" if "loss" in self.settings else self.attack

    @property
    def mask(self) -> Tensor:
        """Bool (n,): True where an image was classified as labelled."""
        bits = np.unpackbits(np.frombuffer(base64.b64decode(self.hits), np.uint8), count=self.n)
        return torch.from_numpy(bits).bool()

    @property
    def accuracy(self) -> Accuracy:
        return Accuracy(
            self.correct, self.n, self.low, self.high, self.mask, self.model, self.statistics, self.weight_hash,
            self.settings, self.batch_size,
        )  # fmt: skip

    @property
    def identity(self) -> tuple:
        settings = tuple(sorted((key, repr(value)) for key, value in self.settings.items()))
        return (self.model, self.weight_hash, self.statistics, self.attack, settings, self.eps_255, self.pixels,
                self.images, self.batch_size, self.seed)  # fmt: skip

    def contradiction(self) -> str | None:
        if problem := wrong_conditions(self.norm, (self.weight_hash, self.images), self.attack, self.eps_255):
            return problem
        for name, choices in (("statistics", all_modes(self.norm)), ("pixels", PIXELS)):
            if getattr(self, name) not in choices:
                return f"{name!r} is {getattr(self, name)!r}, not one of {', '.join(choices)}"
        if self.n < 1 or self.batch_size < 1 or not 0 <= self.correct <= self.n:
            return f"{self.correct} of {self.n} images in batches of {self.batch_size}"
        if problem := wrong_interval(self.correct, self.n, self.low, self.high):
            return problem
        if not holds(self.hits, self.n) or int(self.mask.sum()) != self.correct:
            return f"'hits' does not mark {self.correct} of {self.n} images"
        return None


def pack(hits: Tensor) -> str:
    """Packs bool (N,) into the text of `Row.hits`."""
    return base64.b64encode(np.packbits(hits.numpy()).tobytes()).decode()


def images_hash(ids: Iterable[str]) -> str:
    """The hash for `Row.images`. Unlike `data.data_hash` it depends on the order of the ids, as the batches do."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def both_correct(rows: Sequence[Row]) -> Tensor:
    """Bool (n,): the images that are right in every one of these rows. UserError if the rows' images differ."""
    if len({row.images for row in rows}) != 1:
        raise UserError(
            "These accuracies were not measured on the same images.", "compare rows with the same count and seed."
        )
    return torch.stack([row.mask for row in rows]).all(0)


def wrong_conditions(norm: str, hashes: Iterable[str], attack: str, eps_255: float) -> str | None:
    """A text about wrong conditions of a measured row, or None."""
    if norm not in NORMS:
        return f"'norm' is {norm!r}, not one of {', '.join(NORMS)}"
    if not all(_HEX.fullmatch(value) for value in hashes):
        return "a hash is not 64 hexadecimal digits"
    if not 0 <= eps_255 <= 255 or (eps_255 == 0) != (attack == "clean"):
        return f"'eps_255' is {eps_255} for the attack {attack!r}"
    return None


def wrong_interval(correct: int, n: int, low: float, high: float) -> str | None:
    """A text about a wrong 95 % Wilson interval (as fractions), or None."""
    if max(abs(a - b) for a, b in zip((low, high), wilson(correct, n), strict=True)) > 1e-5:
        return f"{low} to {high} is not the interval of {correct} of {n}"
    return None


def holds(packed: str, n: int) -> bool:
    """Whether a text is base64 of exactly as many bytes as n bits need."""
    try:
        return len(base64.b64decode(packed, validate=True)) == -(-n // 8)
    except binascii.Error:
        return False
