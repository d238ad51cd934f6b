"""Accuracies by batch size, shipped or measured here -> what is drawn and said. Pure functions."""

from dataclasses import dataclass

from rnorm_core import evaluation, figures
from rnorm_core.evaluation import Accuracy, sizes
from rnorm_core.evaluation.verdict import listed
from rnorm_core.figures import Figure, Line
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.grouping import Sized
from rnorm_core.ui.whose import everyday, points, said


@dataclass(frozen=True, eq=False)
class Course:
    """A network in "batch" mode at several batch sizes, and the levels of its everyday mode, clean and attacked."""

    side: Side
    clean: tuple[Accuracy, ...]
    attacked: tuple[Accuracy, ...]
    levels: tuple[Accuracy | None, Accuracy | None]
    attack: str


def shipped(dataset: str, side: Side) -> Course | None:
    """Of `side`, in "batch" mode, what was measured before; None where nothing was."""
    rows = [row for row in sizes.by_size(dataset)[0] if row.model == side.name]
    mine = sorted((row for row in rows if row.statistics == side.statistics), key=lambda row: row.batch_size)
    level = {row.attack: row for row in rows if row.statistics != side.statistics}
    attack = next((row for row in mine if row.attack != "clean"), None)
    if not mine:
        return None
    clean, attacked = ([r.accuracy for r in mine if (r.attack == "clean") == clean] for clean in (True, False))
    levels = (level.get("clean"), level.get(attack.attack) if attack else None)
    words = f"PGD of {attack.settings['steps']} steps, {attack.eps_255:g}/255" if attack else "clean"
    one, other = (None if row is None else row.accuracy for row in levels)
    return Course(side, tuple(clean), tuple(attacked), (one, other), words)


def live(found: Sized, side: Side) -> Course:
    levels = found.levels.get(side, (None, None))
    return Course(side, found.clean[side], found.attacked[side], levels, said(found.asked.eps_255))


def by_size(course: Course) -> Figure:
    usual = everyday(course.side).statistics
    lines = [
        Line(
            f"{word}, {course.side.statistics}", course.side.norm, course.side.statistics,
            [a.batch_size for a in accuracies], accuracies, word == "clean", level, f"{word}, {usual}",
        )
        for word, accuracies, level in zip(
            ("clean", "attacked"), (course.clean, course.attacked), course.levels, strict=True
        )
        if accuracies
    ]  # fmt: skip
    return figures.accuracy_by_size(lines, f"{course.side.title}; {course.attack}")


def cost_of_size(course: Course) -> str:
    """Up to which size clean accuracy is below that of the everyday mode, in Markdown; empty while unknown."""
    level = course.levels[0]
    if level is None or not course.clean:
        return ""
    pairs = {a.batch_size: evaluation.paired(a.hits, level.hits) for a in course.clean}
    worse = [str(size) for size, pair in pairs.items() if pair.high < 0]
    usual, last = everyday(course.side).statistics, max(pairs)
    if not worse:
        return f"**{course.side.title}**: at no size can a cost be told; at {last}: {points(pairs[last])}."
    least = f"below {usual} with batches of **{listed(worse)}**"
    first = min(pairs)
    ends = f"at {first}: {points(pairs[first])}" + (f", at {last}: {points(pairs[last])}" if last > first else "")
    return f"**{course.side.title}**, clean images: {least}; {ends}."


def attacked_by_size(course: Course) -> str:
    """What the attack leaves at each batch size against the everyday mode, in Markdown; empty while unknown."""
    level = course.levels[1]
    known = [a for a in course.attacked if level is not None and a.n == level.n]
    if level is None or not known:
        return ""
    pairs = {a.batch_size: evaluation.paired(a.hits, level.hits) for a in known}
    more, fewer = ([str(s) for s, p in pairs.items() if (p.low > 0 if up else p.high < 0)] for up in (True, False))
    said = [f"{word} with **{listed(sizes)}**" for word, sizes in (("more", more), ("fewer", fewer)) if sizes]
    usual, last = everyday(course.side).statistics, max(pairs)
    told = " and ".join(said) if said else "no difference can be told at any size"
    return f"Attacked ({course.attack}), right beside {usual}: {told}; at {last}: {points(pairs[last])}."
