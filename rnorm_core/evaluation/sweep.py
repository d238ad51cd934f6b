"""Measures a table of accuracies, condition by condition, and goes on where it was stopped."""

import hashlib
import platform
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import torch

from rnorm_core import attacks, norms, zoo
from rnorm_core.data import Batch
from rnorm_core.evaluation import file
from rnorm_core.evaluation.accuracy import Accuracy, accuracies
from rnorm_core.evaluation.row import PIXELS, Row, pack
from rnorm_core.versions import versions

BATCH = 128
# Measured in this order, so that a sweep that is stopped leaves a useful table: what is cheap first, then the eps at
# which networks differ most.
ATTACKS = ("clean", "fgsm", "noise", "pgd")
EPS_255 = (1, 0.5, 2, 0.25, 4, 8, 1.5)
STEPS = {"pgd": 20}
# What a condition costs, in clean passes, as timed on a CPU: how the time left is told.
PASSES = {"clean": 1, "fgsm": 4, "noise": 3, "pgd": 45}


@dataclass(frozen=True)
class Condition:
    """What is measured in one go: as many rows as there are kinds of pixels."""

    model: str
    statistics: str
    attack: str
    eps_255: float

    @property
    def pixels(self) -> tuple[str, ...]:
        """Clean images have 8-bit pixels already: rounding changes nothing."""
        return PIXELS[:1] if self.attack == "clean" else PIXELS

    def make(self) -> attacks.Attack | None:
        if self.attack == "clean":
            return None
        return attacks.make(self.attack, eps=self.eps_255 / 255, steps=STEPS.get(self.attack))

    def __str__(self) -> str:
        return f"{self.model} {self.statistics} {self.attack}" + (f" {self.eps_255:g}/255" if self.eps_255 else "")


def modes(model: str) -> tuple[str, ...]:
    """The statistics modes a model of the zoo can be measured in: one where there are no statistics to choose."""
    return norms.modes(zoo.card(model).norm)


def plan(
    models: Sequence[str],
    statistics: Sequence[str] = norms.MODES,
    kinds: Sequence[str] = ATTACKS,
    eps_255: Sequence[float] = EPS_255,
) -> list[Condition]:
    """Every combination, in the order of measuring; a model's own modes are those of `statistics` that it has."""
    return [
        Condition(model, mode, attack, eps)
        for attack in sorted(kinds, key=ATTACKS.index)
        for eps in ((0,) if attack == "clean" else eps_255)
        for model in models
        for mode in modes(model)
        if mode in statistics
    ]


def sweep(
    conditions: Sequence[Condition], batch: Batch, out: Path, seed: int = 0, say: Callable[[str], object] = print
) -> tuple[Row, ...]:
    """Measures what `out` does not hold yet, appends it, sorts the file and returns all its rows.

    batch: the images chosen with `seed`, in the order in which they are cut into batches. Rows that these models left
    with other weights are dropped. UserError if `out` is damaged or cannot be written.
    """
    rows = _current(file.heal(out), conditions, out, say)
    known = {file.identity(row) for row in rows}
    made_with = {**versions(), "device": _device()}
    todo: list[tuple[Condition, list[Row]]] = []
    for condition in conditions:
        blanks = [blank for blank in _blanks(condition, batch, seed, made_with) if file.identity(blank) not in known]
        if blanks:
            todo.append((condition, blanks))
    say(f"{len(conditions) - len(todo)} of {len(conditions)} conditions are in {out} already")
    clock = Clock()
    for number, (condition, blanks) in enumerate(todo, start=1):
        model = zoo.load(condition.model, condition.statistics, fold=True)
        wanted = [blank.pixels for blank in blanks]
        began = perf_counter()
        found = accuracies(model, batch, condition.make(), BATCH, seed=seed, pixels=wanted)
        new = [_filled(blank, found[blank.pixels]) for blank in blanks]
        file.append(out, new)
        clock.note(condition, perf_counter() - began)
        counts = ", ".join(f"{row.pixels} {row.correct}" for row in new)
        left = clock.left(condition for condition, _ in todo[number:])
        say(f"[{number}/{len(todo)}] {condition}: {counts} of {len(batch)}; {left} left")
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
        attack=condition.attack, settings={} if attack is None else attack.spec, eps_255=condition.eps_255, pixels="",
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
    return (row.model, norms.MODES.index(row.statistics), row.attack, row.eps_255, PIXELS.index(row.pixels),
            row.n, row.seed)  # fmt: skip


def _device() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else platform.machine()
