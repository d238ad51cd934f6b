"""What the shipped table of measured accuracies says: curves, comparisons. Pure functions, no Streamlit."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from rnorm_core import figures
from rnorm_core.attacks import CATALOGUE
from rnorm_core.evaluation import Paired, Row, Table, both_correct, paired, wilson, worst_case
from rnorm_core.evaluation.file import COMMAND
from rnorm_core.evaluation.row import pack
from rnorm_core.evaluation.verdict import EPS
from rnorm_core.figures import Curve
from rnorm_core.ui.crafting import Side

CHANCE = 0.05  # a p-value above it shows nothing
WORST, WORST_TITLE = "worst", "Worst case over attacks"  # an image counts where no attack of this size fooled


@dataclass(frozen=True, eq=False)
class Line:
    """One side's measurements under one attack, the clean one first, and the images that count: bool (n,) or None."""

    side: Side
    attack: str
    rows: tuple[Row, ...]
    among: Tensor | None = None

    def counts(self, row: Row) -> tuple[int, int]:
        """(correct, n) among the images that count."""
        if self.among is None:
            return row.correct, row.n
        return int((row.mask & self.among).sum()), int(self.among.sum())

    @property
    def conditions(self) -> str:
        last = self.rows[-1]
        if self.attack == WORST:
            kept = "" if self.among is None else "; only images that all of these get right when clean"
            return f"{last.pixels} pixels; worst of {_worst_of(self.rows[1:])}{kept}"
        steps, unit = last.settings.get("steps", 1), "queries" if CATALOGUE[last.attack].black_box else "steps"
        kept = "" if self.among is None else ", only images that all of these get right when clean"
        return f"{f'{steps:,} {unit}, ' if steps > 1 else ''}{last.pixels} pixels{kept}"

    @property
    def curve(self) -> Curve:
        return curve_of(self.side, [(row.eps_255, *self.counts(row)) for row in self.rows])


def curve_of(side: Side, points: Sequence[tuple[float, int, int]], here: bool = False) -> Curve:
    """points: (eps_255, correct, n) by eps."""
    eps, correct, n = zip(*points, strict=True)
    low, high = zip(*(wilson(k, m) for _, k, m in points), strict=True)
    label = f"{side.label}, measured here" if here else side.label
    return Curve(label, side.norm, side.statistics, eps, correct, n, low, high, side.weight_hash, here)


def conditions(drawn: Sequence[Line]) -> str:
    """What all that is drawn has in common, or else what holds for whom."""
    found: dict[str, list[str]] = {}
    for line in drawn:
        found.setdefault(line.conditions, []).append(line.side.title)
    if len(found) == 1:
        return drawn[0].conditions
    return "; ".join(f"{', '.join(dict.fromkeys(whose))}: {said}" for said, whose in found.items())


def title(attack: str) -> str:
    return WORST_TITLE if attack == WORST else CATALOGUE[attack].title


def under(table: Table, attack: str, pixels: str) -> Table:
    """The rows of an attack, without the clean ones; of the worst case those of all attacks."""
    rows = table.select(pixels=pixels).rows
    return Table(tuple(row for row in rows if row.attack == attack or (attack == WORST and row.attack != "clean")))


def lines(table: Table, sides: Sequence[Side], attack: str, pixels: str, fair: bool) -> list[Line]:
    """Of the sides that were measured under this attack. fair: only on images that all of them get right when clean,
    as far as all were measured on the same images."""
    if fair:
        table = common(table, sides, attack, pixels)
    found = [Line(side, attack, _rows(table, side, attack, pixels)) for side in sides]
    found = [line for line in found if len(line.rows) > 1 and line.rows[0].attack == "clean"]
    if not fair or not found:
        return found
    among = both_correct([line.rows[0] for line in found])
    return [Line(line.side, attack, line.rows, among) for line in found] if among.any() else []


def common(table: Table, sides: Sequence[Side], attack: str, pixels: str, eps_255: float | None = None) -> Table:
    """The rows of one set of images on which every side that was measured under this attack (at this size) was, without
    the attack, too: of these the set on which most was measured of the sides."""
    attacked, measured = under(table, attack, pixels), []
    if eps_255 is not None:
        attacked = attacked.select(eps_255=eps_255)
    for side in sides:
        mine = {"model": side.name, "statistics": side.statistics}
        if found := {row.images for row in attacked.select(**mine).rows}:
            measured.append(found & {row.images for row in table.select(attack="clean", **mine).rows})
    shared = set[str]().union(*measured).intersection(*measured)
    if not shared:
        return Table(())
    theirs = {(side.name, side.statistics) for side in sides}
    rows = [row for row in attacked.rows if row.images in shared and (row.model, row.statistics) in theirs]
    return table.select(images=_fullest(rows))


