"""What the laboratories show before anything runs: shipped rows, each a `Row` whose settings say what was done.

`python -m rnorm_core.training.laboratories` writes the file. Beside the attack's, settings are of one experiment:

crossed:    true on what everybody is asked (clean images, noise); `made_for` says which model in which mode, with
            which weights, attacked images were made for.
corruption, severity: as `data.corrupt` takes them.
draws, right: each image in that many batches; right in all of them ("always") or in at least one ("ever").
poisoned, poison_255: so many images of each batch are changed, by so much, for the sake of those that count.
counted, training_images: the number of batches that population statistics were re-estimated from, 0 for the moving
            average; "whole" or "cut" at random as in training where these were not test images.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnorm_core import zoo
from rnorm_core.evaluation.current import rows_of, weights
from rnorm_core.evaluation.file import read
from rnorm_core.evaluation.row import Row

KEYS = (
    "crossed", "made_for", "corruption", "severity", "draws", "right", "poisoned", "poison_255", "counted",
    "training_images",
)  # fmt: skip
COMMAND = "python -m rnorm_core.training.laboratories"
STEPS = 10  # of PGD, there and on the pages


def shipped(dataset: str = "cifar10") -> Path:
    """Where the rows of a data set lie, whether they are there or not."""
    return zoo.DIRECTORY / f"{dataset}-laboratories.jsonl"


def rows(dataset: str = "cifar10") -> tuple[Row, ...]:
    """Rows measured on the weights that are shipped now, and made for such; none without a file."""
    return current(dataset)[0]


def current(dataset: str = "cifar10") -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """(`rows`, rows measured on other weights or made for such); both empty without a file."""
    fresh, stale = rows_of(shipped(dataset), read)
    known = set(weights())
    kept = tuple(row for row in fresh if _crafter(row) in known)
    return kept, (*stale, *(row for row in fresh if _crafter(row) not in known))


def spec(row: Row) -> dict[str, Any]:
    """Its attack's: `attacks.make(**spec)` makes it again."""
    return {key: value for key, value in row.settings.items() if key not in KEYS}


def _crafter(row: Row) -> tuple[str, str]:
    """Of the network that its images were made for, which is its own where none is named."""
    made_for = row.settings.get("made_for", {"model": row.model, "weight_hash": row.weight_hash})
    return made_for["model"], made_for["weight_hash"]


def of(found: Sequence[Row], model: str, statistics: str, **settings: object) -> Row | None:
    """The row of a model in a mode with these settings, as long as there is one; None where there is none."""
    for row in found:
        if (row.model, row.statistics) == (model, statistics) and all(
            row.settings.get(key) == value for key, value in settings.items()
        ):
            return row
    return None
