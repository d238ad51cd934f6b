"""Rows before and after they are measured, for whoever fills a table."""

import platform
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch

from rnorm_core import zoo
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation import file
from rnorm_core.evaluation.accuracy import Accuracy
from rnorm_core.evaluation.row import Row, images_hash, pack
from rnorm_core.versions import versions


def blank(
    model: str, statistics: str, batch: Batch, batch_size: int, spec: dict[str, Any], seed: int, **more: Any
) -> Row:
    """The row of a model of the zoo before anything is measured: its conditions, by which `file.identity` knows it.

    spec: of the attack, {} for clean images. more: further settings, for the tables whose rows have them.
    """
    card, made_with = zoo.card(model), made_with_now()
    return Row(
        model=card.name, weight_hash=card.sha256, dataset=card.dataset, norm=card.norm, statistics=statistics,
        attack=spec.get("name", "clean"), settings={**spec, **more}, eps_255=round(255 * spec.get("eps", 0), 6),
        pixels="float", n=len(batch), correct=0, low=0.0, high=0.0, batch_size=batch_size, seed=seed,
        images=images_hash(batch.ids), hits="", code_version=made_with["robustnorm-lab"], made_with=made_with, date="",
    )  # fmt: skip


def filled(row: Row, found: Accuracy) -> Row:
    """The row with what was measured, as of today."""
    return replace(
        row, correct=found.correct, low=round(found.low, 6), high=round(found.high, 6), hits=pack(found.hits),
        date=datetime.now(UTC).date().isoformat(),
    )  # fmt: skip


def one_dataset(names: Iterable[str]) -> str:
    """The data set that all these models are for: a table is of one. UserError if they are for several."""
    found = {zoo.card(name).dataset: name for name in names}
    if len(found) != 1:
        raise UserError(f"A table is of one data set, not of {' and '.join(sorted(found))}.", "name models of one.")
    return next(iter(found))


def begin(out: Path, names: Iterable[str], say: Callable[[str], object] | None = None) -> set[tuple]:
    """Identities of what `out` holds; rows that these models left with other weights are dropped from it."""
    kept = file.heal(out)
    current = {name: zoo.card(name).sha256 for name in names}
    rows = [row for row in kept if row.weight_hash == current.get(row.model, row.weight_hash)]
    if len(rows) < len(kept):
        stale = {row.model for row in kept if row.weight_hash != current.get(row.model, row.weight_hash)}
        if say:
            say(f"{len(kept) - len(rows)} rows are dropped: they belong to other weights of {', '.join(sorted(stale))}")
        file.write(out, rows)
    return {file.identity(row) for row in rows}


@cache
def made_with_now() -> dict[str, str]:
    """Asked once: a process goes on with the code that it began with."""
    return {**versions(), "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()}
