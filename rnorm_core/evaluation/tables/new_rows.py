"""Rows before and after their measurement, for the commands that fill tables."""

import platform
from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import torch

from rnorm_core import zoo
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure.accuracy import Accuracy
from rnorm_core.evaluation.tables.freshness import M
from rnorm_core.evaluation.tables.jsonl import TableFile
from rnorm_core.evaluation.tables.row import Row, images_hash, pack
from rnorm_core.versions import versions


def blank(
    model: str, statistics: str, batch: Batch, batch_size: int, spec: dict[str, Any], seed: int, **more: Any
) -> Row:
    """The row of a model of the zoo before its measurement: only the conditions, which make its `identity`.

    spec: of the attack, {} for clean images. more: further settings, for tables with rows that have them.
    """
    card, made_with = zoo.card(model), made_with_now()
    return Row(
        model=card.name, weight_hash=card.sha256, dataset=card.dataset, norm=card.norm, statistics=statistics,
        attack=spec.get("name", "clean"), settings={**spec, **more}, eps_255=round(255 * spec.get("eps", 0), 6),
        pixels="float", n=len(batch), correct=0, low=0.0, high=0.0, batch_size=batch_size, seed=seed,
        images=images_hash(batch.ids), hits="", code_version=made_with["robustnorm-lab"], made_with=made_with, date="",
    )  # fmt: skip


def filled(row: Row, measured: Accuracy) -> Row:
    """The row with the measurement, dated today."""
    return replace(
        row, correct=measured.correct, low=round(measured.low, 6), high=round(measured.high, 6),
        hits=pack(measured.hits), date=datetime.now(UTC).date().isoformat(),
    )  # fmt: skip


def one_dataset(names: Iterable[str]) -> str:
    """The data set of all these models: a table is for one data set. UserError if they are for several."""
    datasets = sorted({zoo.card(name).dataset for name in names})
    if len(datasets) != 1:
        raise UserError(f"One table holds one data set, not {' and '.join(datasets)}.", "name models of one data set.")
    return datasets[0]


def begin(
    file: TableFile[M], out: Path, names: Iterable[str], say: Callable[[str], object] | None = None
) -> set[Hashable]:
    """Identities of the rows that `out` holds; rows of these models that belong to other weights are dropped from it.

    A last line that a kill cut short is dropped, too. UserError as in `TableFile.heal`.
    """
    kept = file.heal(out)
    current = {name: zoo.card(name).sha256 for name in names}
    rows = [row for row in kept if row.weight_hash == current.get(row.model, row.weight_hash)]
    if len(rows) < len(kept):
        stale = {row.model for row in kept if row.weight_hash != current.get(row.model, row.weight_hash)}
        if say:
            say(f"{len(kept) - len(rows)} rows are dropped: they belong to other weights of {', '.join(sorted(stale))}")
        file.write(out, rows)
    return {row.identity for row in rows}


@cache
def made_with_now() -> dict[str, str]:
    """Versions and device of this process. Read once, because a process runs the code that it started with."""
    return {**versions(), "device": torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()}
