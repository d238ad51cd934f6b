"""The table of accuracies as curves over the attack's size, and as comparisons of two networks on the same images."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from rnorm_core.attacks import CATALOGUE
from rnorm_core.evaluation.measure.comparison import Comparison, compared
from rnorm_core.evaluation.measure.worst import worst_case
from rnorm_core.evaluation.tables.accuracies import Table
from rnorm_core.evaluation.tables.row import Row, both_correct, pack
from rnorm_core.zoo import Variant

WORST = "worst"  # in place of an attack's name: an image is right if it is right under all attacks of this size


@dataclass(frozen=True, eq=False)
class Line:
    """The measured rows of one network under one attack (or `WORST`).

    rows:  by eps, the clean row first. A row that combines several attacks names them in `settings["worst of"]`.
    among: bool (n,), the images that are counted; None for all.
    """

    variant: Variant
    attack: str
    rows: tuple[Row, ...]
    among: Tensor | None = None

    def counts(self, row: Row) -> tuple[int, int]:
        """(correct, n) among the counted images."""
        if self.among is None:
            return row.correct, row.n
        return int((row.mask & self.among).sum()), int(self.among.sum())


def lines(
    table: Table, variants: Sequence[Variant], attack: str, pixels: str, *, fair: bool,
    rows: Callable[[Table, Variant, str, str], tuple[Row, ...]] | None = None,
) -> list[Line]:  # fmt: skip
    """One line for each variant that was measured under this attack.

    fair: count only images that all these networks get right when clean, among the images measured for all.
    rows: which rows a line has, if not those of `of_variant`.
    """
    if fair:
        table = common(table, variants, attack, pixels)
    drawn = [Line(variant, attack, (rows or of_variant)(table, variant, attack, pixels)) for variant in variants]
    drawn = [line for line in drawn if len(line.rows) > 1 and line.rows[0].attack == "clean"]
    if not fair or not drawn:
        return drawn
    among = both_correct([line.rows[0] for line in drawn])
    return [replace(line, among=among) for line in drawn] if among.any() else []


def compare(
    table: Table, variants: tuple[Variant, Variant], attack: str, eps_255: float, pixels: str
) -> Comparison | None:
    """Compares the left and the right network; None if they were not both measured there on the same images."""
    left, right = variants
    shared = common(table, variants, attack, pixels, eps_255)
    measured = [of_variant(shared, variant, attack, pixels) for variant in variants]
    attacked, clean = ([row for rows in measured if (row := at(rows, eps))] for eps in (eps_255, 0))
    if len(attacked) < 2 or len(clean) < 2:
        return None
    hits, without = ((rows[0].mask, rows[1].mask) for rows in (attacked, clean))
    return compared(left, right, hits, without, attack=attack, eps_255=eps_255)


def at(rows: Sequence[Row], eps_255: float) -> Row | None:
    return next((row for row in rows if row.eps_255 == eps_255), None)


def under(table: Table, attack: str, pixels: str) -> Table:
    """The rows of an attack without the clean ones; for `WORST` the rows of all attacks."""
    rows = table.select(pixels=pixels).rows
    return Table(tuple(row for row in rows if row.attack == attack or (attack == WORST and row.attack != "clean")))


def common(table: Table, variants: Sequence[Variant], attack: str, pixels: str, eps_255: float | None = None) -> Table:
    """The rows on one set of images on which all variants were measured, clean and under this attack.

    Variants that were never measured under the attack (with `eps_255`: at this size) are ignored. If there are several
    such sets, the one with the most measurements of these variants is chosen.
    """
    attacked, measured = under(table, attack, pixels), []
    if eps_255 is not None:
        attacked = attacked.select(eps_255=eps_255)
    for variant in variants:
        mine = {"model": variant.model, "statistics": variant.statistics}
        if images := {row.images for row in attacked.select(**mine).rows}:
            measured.append(images & {row.images for row in table.select(attack="clean", **mine).rows})
    shared = set[str]().union(*measured).intersection(*measured)
    if not shared:
        return Table(())
    names = {(variant.model, variant.statistics) for variant in variants}
    rows = [row for row in attacked.rows if row.images in shared and (row.model, row.statistics) in names]
    return table.select(images=fullest(rows))


def has_worst(table: Table) -> bool:
    """Whether the table allows a worst case: enough attacks on one network, at one size and on the same images."""
    attacks: dict[tuple, set[str]] = {}
    for r in table.rows:
        if r.attack != "clean":
            attacks.setdefault((r.model, r.statistics, r.eps_255, r.pixels, r.images), set()).add(r.attack)
    return any(map(_is_worst, attacks.values()))


def of_variant(table: Table, variant: Variant, attack: str, pixels: str) -> tuple[Row, ...]:
    """Rows by eps, the clean row first. An attack with several versions (for instance losses) gives its worst case.

    At each size the set of images with the most measurements is used; without an attack, the one with the most sizes.
    """
    mine = table.select(model=variant.model, statistics=variant.statistics)
    attacked = under(mine, attack, pixels).rows
    sizes = Counter(images for images, _ in {(row.images, row.eps_255) for row in attacked})
    clean = sorted(mine.select(attack="clean").rows, key=lambda row: (-sizes[row.images], -row.n, row.seed))
    chosen = clean[:1]
    for eps in sorted({row.eps_255 for row in attacked}):
        rows = [row for row in attacked if row.eps_255 == eps]
        usual = fullest(rows)
        rows = [row for row in rows if row.images == usual]
        if attack != WORST or _is_worst({row.attack for row in rows}):
            chosen.append(rows[0] if len(rows) == 1 else _worst(rows, attack))
    return tuple(chosen)


def fullest(rows: Sequence[Row]) -> str:
    """The hash of the set of images with the most measurements; of equal sets the larger one.

    The number of measurements comes first, because a worst case over few attacks is no worst case.
    """
    ways: dict[str, set[tuple]] = {}
    for row in rows:
        ways.setdefault(row.images, set()).add((row.model, row.statistics, row.eps_255, row.kind))
    n = {row.images: row.n for row in rows}
    return max(ways, key=lambda images: (len(ways[images]), n[images]))


def _is_worst(attacks: set[str]) -> bool:
    """Whether these attacks suffice for a worst case: several, and at least one with more than one step.

    Otherwise a curve could rise at a size without the stronger attacks.
    """
    return len(attacks) > 1 and not all(CATALOGUE[attack].one_step for attack in attacks)


def _worst(rows: Sequence[Row], attack: str) -> Row:
    """Several attacks on the same images as one row: an image is right if it is right under all of them."""
    worst = worst_case(rows)
    settings = {
        "worst of": [_way(row) for row in rows],
        "attacks": [row.kind for row in rows],
        **({} if attack == WORST else rows[0].settings),
    }
    new = {"correct": worst.correct, "low": worst.low, "high": worst.high, "hits": pack(worst.hits)}
    return replace(rows[0], attack=attack, settings=settings, **new)


def _way(row: Row) -> str:
    """Title of an attack for people, with the difference between its versions: "APGD (dlr)"."""
    entry, detail = CATALOGUE[row.attack], row.settings.get("loss")
    if entry.black_box:
        detail = f"{row.settings['steps']:,} queries"
    return entry.title.replace(" (L-inf)", "") + (f" ({detail})" if detail else "")
