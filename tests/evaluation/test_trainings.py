"""Two networks and their other seeds, in a table planted for the shipped networks."""

from functools import partial

import pytest

from rnorm_core import zoo
from rnorm_core.evaluation import Table
from rnorm_core.evaluation.tables.headline import headline
from rnorm_core.evaluation.tables.trainings import over_trainings
from rnorm_core.ui.start import words
from rnorm_core.zoo import Variant
from tests.rows import row
from tests.trainings import SEEDS, welch

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"
pytestmark = pytest.mark.skipif(f"{RN}-seed2" not in zoo.names(), reason="the trained models are not here")


def planted(bn: tuple[int, ...], rn: tuple[int, ...], statistics: str = "tracked") -> tuple:
    """Rows of 100 images: clean, and with so many right at 1/255, for as many seeds as there are numbers."""
    return tuple(
        row(Variant.of(f"{name}{seed}", statistics), eps, (k if eps else 90, 100))
        for name, counts in ((BN, bn), (RN, rn)) for seed, k in zip(SEEDS, counts, strict=False) for eps in (0, 1)
    )  # fmt: skip


def compared(rows, left: str = RN, right: str = BN, mode: str = "tracked"):
    variants = Variant.of(left, mode), Variant.of(right)
    return over_trainings(Table(rows), *variants, partial(headline, eps_255=1))


def test_all_seeds_of_both_networks_count():
    found = compared(planted((20, 22, 21), (30, 36, 31)))
    assert found is not None
    assert (found.left, found.right) == ((0.3, 0.36, 0.31), (0.2, 0.22, 0.21))
    assert (found.low, found.difference, found.high) == pytest.approx(welch(found.left, found.right))
    assert found.low > 0
    from_another = compared(planted((20, 22, 21), (30, 36, 31)), left=f"{RN}-seed2")
    assert from_another is not None
    assert (from_another.low, from_another.high) == pytest.approx((found.low, found.high))


def test_a_network_of_one_training_has_no_interval():
    assert compared(planted((20, 22, 21), (30,))) is None
    assert compared(planted((), ())) is None
    assert compared(planted((20, 22, 21), (30, 36, 31)), left=f"{RN}-p050") is None


def test_trainings_of_one_kind_are_no_two_groups():
    rows = planted((20, 22, 21), (30, 36, 31))
    assert compared(rows, left=f"{BN}-seed1") is None
    assert compared((*rows, *planted((40, 42, 43), (), "batch")), left=BN, mode="batch") is None


def test_an_attack_that_one_seed_lacks_does_not_count():
    strong = row(Variant.of(RN), 1, (5, 100), attack="apgd", settings={"steps": 50, "loss": "ce"})
    found = compared((*planted((20, 22, 21), (30, 36, 31)), strong))
    assert found is not None
    assert found.left == (0.3, 0.36, 0.31)
    assert found.attacks == ("PGD",)


def test_the_start_page_says_where_the_trainings_had_fewer_attacks():
    strong = [
        row(Variant.of(name), 1, (k, 100), attack="apgd", settings={"steps": 50, "loss": "ce"})
        for name, k in ((BN, 10), (RN, 20))
    ]
    said = words.of_table(Table((*planted((20, 22, 21), (30, 36, 31)), *strong)), (Variant.of(BN), Variant.of(RN)), 1)
    assert "**10.0 points more** than BatchNorm at 1/255 (over 3 trainings of each, under attacks that all" in said
    assert " of them had, +11.3 points, 95" in said


@pytest.mark.parametrize(
    ("bn", "rn", "said"),
    [
        ((20, 22, 21), (30, 36, 31), "than BatchNorm at 1/255 (over 3 trainings of each +11.3 points, 95"),
        ((20, 22, 21), (30, 60, 24), ", so this may be chance)"),
        ((20, 22, 21), (30,), "than BatchNorm at 1/255."),
        ((0, 0, 0), (0, 0, 0), "**about as many as** BatchNorm at 1/255."),
    ],
)
def test_the_start_page_says_it(bn, rn, said):
    assert said in words.of_table(Table(planted(bn, rn)), (Variant.of(BN), Variant.of(RN)), 1)
