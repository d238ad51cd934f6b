"""The shipped measurements of the pages about statistics and corruptions: one table per data set, each line a `Row`.

`python -m rnorm_core.experiments.precompute.laboratories` writes the file. The settings of a row are those of its
attack and those of one experiment:

crossed:    true for clean images and noise, which are the same for every network of a transfer matrix.
made_for:   model, statistics mode and weights of the network for which the attacked images were made.
corruption, severity: as in `data.corrupt`.
draws, right: each image was scored in `draws` random batches. It counts if it was right in all of them ("always"),
            or in at least one ("ever").
poisoned, poison_255: number of perturbed images in each batch, and the size of the perturbation in grey levels. Only
            the other images are counted.
counted, training_images: number of batches from which the population statistics were estimated, 0 for the moving
            average; if the batches were training images, "whole" or "cut" (at random, as in training).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnorm_core import attacks, zoo
from rnorm_core.attacks import Attack
from rnorm_core.evaluation.measure.accuracy import Accuracy, wilson
from rnorm_core.evaluation.tables.freshness import fresh_and_stale, shipped_weights
from rnorm_core.evaluation.tables.jsonl import TableFile
from rnorm_core.evaluation.tables.row import Row
from rnorm_core.zoo import Variant

KEYS = (
    "crossed", "made_for", "corruption", "severity", "draws", "right", "poisoned", "poison_255", "counted",
    "training_images",
)  # fmt: skip
COMMAND = "python -m rnorm_core.experiments.precompute.laboratories"
FILE = TableFile(Row, COMMAND)

# Of the experiments, on the pages and in the table:
EPS_255 = (0.25, 0.5, 1, 2, 4, 8)  # k of k/255
STEPS = 10  # of PGD
BATCH = 128  # images in a batch, at most


def pgd(eps_255: float) -> Attack:
    return attacks.make("pgd", eps_255 / 255, STEPS)


def pgd_name(eps_255: float, steps: int | None = None) -> str:
    """Title of this PGD attack: "PGD of 10 steps, 1/255"."""
    return f"PGD of {STEPS if steps is None else steps} steps, {eps_255:g}/255"


def shipped(dataset: str = "cifar10") -> Path:
    """The path of a data set's table, whether the file exists or not."""
    return zoo.DIRECTORY / f"{dataset}-laboratories.jsonl"


def rows(dataset: str = "cifar10") -> tuple[Row, ...]:
    """Rows of the weights that are shipped now, with attacks made for such weights. Empty without a file."""
    return current(dataset)[0]


def current(dataset: str = "cifar10") -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """(fresh rows, stale rows); both empty without a file.

    A row is fresh if it was measured on the weights that are shipped now, with images made for such weights.
    """
    fresh, stale = fresh_and_stale(shipped(dataset), FILE)
    known = set(shipped_weights())
    kept = tuple(row for row in fresh if _made_for(row) in known)
    return kept, (*stale, *(row for row in fresh if _made_for(row) not in known))


def spec(row: Row) -> dict[str, Any]:
    """The settings of the row's attack: `attacks.make(**spec)` makes it again."""
    return {key: value for key, value in row.settings.items() if key not in KEYS}


def of(rows: Sequence[Row], model: str, statistics: str, **settings: object) -> Row | None:
    """The first row of a model in a mode with these settings; None if there is none."""
    for row in rows:
        if (row.model, row.statistics) == (model, statistics) and all(
            row.settings.get(key) == value for key, value in settings.items()
        ):
            return row
    return None


def made_for(rows: Sequence[Row], variant: Variant, scorer: str, crafter: str, eps_255: float) -> Row | None:
    """One network's accuracy in the mode `scorer` on images that were attacked for it in the mode `crafter`."""
    settings = {"model": variant.model, "statistics": crafter, "weight_hash": variant.weight_hash}
    some = [row for row in rows if row.eps_255 == eps_255]
    return of(some, variant.model, scorer, made_for=settings)


def sensitive(rows: Sequence[Row], variant: Variant, size: int) -> Accuracy | None:
    """The share of images that are right in some draws of neighbours and wrong in others, in batches of `size`.

    None where it was not measured in the variant's mode.
    """
    some = [row for row in rows if row.batch_size == size]
    always, ever = (of(some, variant.model, variant.statistics, right=right) for right in ("always", "ever"))
    if always is None or ever is None:
        return None
    hits = ever.mask & ~always.mask
    low, high = wilson(int(hits.sum()), len(hits))
    spec = {**ever.settings, "right": "in some draws, not in all"}
    return replace(ever.accuracy, correct=int(hits.sum()), low=low, high=high, hits=hits, spec=spec)


def _made_for(row: Row) -> tuple[str, str]:
    """(name, weight hash) of the network for which the row's images were made; by default the row's own network."""
    made_for = row.settings.get("made_for", {"model": row.model, "weight_hash": row.weight_hash})
    return made_for["model"], made_for["weight_hash"]
