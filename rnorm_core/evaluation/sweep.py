"""Measures a table of accuracies, condition by condition, and goes on where it was stopped."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from rnorm_core import norms, zoo
from rnorm_core.data import Batch
from rnorm_core.evaluation import file
from rnorm_core.evaluation.accuracy import accuracies
from rnorm_core.evaluation.blank import begin, blank, filled
from rnorm_core.evaluation.protocol import Condition
from rnorm_core.evaluation.row import PIXELS, Row
from rnorm_core.evaluation.share import ALONE, Share

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
        wanted = [row.pixels for row in blanks]
        began = perf_counter()
        found = accuracies(model, batch, condition.make(), BATCH, seed=seed, pixels=wanted, share=share)
        if not share.first:
            continue
        new = [filled(row, found[row.pixels]) for row in blanks]
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
    known = begin(out, {condition.model for condition in conditions}, say)
    todo: list[tuple[Condition, list[Row]]] = []
    for condition in conditions:
        blanks = [row for row in _blanks(condition, batch, seed) if file.identity(row) not in known]
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
    """The condition's rows before anything is measured."""
    attack = condition.make()
    row = blank(condition.model, condition.statistics, batch, BATCH, {} if attack is None else attack.spec, seed)
    return [replace(row, pixels=pixels) for pixels in condition.pixels]


def _place(row: Row) -> tuple:
    """Where a row belongs in the finished file."""
    return (row.model, norms.MODES.index(row.statistics), row.kind, row.eps_255, PIXELS.index(row.pixels),
            row.n, row.seed)  # fmt: skip
