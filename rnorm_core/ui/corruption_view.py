"""Corruptions, attacks and new statistics as measured -> what figures draw and what is said. Pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from rnorm_core import evaluation
from rnorm_core.data import CORRUPTIONS, SEVERITIES
from rnorm_core.evaluation import Paired
from rnorm_core.evaluation.evidence import apart
from rnorm_core.figures import corruptions as figures
from rnorm_core.figures.style import percent
from rnorm_core.ui.corrupting import ATTACK, CLEAN, NATURAL, SHOWN, Condition, Corrupted, Course, Plan, said
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.reestimating import AGAIN, CONDITIONS, Repaired, Result
from rnorm_core.ui.shift_view import AXES
from rnorm_core.ui.shifting import nice


@dataclass(frozen=True)
class View:
    """One look: at this severity, this attack size (k of k/255), by this measure (a key of MEASURES).

    Methods take the side `i`: 0 is left, 1 is right.
    """

    found: Corrupted
    severity: int
    eps_255: float
    measure: str

    @property
    def natural(self) -> Condition:
        return NATURAL, self.severity

    @property
    def adversarial(self) -> Condition:
        return ATTACK, self.eps_255

    @property
    def axis(self) -> str:
        return AXES[self.measure]

    @property
    def corruption(self) -> str:
        return CORRUPTIONS[self.found.plan.corruption].title

    def course(self, i: int) -> Course:
        return self.found.courses[i]

    def layers(self, i: int) -> figures.Layers | None:
        """Every layer's shift, or None where there is no population to compare with."""
        course, plan = self.course(i), self.found.plan
        if course.population is None:
            return None
        low, high, size = course.band(self.measure, len(self.found.batch))
        names = [f"{k} {nice(name)}" for k, name in enumerate(course.population.statistics.names, 1)]
        clean, corrupted, attacked = (self._moved(course, c) for c in ((CLEAN, 0), self.natural, self.adversarial))
        assert clean is not None
        assert corrupted is not None
        side, n = course.side, len(self.found.batch)
        words = said(plan, self.natural), said(plan, self.adversarial)
        what = side.label, side.norm, side.weight_hash, n, names
        return figures.Layers(*what, clean, corrupted, attacked, low, high, size, *words)

    def _moved(self, course: Course, condition: Condition) -> np.ndarray | None:
        reading = course.readings.get(condition)
        return None if reading is None or reading.moved is None else reading.moved[self.measure]

    def path(self, i: int, kind: str) -> figures.Path:
        """From clean through all sizes of this kind that are there."""
        course = self.course(i)
        readings = course.path(kind)
        sizes = [f"{reading.condition[1]:g}{'/255' if kind == ATTACK else ''}" for reading in readings]
        sizes[0] = "0" if kind == NATURAL else "clean"
        moved = [float(r.moved[self.measure].mean()) for r in readings if r.moved is not None]
        side, right = course.side, counts([reading.hits for reading in readings])
        about = side.label, side.norm, side.statistics, side.weight_hash
        return figures.Path(*about, kind == NATURAL, sizes, right, moved)

    def paths(self, kind: str) -> list[figures.Path]:
        """Of both sides, or the one model where both are the same."""
        return [self.path(i, kind) for i in ((0,) if self.course(0).side == self.course(1).side else (0, 1))]

    def happened(self, i: int) -> str:
        """How many images are right in each condition, and how many layers have left their band; in Markdown."""
        course, layers = self.course(i), self.layers(i)
        clean = course.readings[CLEAN, 0].hits
        parts = [f"clean, images right: {rate(clean)}"]
        for condition in (self.natural, self.adversarial):
            if reading := course.readings.get(condition):
                part = f"{said(self.found.plan, condition)}: **{rate(reading.hits)}**"
                if layers is not None and reading.moved is not None:
                    part += f", {layers.outside(reading.moved[self.measure])} of {len(layers.names)} layers outside"
                parts.append(part)
        return f"**{course.side.label}**: {'; '.join(parts)}."


Picture = tuple[Tensor, str, str]  # an image, what it is, and by whom it is recognised


def strips(plan: Plan, found: Corrupted | None, severity: int, eps_255: float) -> tuple[list[Picture], list[Picture]]:
    """The first image clean, at every severity and attacked; the next ones at the severity looked at.

    Before anything is measured (found is None) without the attack, and nothing is said of who recognises what.
    """
    batch = plan.images().select(range(SHOWN + 1)) if found is None else found.batch
    one = [(batch.images[0], "clean", _marks(found, (CLEAN, 0), 0))]
    for s in SEVERITIES:
        image = plan.corrupted(batch.select([0]), s).images[0]
        one.append((image, f"sev. {s}", _marks(found, (NATURAL, s), 0)))
    if found and (attacked := found.attacked.get(eps_255)) is not None:
        one.append((attacked, f"PGD {eps_255:g}/255", _marks(found, (ATTACK, eps_255), 0)))
    corrupted = plan.corrupted(batch.select(range(SHOWN + 1)), severity)
    names = [batch.classes[int(label)] for label in corrupted.labels]
    some = [(corrupted.images[k], names[k], _marks(found, (NATURAL, severity), k)) for k in range(1, SHOWN + 1)]
    return one, some


