"""Measures a table of accuracies, condition by condition, and goes on where it was stopped."""

import hashlib
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import torch

from rnorm_core import norms, zoo
from rnorm_core.data import Batch
from rnorm_core.evaluation import file
from rnorm_core.evaluation.accuracy import Accuracy, accuracies
from rnorm_core.evaluation.protocol import PASSES, Condition
from rnorm_core.evaluation.row import PIXELS, Row, pack
from rnorm_core.evaluation.share import ALONE, Share
from rnorm_core.versions import versions

BATCH = 128


def sweep(
    conditions: Sequence[Condition],
    batch: Batch,
    out: Path,
    seed: int = 0,
    say: Callable[[str], object] = print,
    share: Share = ALONE,
) -> tuple[Row, ...]:
    """Measures what `out` does not hold yet, appends it, sorts the file and returns all its rows.

    batch: the images chosen with `seed`, in the order in which they are cut into batches. Rows that these models left
    with other weights are dropped. With a `share` several processes do this together, and the first of them alone
    reads and writes. UserError if `out` is damaged or cannot be written, or if another process fails.
    """
    todo = share.agree(_todo(conditions, batch, out, seed, say) if share.first else [])
    clock = Clock()
    for number, (condition, blanks) in enumerate(todo, start=1):
        model = zoo.load(condition.model, condition.statistics, fold=True)
        wanted = [blank.pixels for blank in blanks]
        began = perf_counter()
        found = accuracies(model, batch, condition.make(), BATCH, seed=seed, pixels=wanted, share=share)
        if not share.first:
            continue
        new = [_filled(blank, found[blank.pixels]) for blank in blanks]
        file.append(out, new)
        clock.note(condition, perf_counter() - began)
        counts = ", ".join(f"{row.pixels} {row.correct}" for row in new)
        left = clock.left(condition for condition, _ in todo[number:])
        say(f"[{number}/{len(todo)}] {condition}: {counts} of {len(batch)}; {left} left")
    return share.agree(_finished(out) if share.first else ())


def _todo(
    conditions: Sequence[Condition], batch: Batch, out: Path, seed: int, say: Callable[[str], object]
) -> list[tuple[Condition, list[Row]]]:
    """What `out` does not hold yet: conditions with their rows before anything is measured."""
    known = {file.identity(row) for row in _current(file.heal(out), conditions, out, say)}
    made_with = {**versions(), "device": _device()}
    todo: list[tuple[Condition, list[Row]]] = []
    for condition in conditions:
        blanks = [blank for blank in _blanks(condition, batch, seed, made_with) if file.identity(blank) not in known]
        if blanks:
            todo.append((condition, blanks))
    say(f"{len(conditions) - len(todo)} of {len(conditions)} conditions are in {out} already")
    return todo


def _finished(out: Path) -> tuple[Row, ...]:
    rows = tuple(sorted(file.read(out), key=_place))
    file.write(out, rows)
    return rows


class Clock:
    """Tells the time left from the seconds that a forward pass took so far, by model and mode."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], float] = {}
        self.passes: dict[tuple[str, str], int] = {}

    def note(self, condition: Condition, seconds: float) -> None:
        key = (condition.model, condition.statistics)
        self.seconds[key] = self.seconds.get(key, 0) + seconds
        self.passes[key] = self.passes.get(key, 0) + PASSES[condition.attack]

    def left(self, conditions: Iterable[Condition]) -> str:
        typical = sum(self.seconds.values()) / sum(self.passes.values())
        rate = {key: self.seconds[key] / self.passes[key] for key in self.seconds}
        total = sum(PASSES[c.attack] * rate.get((c.model, c.statistics), typical) for c in conditions)
        if total < 60:
            return f"{total:.0f} s"
        minutes = round(total / 60)
        return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def images_hash(ids: Iterable[str]) -> str:
    """`Row.images`: unlike `data.data_hash`, of the ids in their order, which decides on the batches."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def _blanks(condition: Condition, batch: Batch, seed: int, made_with: dict[str, str]) -> list[Row]:
    """The condition's rows before anything is measured."""
    card, attack = zoo.card(condition.model), condition.make()
    row = Row(
        model=card.name, weight_hash=card.sha256, dataset=card.dataset, norm=card.norm, statistics=condition.statistics,
        attack="clean" if attack is None else attack.spec["name"], settings={} if attack is None else attack.spec,
        eps_255=condition.eps_255, pixels="",
        n=len(batch), correct=0, low=0.0, high=0.0, batch_size=BATCH, seed=seed, images=images_hash(batch.ids),
        hits="", code_version=made_with["robustnorm-lab"], made_with=made_with, date="",
    )  # fmt: skip
    return [replace(row, pixels=pixels) for pixels in condition.pixels]


def _filled(blank: Row, found: Accuracy) -> Row:
    return replace(
        blank, weight_hash=found.weight_hash, correct=found.correct, low=round(found.low, 6),
        high=round(found.high, 6), hits=pack(found.hits), date=datetime.now(UTC).date().isoformat(),
    )  # fmt: skip


def _current(
    rows: tuple[Row, ...], conditions: Sequence[Condition], out: Path, say: Callable[[str], object]
) -> tuple[Row, ...]:
    """Drops from the file what was measured on other weights of the models to be measured."""
    weights = {model: zoo.card(model).sha256 for model in {condition.model for condition in conditions}}
    stale = [row for row in rows if row.weight_hash != weights.get(row.model, row.weight_hash)]
    kept = tuple(row for row in rows if row not in stale)
    if stale:
        models = ", ".join(sorted({row.model for row in stale}))
        say(f"{len(stale)} rows are dropped: they belong to other weights of {models}")
        file.write(out, kept)
    return kept


def _place(row: Row) -> tuple:
    """Where a row belongs in the finished file."""
    return (row.model, norms.MODES.index(row.statistics), row.kind, row.eps_255, PIXELS.index(row.pixels),
            row.n, row.seed)  # fmt: skip


def _device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
