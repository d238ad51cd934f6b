"""The table of accuracies as curves over the attack's size."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from torch import Tensor

from rnorm_core.attacks import CATALOGUE
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


def at(rows: Sequence[Row], eps_255: float) -> Row | None:
    return next((row for row in rows if row.eps_255 == eps_255), None)


def under(table: Table, attack: str, pixels: str) -> Table:
    """The rows of an attack without the clean ones; for `WORST` the rows of all attacks."""
    rows = table.select(pixels=pixels).rows
    return Table(tuple(row for row in rows if row.attack == attack or (attack == WORST and row.attack != "clean")))


def common(table: Table, variants: Sequence[Variant], attack: str, pixels: str, eps_255: float | None = None) -> Table:
    """The rows on one set of images on which all variants were measured, clean and under this attack.

    Variants that were never measured under the attack (with `eps_255`: at this size) are ignored. If there are several
    such sets, `fullest` chooses one.
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

    At each size `best_images` are used; without an attack, those that are used at most sizes.
    """
    mine = table.select(model=variant.model, statistics=variant.statistics)
    attacked = under(mine, attack, pixels).rows
    best, sizes = best_images(attacked), _sizes(attacked)
    used = Counter(best.values())

    def rank(row: Row) -> tuple[int, ...]:
        return -used[row.images], -sizes[row.images], -row.n, row.seed

    chosen = sorted(mine.select(attack="clean").rows, key=rank)[:1]
    for eps, images in best.items():
        rows = [row for row in attacked if (row.eps_255, row.images) == (eps, images)]
        if attack != WORST or _is_worst({row.attack for row in rows}):
            chosen.append(rows[0] if len(rows) == 1 else _worst(rows, attack))
    return tuple(chosen)


def best_images(attacked: Sequence[Row]) -> dict[float, str]:
    """The hash of the set of images that counts at each size, in order: see `fullest`. attacked: of one network."""
    sizes = _sizes(attacked)
    every = sorted({row.eps_255 for row in attacked})
    return {eps: fullest([row for row in attacked if row.eps_255 == eps], sizes) for eps in every}


def _sizes(attacked: Sequence[Row]) -> Counter[str]:
    """At how many sizes each set of images was attacked."""
    return Counter(images for images, _ in {(row.images, row.eps_255) for row in attacked})


def fullest(rows: Sequence[Row], sizes: Mapping[str, int] = MappingProxyType({})) -> str:
    """The hash of the set of images that met most attacks; of equal sets that with more `sizes`, then the larger one.

    The attacks come first, those that climb a gradient before the others, because a worst case over few or weak attacks
    is no worst case. Black-box attacks are controls: they count only where there are no others.
    """
    ways: dict[str, set[tuple]] = {}
    for row in [row for row in rows if not _is_black_box(row.attack)] or rows:
        ways.setdefault(row.images, set()).add((_climbs(row.attack), row.model, row.statistics, row.eps_255, row.kind))
    n = {row.images: row.n for row in rows}

    def rank(images: str) -> tuple[int, ...]:
        return sum(climbs for climbs, *_ in ways[images]), len(ways[images]), sizes.get(images, 0), n[images]

    return max(ways, key=rank)


def _is_black_box(attack: str) -> bool:
    return attack in CATALOGUE and CATALOGUE[attack].black_box


def _climbs(attack: str) -> bool:
    """Whether an attack takes several steps along a gradient."""
    return attack in CATALOGUE and not CATALOGUE[attack].one_step and not _is_black_box(attack)


def _is_worst(attacks: set[str]) -> bool:
    """Whether these attacks suffice for a worst case: several, and at least one with more than one step.

    Otherwise a curve could rise at a size without the stronger attacks.
    """
    return len(attacks) > 1 and not all(CATALOGUE[attack].one_step for attack in attacks)


def _worst(rows: Sequence[Row], attack: str) -> Row:
    """Several attacks on the same images as one row: an image is right if it is right under all of them."""
    worst = worst_case(rows)
    settings = {
        "worst of": [title(row) for row in rows],
        "attacks": [row.kind for row in rows],
        **({} if attack == WORST else rows[0].settings),
    }
    if queries := [row.settings["steps"] for row in rows if CATALOGUE[row.attack].black_box]:
        settings["queries"] = max(queries)
    new = {"correct": worst.correct, "low": worst.low, "high": worst.high, "hits": pack(worst.hits)}
    return replace(rows[0], attack=attack, settings=settings, **new)


def title(row: Row) -> str:
    """Title of an attack for people, with the difference between its versions: "APGD (dlr)"."""
    entry, detail = CATALOGUE[row.attack], version(row)
    return entry.title.replace(" (L-inf)", "") + (f" ({detail})" if detail else "")


def titles(row: Row) -> tuple[str, ...]:
    """Titles of the attacks of a row: of a worst case all of them, else one."""
    return tuple(row.settings.get("worst of", ())) or (title(row),)


def version(row: Row) -> str:
    """In what an attack may differ between rows: "dlr", "5,000 queries", "worst of 3 losses"; "" for others.

    Of the worst case how many attacks it is of.
    """
    if row.attack == WORST:
        return f"{len(row.settings['attacks'])} attacks"
    if CATALOGUE[row.attack].black_box:
        return f"{row.settings['queries' if 'queries' in row.settings else 'steps']:,} queries"
    versions = row.settings.get("attacks", ())
    return f"worst of {len(versions)} losses" if len(versions) > 1 else row.settings.get("loss", "")
