"""The table of layer shifts under attacks on test images: `pretrained/<dataset>-moved.jsonl`.

`python -m rnorm_core.experiments.precompute.evidence` measures the rows.
"""

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rnorm_core import zoo
from rnorm_core.evaluation.measure.accuracy import Accuracy, wilson
from rnorm_core.evaluation.tables.freshness import ModelRow, fresh_and_stale
from rnorm_core.evaluation.tables.jsonl import TableFile
from rnorm_core.evaluation.tables.row import holds, wrong_conditions

COMMAND = "python -m rnorm_core.experiments.precompute.evidence"


@dataclass(frozen=True)
class Moved(ModelRow):
    """One attack of one size on `n` test images in batches of `batch_size`; the fields are the JSON's keys.

    attack, settings, eps_255: as in `Row`; "clean" is the same images without an attack, the control.
    layers:   names of the norm layers, in the network's order.
    shifts:   measure -> [batch][layer], `LayerShift.summary` of the layer's input against the population.
    bands:    measure -> [layer][low, high], the range of 95 % of clean training batches of this size.
    hits:     the images that were classified as labelled with tracked statistics, packed like `Row.hits`.
    own:      the same with the statistics of the images' own batch; null if the norm has no such mode.
    """

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
    def identity(self) -> tuple:
        settings = json.dumps(self.settings, sort_keys=True)
        return (self.model, self.weight_hash, self.attack, settings, self.eps_255, self.images, self.batch_size,
                self.seed)  # fmt: skip

    def contradiction(self) -> str | None:
        if problem := wrong_conditions(self.norm, (self.weight_hash, self.images), self.attack, self.eps_255):
            return problem
        if self.n < 1 or self.batch_size < 1:
            return f"{self.n} images in batches of {self.batch_size}"
        batches, layers = math.ceil(self.n / self.batch_size), len(self.layers)
        for measure, values in self.shifts.items():
            if not _is_filled(values, (batches, layers)) or not _is_filled(self.bands.get(measure), (layers, 2)):
                return f"{measure!r} is not a finite number for each of {batches} batches and {layers} layers"
        for which in ("hits", "own"):
            if (packed := getattr(self, which)) is not None and not holds(packed, self.n):
                return f"{which!r} does not hold {self.n} images"
        return None

    def beyond(self, *measures: str) -> np.ndarray:
        """Bool (batches, layers): True where one of these measures is larger than in 97.5 % of clean batches."""
        return np.any([np.array(self.shifts[m]) > np.array(self.bands[m])[:, 1] for m in measures], axis=0)

    def further(self, other: "Moved", measure: str) -> np.ndarray:
        """Bool (batches, layers): True where this attack shifts the same images more than `other` does."""
        return np.array(self.shifts[measure]) > np.array(other.shifts[measure])

    def mask(self, which: str = "hits") -> np.ndarray:
        """Bool (n,): the field `which`, "hits" or "own", unpacked."""
        return np.unpackbits(np.frombuffer(base64.b64decode(getattr(self, which)), np.uint8), count=self.n).astype(bool)


FILE = TableFile(Moved, COMMAND)


def shipped(dataset: str = "cifar10") -> Path:
    """The path of a data set's table, whether the file exists or not."""
    return zoo.DIRECTORY / f"{dataset}-moved.jsonl"


def moved(dataset: str = "cifar10") -> tuple[tuple[Moved, ...], tuple[Moved, ...]]:
    """(rows measured on the weights that are shipped now, rows of other weights); both empty without a file."""
    return fresh_and_stale(shipped(dataset), FILE)


def accuracies(rows: Sequence[Moved], model: str) -> list[Accuracy]:
    """The accuracies of a network in these rows: with tracked statistics and, where known, with the batch's own."""
    found = []
    for row in rows:
        for which, mode in (("hits", "tracked"), ("own", "batch")):
            if row.model == model and getattr(row, which) is not None:
                hits = torch.from_numpy(row.mask(which))
                spec = {**row.settings, "attack": row.attack, "eps_255": row.eps_255, "made for": "tracked"}
                ends = wilson(int(hits.sum()), row.n)
                found.append(
                    Accuracy(int(hits.sum()), row.n, *ends, hits, model, mode, row.weight_hash, spec, row.batch_size)
                )
    return found


def _is_filled(values: Any, shape: tuple[int, int]) -> bool:
    """Whether nested lists have this shape and hold finite numbers."""
    try:
        numbers = np.array(values, dtype=float)
    except (TypeError, ValueError):
        return False
    return numbers.shape == shape and bool(np.isfinite(numbers).all())