def _fullest(rows: Sequence[Row]) -> str:
    """The images on which most was measured (a worst case of few attacks is none), of equals those that are most."""
    ways: dict[str, set[tuple]] = {}
    for row in rows:
        ways.setdefault(row.images, set()).add((row.model, row.statistics, row.eps_255, row.kind))
    n = {row.images: row.n for row in rows}
    return max(ways, key=lambda images: (len(ways[images]), n[images]))


def _rows(table: Table, side: Side, attack: str, pixels: str) -> tuple[Row, ...]:
    """By eps, the clean row first. An attack that was run in several ways, as with several losses, counts at its worst.

    At each size that set of images counts on which most was measured.
    """
    mine = table.select(model=side.name, statistics=side.statistics)
    attacked = under(mine, attack, pixels).rows
    found = [row for row in table.curve(side.name, side.statistics, "clean") if row.attack == "clean"]
    for eps in sorted({row.eps_255 for row in attacked}):
        rows = [row for row in attacked if row.eps_255 == eps]
        fullest = _fullest(rows)
        rows = [row for row in rows if row.images == fullest]
        if attack != WORST or _is_worst({row.attack for row in rows}):
            found.append(rows[0] if len(rows) == 1 else _worst(rows, attack))
    return tuple(found)


def _is_worst(kinds: set[str]) -> bool:
    """Whether these attacks together make a worst case: several, and not of one step alone, or a curve could rise where
    the stronger ones were not run."""
    return len(kinds) > 1 and not all(CATALOGUE[kind].one_step for kind in kinds)


def _worst(rows: Sequence[Row], attack: str) -> Row:
    """Several attacks on the same images as one row: right is what all of them left right."""
    found = worst_case(rows)
    settings = {"worst of": [_way(row) for row in rows], **({} if attack == WORST else rows[0].settings)}
    new = {"correct": found.correct, "low": found.low, "high": found.high, "hits": pack(found.hits)}
    return replace(rows[0], attack=attack, settings=settings, **new)


def _way(row: Row) -> str:
    """An attack with what tells two ways of it apart."""
    entry, said = CATALOGUE[row.attack], row.settings.get("loss")
    if entry.black_box:
        said = f"{row.settings['steps']:,} queries"
    return entry.title.replace(" (L-inf)", "") + (f" ({said})" if said else "")


def _worst_of(rows: Sequence[Row]) -> str:
    """Which attacks the worst case is of, where they are not the same at every size."""
    by_size = {row.eps_255: row.settings["worst of"] for row in rows}
    everywhere = [way for way in next(iter(by_size.values())) if all(way in ways for ways in by_size.values())]
    only: dict[str, list[float]] = {}
    for eps, ways in by_size.items():
        for way in ways:
            if way not in everywhere:
                only.setdefault(way, []).append(eps)
    return ", ".join([*everywhere, *(f"{way} (at {EPS(*sizes)})" for way, sizes in only.items())])


def has_worst(table: Table) -> bool:
    """Whether some network was attacked in ways that make a worst case at one size, on the same images."""
    kinds: dict[tuple, set[str]] = {}
    for r in table.rows:
        if r.attack != "clean":
            kinds.setdefault((r.model, r.statistics, r.eps_255, r.pixels, r.images), set()).add(r.attack)
    return any(map(_is_worst, kinds.values()))


@dataclass(frozen=True)
class Comparison:
    """Two sides on the same images under one attack: all images, and those both get right when clean (None if none)."""

    left: Side
    right: Side
    attack: str
    eps_255: float
    everything: Paired
    fair: Paired | None

    @property
    def rows(self) -> list[figures.Agreement]:
        kinds = [("all images", self.everything), ("right when clean", self.fair)]
        return [figures.Agreement(name, p.both, p.left_only, p.right_only, p.neither) for name, p in kinds if p]

    @property
    def condition(self) -> str:
        return f"{CATALOGUE[self.attack].title} at {self.eps_255:g}/255"


def compare(table: Table, left: Side, right: Side, attack: str, eps_255: float, pixels: str) -> Comparison | None:
    """None where the two were not both measured there, on the same images."""
    shared = common(table, (left, right), attack, pixels, eps_255)
    found = [_rows(shared, side, attack, pixels) for side in (left, right)]
    rows, clean = ([at(some, eps) for some in found] for eps in (eps_255, 0))
    if not all(rows) or not all(clean):
        return None
    hits, known = [row.mask for row in rows if row], [row.mask for row in clean if row]
    return compared(left, right, attack, eps_255, (hits[0], hits[1]), (known[0], known[1]))


