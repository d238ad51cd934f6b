"""Measures a table of accuracies, condition by condition. After a stop it measures only the missing conditions."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from rnorm_core import engine, norms, zoo
from rnorm_core.data import Batch
from rnorm_core.evaluation.measure.accuracy import accuracies
from rnorm_core.evaluation.measure.protocol import Condition
from rnorm_core.evaluation.measure.share import ALONE, Share
from rnorm_core.evaluation.tables.accuracies import FILE
from rnorm_core.evaluation.tables.new_rows import begin, blank, filled
from rnorm_core.evaluation.tables.row import PIXELS, Row

BATCH = 128


def sweep(
    conditions: Sequence[Condition],
    batch: Batch,
    out: Path,
    seed: int = 0,
    say: Callable[[str], object] = print,
    share: Share = ALONE,
) -> tuple[Row, ...]:
    """Measures the conditions that `out` lacks, appends their rows, sorts the file and returns all its rows.

    batch: the images chosen with `seed`, in the order in which they are divided into batches. Rows of these models that
    belong to other weights are dropped. With a `share` several processes share the work; only the first one reads and
    writes. UserError if `out` is damaged or cannot be written, or if another process fails.
    """
    todo = share.agree(_todo(conditions, batch, out, seed, say) if share.first else [])
    clock = Clock()
    for number, (condition, blanks) in enumerate(todo, start=1):
        model = zoo.load(condition.model, condition.statistics, fold=True)
        # Before the first batch, so that no number depends on the moment at which a graph is ready.
        for size in {BATCH, len(batch) % BATCH} - {0}:
            engine.prepare(model, size)
        pixels = [row.pixels for row in blanks]
        began = perf_counter()
        measured = accuracies(model, batch, condition.make(), BATCH, seed=seed, pixels=pixels, share=share)
        if not share.first:
            continue
        new = [filled(row, measured[row.pixels]) for row in blanks]
        FILE.append(out, new)
        seconds = perf_counter() - began
        clock.note(condition, seconds)
        counts = ", ".join(f"{row.pixels} {row.correct}" for row in new)
        left = clock.left(condition for condition, _ in todo[number:])
        speed = f"{len(batch) / seconds:.1f} images a second"
        say(f"[{number}/{len(todo)}] {condition}: {counts} of {len(batch)}, {speed}; {left} left")
    return share.agree(_finished(out) if share.first else ())


def _todo(
    conditions: Sequence[Condition], batch: Batch, out: Path, seed: int, say: Callable[[str], object]
) -> list[tuple[Condition, list[Row]]]:
    """The conditions that `out` lacks, each with its rows before the measurement."""
    known = begin(FILE, out, {condition.model for condition in conditions}, say)
    todo: list[tuple[Condition, list[Row]]] = []
    for condition in conditions:
        blanks = [row for row in _blanks(condition, batch, seed) if row.identity not in known]
        if blanks:
            todo.append((condition, blanks))
    say(f"{len(conditions) - len(todo)} of {len(conditions)} conditions are in {out} already")
    return todo


def _finished(out: Path) -> tuple[Row, ...]:
    rows = tuple(sorted(FILE.read(out), key=_place))
    FILE.write(out, rows)
    return rows


class Clock:
    """Estimates the time left from the seconds that a forward pass has taken so far, by model and mode."""

    def __init__(self) -> None:
        self.seconds: dict[tuple[str, str], float] = {}
        self.passes: dict[tuple[str, str], int] = {}

    def note(self, condition: Condition, seconds: float) -> None:
        key = (condition.model, condition.statistics)
        self.seconds[key] = self.seconds.get(key, 0) + seconds
        self.passes[key] = self.passes.get(key, 0) + condition.passes

    def left(self, conditions: Iterable[Condition]) -> str:
        typical = sum(self.seconds.values()) / sum(self.passes.values())
        rate = {key: self.seconds[key] / self.passes[key] for key in self.seconds}
        total = sum(c.passes * rate.get((c.model, c.statistics), typical) for c in conditions)
        if total < 60:
            return f"{total:.0f} s"
        minutes = round(total / 60)
        return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _blanks(condition: Condition, batch: Batch, seed: int) -> list[Row]:
    """The condition's rows before the measurement."""
    attack = condition.make()
    row = blank(condition.model, condition.statistics, batch, BATCH, {} if attack is None else attack.spec, seed)
    return [replace(row, pixels=pixels) for pixels in condition.pixels]


def _place(row: Row) -> tuple:
    """The sort key of a row in the finished file."""
    return (row.model, norms.MODES.index(row.statistics), row.kind, row.eps_255, PIXELS.index(row.pixels),
            row.n, row.seed)  # fmt: skip
