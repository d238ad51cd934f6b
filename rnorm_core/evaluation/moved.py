"""How far attacked test images move the statistics of a network's layers: measured rows, one a line of JSON.

`python -m rnorm_core.training.evidence` writes the file; here it is read and checked.
"""

import base64
import json
import math
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from rnorm_core import zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation.current import rows_of
from rnorm_core.norms import NORMS

COMMAND = "python -m rnorm_core.training.evidence"


@dataclass(frozen=True)
class Moved:
    """One attack of one size on `n` test images in batches of `batch_size`; the fields are the JSON's keys.

    attack, settings, eps_255: as in `Row`; "clean" is the same images without one, the control by chance.
    layers:   names of the places where norm layers stand, in the network's order.
    shifts:   measure -> [batch][layer], `LayerShift.summary` of what arrives there from the population.
    bands:    measure -> [layer][low, high], where 95 % of clean training batches of this size lie.
    hits:     which images were right with tracked statistics, packed like `Row.hits`.
    own:      which of the very same attacked images were right with their own batch's statistics; null where the norm
              has none to choose.
    """

    model: str
    weight_hash: str
    dataset: str
    norm: str
    attack: str
    settings: dict[str, Any]
    eps_255: float
    n: int
    batch_size: int
    seed: int
    images: str
    layers: list[str]
    shifts: dict[str, list[list[float]]]
    bands: dict[str, list[list[float]]]
    hits: str
    own: str | None
    code_version: str
    made_with: dict[str, str]
    date: str

    @property
    def line(self) -> str:
        return json.dumps(asdict(self)) + "\n"

    @property
    def identity(self) -> tuple:
        """What two rows share that are two measurements of one thing."""
        settings = json.dumps(self.settings, sort_keys=True)
        return (self.model, self.weight_hash, self.attack, settings, self.eps_255, self.images, self.batch_size,
                self.seed)  # fmt: skip

    def beyond(self, *measures: str) -> np.ndarray:
        """Bool (batches, layers): where any of these measures is larger than in 97.5 % of clean batches."""
        return np.any([np.array(self.shifts[m]) > np.array(self.bands[m])[:, 1] for m in measures], axis=0)

    def further(self, other: "Moved", measure: str) -> np.ndarray:
        """Bool (batches, layers): where this attack moves the same images further than `other` does."""
        return np.array(self.shifts[measure]) > np.array(other.shifts[measure])

    def mask(self, which: str = "hits") -> np.ndarray:
        """Bool (n,) of "hits" or "own"."""
        return np.unpackbits(np.frombuffer(base64.b64decode(getattr(self, which)), np.uint8), count=self.n).astype(bool)


def shipped(dataset: str = "cifar10") -> Path:
    """Where the rows of a data set lie, whether they are there or not."""
    return zoo.DIRECTORY / f"{dataset}-moved.jsonl"


def read(path: Path) -> tuple[Moved, ...]:
    """All rows of a file; UserError names the first line that is not sound."""
    rows: dict[tuple, Moved] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path.name} cannot be read: {error}.", _fix()) from error
    for number, line in enumerate(lines, start=1):
        try:
            row = parse(line)
            if rows.setdefault(row.identity, row) is not row:
                raise ValueError("it repeats an earlier line")
        except ValueError as error:
            raise UserError(f"Line {number} of {path.name} is not sound: {error}.", _fix()) from error
    return tuple(rows.values())


def moved(dataset: str = "cifar10") -> tuple[tuple[Moved, ...], tuple[Moved, ...]]:
    """(rows measured on the weights that are shipped now, rows of other weights); both empty without a file."""
    return rows_of(shipped(dataset), read)


def parse(line: str) -> Moved:
    """A row from a line of JSON; ValueError says what is wrong with it."""
    content = json.loads(line)
    if not isinstance(content, dict):
        raise ValueError("it is not a JSON object")
    known = {f.name for f in fields(Moved)}
    if wrong := sorted(known ^ content.keys()):
        raise ValueError(f"it lacks, or should not have, {', '.join(wrong)}")
    for name in known:
        if not isinstance(content[name], _TYPES.get(name, str)) or isinstance(content[name], bool):
            raise ValueError(f"{name!r} has the wrong type ({type(content[name]).__name__})")
    row = Moved(**content)
    if problem := _contradiction(row):
        raise ValueError(problem)
    return row


_TYPES: dict[str, Any] = {
    "settings": dict, "eps_255": (int, float), "n": int, "batch_size": int, "seed": int, "layers": list,
    "shifts": dict, "bands": dict, "own": (str, type(None)), "made_with": dict,
}  # fmt: skip
_HEX = re.compile(r"[0-9a-f]{64}")


def _contradiction(row: Moved) -> str | None:
    if row.norm not in NORMS:
        return f"'norm' is {row.norm!r}"
    if not _HEX.fullmatch(row.weight_hash) or not _HEX.fullmatch(row.images):
        return "a hash is not 64 hexadecimal digits"
    if not 0 <= row.eps_255 <= 255 or (row.eps_255 == 0) != (row.attack == "clean"):
        return f"'eps_255' is {row.eps_255} for the attack {row.attack!r}"
    if row.n < 1 or row.batch_size < 1:
        return f"{row.n} images in batches of {row.batch_size}"
    batches, layers = math.ceil(row.n / row.batch_size), len(row.layers)
    for measure, values in row.shifts.items():
        if not _filled(values, (batches, layers)) or not _filled(row.bands.get(measure), (layers, 2)):
            return f"{measure!r} is not a finite number for each of {batches} batches and {layers} layers"
    for which in ("hits", "own"):
        packed = getattr(row, which)
        if packed is not None and len(base64.b64decode(packed, validate=True)) != math.ceil(row.n / 8):
            return f"{which!r} does not hold {row.n} images"
    return None


def _filled(values: Any, shape: tuple[int, int]) -> bool:
    try:
        numbers = np.array(values, dtype=float)
    except (TypeError, ValueError):
        return False
    return numbers.shape == shape and bool(np.isfinite(numbers).all())


def _fix() -> str:
    return f"restore the file, or delete it and run `{COMMAND}`."