def compared(
    left: Side, right: Side, attack: str, eps_255: float, hits: tuple[Tensor, Tensor], clean: tuple[Tensor, Tensor]
) -> Comparison:
    """From what both got right, attacked and clean: bool (n,) each."""
    both = clean[0] & clean[1]
    fair = paired(hits[0][both], hits[1][both]) if both.any() else None
    return Comparison(left, right, attack, eps_255, paired(*hits), fair)


def at(rows: Sequence[Row], eps_255: float) -> Row | None:
    return next((row for row in rows if row.eps_255 == eps_255), None)


def told(comparison: Comparison) -> list[str]:
    """One plain sentence for all images, one for those that both get right when clean; in Markdown."""
    left, right = comparison.left.label, comparison.right.label
    if comparison.left == comparison.right:
        return [f"Left and right are the same: {left}. Choose another model or mode in the sidebar."]
    everything = comparison.everything
    said = [f"**{comparison.condition}, {_images(everything.n)}.** {_lead(everything, left, right)}"]
    if comparison.fair:
        fair = comparison.fair
        said.append(f"**Only {_images(fair.n)} that both get right when clean.** {_lead(fair, left, right)}")
    return said


def _images(n: int) -> str:
    return f"{n:,} image{'' if n == 1 else 's'}"


def _lead(p: Paired, left: str, right: str) -> str:
    shares = [(100 * (p.both + only) / p.n) for only in (p.left_only, p.right_only)]
    alone = f"{p.left_only:,} only {left} gets right, {p.right_only:,} only {right}"
    scores = f"{left} keeps {shares[0]:.1f} %, {right} {shares[1]:.1f} %; {alone}"
    if p.left_only == p.right_only:
        return f"{scores}. No difference."
    ahead, behind = (left, right) if p.difference >= 0 else (right, left)
    low, high = sorted((p.low, p.high)) if p.difference >= 0 else sorted((-p.low, -p.high))
    points = f"{abs(100 * p.difference):.1f} points (95 %: {_signed(100 * low)} to {_signed(100 * high)})"
    if p.p_value >= CHANCE:
        return f"{scores}. A difference of {points} may well be chance ({probability(p.p_value)})."
    more = f"more than the choice of images explains ({probability(p.p_value)})"
    return f"{scores}. {ahead} is ahead of {behind} by {points}, {more}."


def _signed(points: float) -> str:
    return f"{points:.1f}".replace("-0.0", "0.0").replace("-", "\N{MINUS SIGN}")


def probability(p: float) -> str:
    return "exact McNemar p < 0.001" if p < 0.001 else f"exact McNemar p = {p:.3f}"


# --- the numbers themselves


def records(drawn: Sequence[Line]) -> list[dict[str, Any]]:
    """One record a point, with all that made it, for people and for a CSV file."""
    return [_record(line, row) for line in drawn for row in line.rows]


def _record(line: Line, row: Row) -> dict[str, Any]:
    correct, n = line.counts(row)
    low, high = wilson(correct, n)
    return {
        "model": row.model,
        "statistics": row.statistics,
        "attack": f"worst of {', '.join(ways)}" if (ways := row.settings.get("worst of")) else row.attack,
        "eps (k/255)": row.eps_255,
        "eps (paper)": round(figures.paper_units(row.eps_255), 4),
        "pixels": row.pixels,
        "accuracy (%)": round(100 * correct / n, 2),
        "low (%)": round(100 * low, 2),
        "high (%)": round(100 * high, 2),
        "correct": correct,
        "n": n,
        "images": "all" if line.among is None else "right when clean",
        "batch size": row.batch_size,
        "seed": row.seed,
        "weights": row.weight_hash,
        "date": row.date,
        "code": row.code_version,
        "command": command(row),
    }


def command(row: Row) -> str:
    """What measures this row again, though the table has it; a worst case is made of rows that have their own."""
    if "worst of" in row.settings:
        return ""
    size = f" --eps {row.eps_255:g}" if row.eps_255 else ""
    queries = f" --queries {row.settings['steps']}" if row.kind == "square" else ""
    return (
        f"{COMMAND} --models {row.model} --statistics {row.statistics} --attacks {row.kind}"
        f"{size}{queries} --count {row.n} --seed {row.seed} --out again.jsonl"
    )


def as_csv(listed: Sequence[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(listed[0]) if listed else [])
    writer.writeheader()
    writer.writerows(listed)
    return text.getvalue().encode()
