"""One measured accuracy with all that made it; a line of JSON."""

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnorm_core.errors import UserError
from rnorm_core.evaluation.accuracy import Accuracy, wilson
from rnorm_core.norms import NORMS, modes

PIXELS = ("float", "8-bit")


@dataclass(frozen=True)
class Row:
    """`correct` of `n` test images under an attack; the fields are the JSON's keys.

    attack:   "clean" or a name of `attacks.CATALOGUE`.
    settings: `attacks.make(**settings)` makes the attack again; {} if clean. The laboratories' rows (laboratories.py)
              say there, too, what else was done to images, batch or network.
    eps_255:  attack size in grey levels, 0 for clean.
    pixels:   "float" as the attack left them, "8-bit" after rounding to an image file's pixels. Clean images have
              8-bit pixels to begin with; their one row says "float".
    low, high: 95 % Wilson interval, as fractions.
    seed:     picks the images (`data.load`) and, with a batch's index, the attack's random numbers.
    images:   sha256 over the images' ids in the order they were attacked in, in batches of `batch_size`.
    hits:     which images were right: bits, first image first, packed and in base64; see `mask`.
    """

    model: str
    weight_hash: str
    dataset: str
    norm: str
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
        """The attack as the sweep names it: with the loss that it climbs, where it has a choice ("apgd-dlr")."""
        return f"{self.attack}-{self.settings['loss']}" if "loss" in self.settings else self.attack

    @property
    def mask(self) -> Tensor:
        """Bool (n,): which images were classified as labelled."""
        bits = np.unpackbits(np.frombuffer(base64.b64decode(self.hits), np.uint8), count=self.n)
        return torch.from_numpy(bits).bool()

    @property
    def accuracy(self) -> Accuracy:
        return Accuracy(
            self.correct, self.n, self.low, self.high, self.mask, self.model, self.statistics, self.weight_hash,
            self.settings, self.batch_size,
        )  # fmt: skip

    @property
    def line(self) -> str:
        """The row as JSON on one line, with its newline."""
        return json.dumps(asdict(self)) + "\n"


def pack(hits: Tensor) -> str:
    """`Row.hits` of bool (N,)."""
    return base64.b64encode(np.packbits(hits.numpy()).tobytes()).decode()


def images_hash(ids: Iterable[str]) -> str:
    """`Row.images`: unlike `data.data_hash`, of the ids in their order, which decides on the batches."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def both_correct(rows: Sequence[Row]) -> Tensor:
    """Bool (n,): the images that every one of these rows gets right. UserError if the rows saw different images."""
    if len({row.images for row in rows}) != 1:
        raise UserError(
            "These accuracies were not measured on the same images.", "compare rows of the same count and seed."
        )
    return torch.stack([row.mask for row in rows]).all(0)


def parse(line: str) -> Row:
    """A row from a line of JSON; ValueError says what is wrong with it."""
    content = json.loads(line)
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    known = {f.name for f in fields(Row)}
    if missing := sorted(known - content.keys()):
        raise ValueError(f"it lacks {', '.join(missing)}")
    if unknown := sorted(content.keys() - known):
        raise ValueError(f"there is no field {', '.join(unknown)}")
    for f in fields(Row):
        if not isinstance(content[f.name], _TYPES.get(f.name, str)) or isinstance(content[f.name], bool):
            raise ValueError(f"{f.name!r} has the wrong type ({type(content[f.name]).__name__})")
    row = Row(**content)
    if wrong := _contradiction(row):
        raise ValueError(wrong)
    return row


_TYPES: dict[str, Any] = {
    "settings": dict, "eps_255": (int, float), "n": int, "correct": int, "low": (int, float), "high": (int, float),
    "batch_size": int, "seed": int, "made_with": dict,
}  # fmt: skip
_HEX = re.compile(r"[0-9a-f]{64}")


def _contradiction(row: Row) -> str | None:
    """What a row of the right types says that cannot be, or None."""
    if row.norm not in NORMS:
        return f"'norm' is {row.norm!r}, not one of {', '.join(NORMS)}"
    for name, choices in (("statistics", modes(row.norm)), ("pixels", PIXELS)):
        if getattr(row, name) not in choices:
            return f"{name!r} is {getattr(row, name)!r}, not one of {', '.join(choices)}"
    for name in ("weight_hash", "images"):
        if not _HEX.fullmatch(getattr(row, name)):
            return f"{name!r} is not 64 hexadecimal digits"
    if not 0 <= row.eps_255 <= 255 or (row.eps_255 == 0) != (row.attack == "clean"):
        return f"'eps_255' is {row.eps_255} for the attack {row.attack!r}"
    if row.n < 1 or row.batch_size < 1 or not 0 <= row.correct <= row.n:
        return f"{row.correct} of {row.n} images in batches of {row.batch_size}"
    if max(abs(a - b) for a, b in zip((row.low, row.high), wilson(row.correct, row.n), strict=True)) > 1e-5:
        return f"{row.low} to {row.high} is not the interval of {row.correct} of {row.n}"
    try:
        packed = base64.b64decode(row.hits, validate=True)
    except binascii.Error:
        return "'hits' is not base64"
    if len(packed) != -(-row.n // 8) or int(row.mask.sum()) != row.correct:
        return f"'hits' does not mark {row.correct} of {row.n} images"
    return None
