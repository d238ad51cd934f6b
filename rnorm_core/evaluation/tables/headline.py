"""Which measured row stands for "the accuracy under attack" of a network, in a mode and at a size.

Pages, cards, sentences and verdicts all take it from here. Where a stronger attack is measured, all of them follow.
"""

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


def attack_of(row: Row) -> str:
    """The attack of a row in words: "worst of 5 attacks", "PGD, 20 steps", "APGD (ce), 50 steps", "clean"."""
    if "worst of" in row.settings:
        return f"worst of {len(attacks_of(row))} attacks"
    return "clean" if row.attack == "clean" else f"{curves.title(row)}, {row.settings['steps']} steps"


def attacks_of(row: Row) -> tuple[str, ...]:
    """The names of the attacks in a headline row, as the command line takes them."""
    return tuple(dict.fromkeys(row.settings.get("attacks", (row.kind,))))
