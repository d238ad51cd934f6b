"""Which measured row stands for "the accuracy under attack" of a network, in a mode and at a size.

Pages, cards, sentences and verdicts all take it from here. Where a stronger attack is measured, all of them follow.
"""

from collections.abc import Sequence

from rnorm_core.evaluation.tables import curves
from rnorm_core.evaluation.tables.accuracies import Table
from rnorm_core.evaluation.tables.row import Row
from rnorm_core.zoo import Variant

WITHOUT_WORST = "pgd"  # 20 steps: measured for every network, mode and size
WHAT = "accuracy in the worst case over the attacks that were measured, else under PGD of 20 steps"  # for people


def headline(table: Table, variant: Variant, eps_255: float, pixels: str = "float") -> Row | None:
    """The worst case over attacks where it was measured, else PGD of 20 steps; at size 0 the clean row. None without.

    eps_255: k of k/255, L-inf.
    """
    return by_size(table, variant, pixels).get(eps_255)


def by_size(table: Table, variant: Variant, pixels: str = "float") -> dict[float, Row]:
    """The headline row of every size that was measured, in order."""
    usual, worst = (curves.of_variant(table, variant, attack, pixels) for attack in (WITHOUT_WORST, curves.WORST))
    return dict(sorted({row.eps_255: row for row in (*usual, *worst)}.items()))


def rows(table: Table, variant: Variant, attack: str, pixels: str) -> tuple[Row, ...]:
    """As `curves.of_variant`; for the worst case the headline row of every size."""
    if attack == curves.WORST:
        return tuple(by_size(table, variant, pixels).values())
    return curves.of_variant(table, variant, attack, pixels)


def shared(table: Table, variants: Sequence[Variant], pixels: str = "float") -> Table:
    """The rows of these variants under attacks that all of them have, at the same size and on the same images.

    Headline rows of this table compare like with like, where a stronger attack was measured on one of them only.
    """
    each = like_with_like([(table, variant, pixels) for variant in dict.fromkeys(variants)])
    return Table(tuple(row for one in each for row in one.rows))


def to_compare(table: Table, variants: Sequence[Variant]) -> Table:
    """`shared` of those networks that were measured; the others have no rows."""
    known = {(row.model, row.statistics) for row in table.rows}
    measured = [one for one in variants if (one.model, one.statistics) in known]
    return shared(table, measured) if measured else Table(())


def left_out(table: Table, variants: Sequence[Variant], sizes_255: Sequence[float]) -> str:
    """A sentence for figures and sentences made of `to_compare`, if stronger attacks were measured on some only."""
    chosen = {(one.model, one.statistics) for one in variants}
    mine = Table(tuple(row for row in table.rows if (row.model, row.statistics) in chosen))  # a page asks at every run
    same = to_compare(mine, variants)
    for every, here in ((by_size(mine, one), by_size(same, one)) for one in variants):
        if any(eps in here and every[eps] != here[eps] for eps in sizes_255):
            return "Compared under the attacks that all of these had; some had stronger ones, too."
    return ""


def like_with_like(lines: Sequence[tuple[Table, Variant, str]]) -> list[Table]:
    """`shared` for lines of different pixels or data sets, too: a table for each (table, variant, pixels).

    Networks of one data set are compared on the same images; across data sets the attacks alone have to be the same.
    """
    each = [
        [(row, _attack(row)) for row in table.select(model=one.model, statistics=one.statistics).rows
         if row.pixels == pixels or row.attack == "clean"]
        for table, one, pixels in lines
    ]  # fmt: skip
    tables = [id(table) for table, _, _ in lines]
    alike: dict[int, set[tuple[str, tuple]]] = {}  # images and attack of what all lines of one data set have
    for table, rows in zip(tables, each, strict=True):
        here = {(row.images, attack) for row, attack in rows}
        alike[table] = alike.get(table, here) & here
    everywhere = set.intersection(*({attack for _, attack in here} for here in alike.values()))
    return [
        Table(tuple(r for r, attack in rows if attack in everywhere and (r.images, attack) in alike[table]))
        for table, rows in zip(tables, each, strict=True)
    ]


def attack_of(row: Row) -> str:
    """The attack of a headline row in words: "worst of 5 attacks", "PGD, 20 steps", "clean"."""
    if ways := row.settings.get("worst of"):
        return f"worst of {len(ways)} attacks"
    return "clean" if row.attack == "clean" else f"PGD, {row.settings['steps']} steps"


def attacks_of(row: Row) -> tuple[str, ...]:
    """The names of the attacks in a headline row, as the command line takes them."""
    return tuple(dict.fromkeys(row.settings.get("attacks", (row.kind,))))


def _attack(row: Row) -> tuple:
    """What two networks' rows must share to be under the same attack.

    Whether an attack spends no more steps on fooled images is no difference: as many images are fooled.
    """
    settings = tuple(sorted((key, repr(value)) for key, value in row.settings.items() if key != "early_stop"))
    return row.eps_255, row.attack, settings
