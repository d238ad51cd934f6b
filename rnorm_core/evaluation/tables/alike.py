"""Networks under the same attacks and on the same images, where more was measured on some of them.

A number of one network says little beside that of another which met weaker attacks. Pages that draw networks beside
each other, and verdicts, take their rows from here.
"""

from collections.abc import Sequence

from rnorm_core.evaluation.measure.comparison import Comparison, compared
from rnorm_core.evaluation.tables import curves
from rnorm_core.evaluation.tables.accuracies import Table
from rnorm_core.evaluation.tables.headline import attacks_of, by_size
from rnorm_core.evaluation.tables.row import Row
from rnorm_core.zoo import Variant

Met = tuple[str, tuple]  # a set of images, and an attack as `_attack` names it


def shared(table: Table, variants: Sequence[Variant], pixels: str = "float") -> Table:
    """The rows of these variants under attacks that all of them have, at the same size and on the same images of their
    data set.

    Headline rows of this table compare like with like, where a stronger attack was measured on one of them only.
    """
    by_dataset = {
        dataset: table.select(dataset=dataset) for dataset in dict.fromkeys(row.dataset for row in table.rows)
    }
    of = {row.model: by_dataset[row.dataset] for row in table.rows}
    each = like_with_like([(of.get(one.model, table), one, pixels) for one in dict.fromkeys(variants)])
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
        if any(eps in here and attacks_of(every[eps]) != attacks_of(here[eps]) for eps in sizes_255):
            return "Compared under the attacks that all of these had; some had stronger ones, too."
    return ""


def like_with_like(lines: Sequence[tuple[Table, Variant, str]]) -> list[Table]:
    """`shared` for lines of different pixels or data sets, too: a table for each (table, variant, pixels).

    Networks of one data set are compared on the same images, at each size on one set; across data sets the attacks
    alone have to be the same.
    """
    each = [
        [(row, (row.images, _attack(row))) for row in table.select(model=one.model, statistics=one.statistics).rows
         if row.pixels == pixels or row.attack == "clean"]
        for table, one, pixels in lines
    ]  # fmt: skip
    groups = [id(table) for table, _, _ in lines]
    common: dict[int, set[Met]] = {}  # what all lines of one data set met
    for group, rows in zip(groups, each, strict=True):
        here = {met for _, met in rows}
        common[group] = common.get(group, here) & here
    common = _in_every_group(common)
    for group, rows in zip(groups, each, strict=True):
        whole = {images for images, attack in common[group] if attack[0] == 0} or {row.images for row, _ in rows}
        attacked = [row for row, met in rows if row.eps_255 and met in common[group] and row.images in whole]
        chosen = curves.best_images(attacked)
        common[group] = {
            (images, attack) for images, attack in common[group] if chosen.get(attack[0], images) == images
        }
    common = _in_every_group(common)
    return [
        Table(tuple(row for row, met in rows if met in common[group])) for group, rows in zip(groups, each, strict=True)
    ]


def _in_every_group(common: dict[int, set[Met]]) -> dict[int, set[Met]]:
    """Without attacks that a group lacks."""
    attacks = set.intersection(*({attack for _, attack in some} for some in common.values()))
    return {group: {met for met in some if met[1] in attacks} for group, some in common.items()}


def compare(
    table: Table, variants: tuple[Variant, Variant], attack: str, eps_255: float, pixels: str
) -> Comparison | None:
    """Compares the left and the right network under one attack; None if they did not both meet it on the same images.

    An attack with several versions (for instance losses) is the worst case of those that both met, as `curves.WORST` is
    of all attacks.
    """
    measured = _measured(table, variants, attack, eps_255, pixels)
    attacked, clean = ([row for rows in measured if (row := curves.at(rows, eps))] for eps in (eps_255, 0))
    if len(attacked) < 2 or len(clean) < 2:
        return None
    hits, without = ((rows[0].mask, rows[1].mask) for rows in (attacked, clean))
    return compared(*variants, hits, without, attack=attack, eps_255=eps_255, how=curves.version(attacked[0]))


def rows_of(table: Table, comparison: Comparison, pixels: str) -> list[Row]:
    """The rows behind what `compare` found."""
    variants = comparison.left, comparison.right
    measured = _measured(table, variants, comparison.attack, comparison.eps_255, pixels)
    return [row for rows in measured for row in rows]


def _measured(
    table: Table, variants: tuple[Variant, Variant], attack: str, eps_255: float, pixels: str
) -> list[tuple[Row, ...]]:
    """The rows of each network without the attack and under it, on the same images."""
    kinds = {row.attack for row in table.rows} if attack == curves.WORST else {attack}
    clean = table.select(attack="clean").rows
    here = Table((*clean, *(row for row in table.select(eps_255=eps_255).rows if row.attack in kinds)))
    same = curves.common(shared(here, variants, pixels), variants, attack, pixels, eps_255)
    return [curves.of_variant(same, variant, attack, pixels) for variant in variants]


def _attack(row: Row) -> tuple:
    """What two networks' rows must share to be under the same attack.

    Whether an attack spends no more steps on fooled images is no difference: as many images are fooled.
    """
    settings = tuple(sorted((key, repr(value)) for key, value in row.settings.items() if key != "early_stop"))
    return row.eps_255, row.attack, settings