def _marks(found: Corrupted | None, condition: Condition, index: int) -> str:
    """Whether image `index` is right: left, then right; empty while that is not known."""
    if found is None or not found.has(condition):
        return ""
    return " ".join("✓" if course.readings[condition].hits[index] else "✗" for course in found.courses)


def counts(hits: Sequence[Tensor]) -> figures.Counts:
    right, n = [int(h.sum()) for h in hits], len(hits[0])
    low, high = zip(*(evaluation.wilson(k, n) for k in right), strict=True)
    return figures.Counts(right, n, low, high)


def rate(hits: Tensor) -> str:
    """ "12 of 20 (39 to 78 %)", with the 95 % interval."""
    correct, n = int(hits.sum()), len(hits)
    low, high = evaluation.wilson(correct, n)
    return f"{correct} of {n} ({100 * low:.0f} to {percent(high)})".replace(" %", "\N{NO-BREAK SPACE}%")


# --- new statistics


def said_of(result: Result, kind: str) -> str:
    """What the images went through."""
    asked = result.asked
    size = {NATURAL: asked.severity, CLEAN: 0}.get(kind, asked.eps_255)
    return said(asked.plan, (ATTACK if kind == AGAIN else kind, size))


def name(result: Result, kind: str) -> str:
    """A condition, for people."""
    made = {ATTACK: ", made for the trained statistics", AGAIN: ", made anew for the new ones"}
    return said_of(result, kind) + made.get(kind, "")


def mended(result: Result, side: Side) -> list[figures.Mended]:
    """What there is so far, condition by condition."""
    repaired, found = result.sides[side], []
    for kind in CONDITIONS:
        images = [m for m in result.counts if (kind, m) in repaired.after]
        if images:
            before = counts([repaired.before[kind]]) if kind in repaired.before else None
            after = counts([repaired.after[kind, m] for m in images])
            found.append(figures.Mended(kind, name(result, kind), before, images, after))
    return found


def difference(repaired: Repaired, kind: str, m: int) -> Paired | None:
    """With new statistics (left) and as trained (right), image by image; None while one is missing.

    An attack made anew is compared with the attack made for the network as trained: each network under its own.
    """
    before, after = repaired.before.get(ATTACK if kind == AGAIN else kind), repaired.after.get((kind, m))
    return None if before is None or after is None else evaluation.paired(after, before)


UNCLEAR = "no difference to be told"


def verdict(found: Paired) -> str:
    """By the 95 % interval of the paired difference."""
    return "mended" if found.low > 0 else "made worse" if found.high < 0 else UNCLEAR


def table(result: Result, side: Side, m: int) -> str:
    """Right as trained, right with new statistics, and the difference, in Markdown; empty while there is nothing."""
    repaired, lines = result.sides[side], []
    for kind in CONDITIONS:
        if found := difference(repaired, kind, m):
            before, after = repaired.before[ATTACK if kind == AGAIN else kind], repaired.after[kind, m]
            low, value, high = apart(found)
            points = f"{value} ({low} to {high})"
            points = points if verdict(found) == UNCLEAR else f"**{points}**"
            what = {AGAIN: "made anew for these"}.get(kind, said_of(result, kind))
            lines.append(f"| {what} | {int(before.sum())} | {int(after.sum())} | {points} |")
    if not lines:
        return ""
    head = f"| right of {result.asked.plan.count} | trained | of {m} | difference in points (95 %) |"
    return "\n".join([head, "| --- | --- | --- | --- |", *lines])


def answer(result: Result, side: Side, m: int) -> str:
    """Which of the two these statistics repair, for one model, in Markdown; empty while it is not known."""
    repaired = result.sides[side]
    natural, attack, again = (difference(repaired, kind, m) for kind in CONDITIONS[1:])
    if natural is None or attack is None:
        return ""
    clean = int(repaired.before[CLEAN].sum())
    parts = [f"{name(result, NATURAL)}: {_judged(natural, clean)}", f"the attack: {_judged(attack, clean)}"]
    if again is not None:
        parts.append(f"the attack made anew: {_judged(again, clean)}")
    return f"**{side.label}**, statistics of {m} image{'s' * (m > 1)}. {'; '.join(parts)}."


def _judged(found: Paired, clean: int) -> str:
    """The verdict, with the share of the loss that came back where something did; `clean`: right without any of it."""
    before, after = found.both + found.right_only, found.both + found.left_only
    share = f" ({percent((after - before) / (clean - before))} of what it had cost)" if clean > before else ""
    word = verdict(found)
    return f"**{word}**{share if word == 'mended' else ''}"
