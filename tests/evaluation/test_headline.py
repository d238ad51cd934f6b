"""Which row stands for the accuracy under attack."""

from rnorm_core.evaluation import Table
from rnorm_core.evaluation.tables.headline import attack_of, attacks_of, headline
from rnorm_core.zoo import Variant
from tests.rows import row

NETWORK = Variant("net", "tracked", "a" * 64, "bn", "BatchNorm")
CLEAN = row(NETWORK, 0, (9, 10))
PGD = row(NETWORK, 1, [True] * 4 + [False] * 6)
APGD = row(NETWORK, 1, [False] * 2 + [True] * 4 + [False] * 4, attack="apgd", settings={"steps": 50, "loss": "dlr"})


def test_the_worst_case_where_it_was_measured():
    found = headline(Table((CLEAN, PGD, APGD)), NETWORK, 1)
    assert found is not None
    assert (found.correct, found.n) == (2, 10)
    assert attack_of(found) == "worst of 2 attacks"
    assert attacks_of(found) == ("pgd", "apgd-dlr")


def test_else_pgd_of_20_steps():
    found = headline(Table((CLEAN, PGD)), NETWORK, 1)
    assert found is not None
    assert (found.correct, attack_of(found), attacks_of(found)) == (4, "PGD, 20 steps", ("pgd",))
    assert headline(Table((CLEAN, PGD)), NETWORK, 8) is None
    assert headline(Table((CLEAN, APGD)), NETWORK, 1) is None


def test_without_an_attack_the_clean_row():
    found = headline(Table((CLEAN, PGD, APGD)), NETWORK, 0)
    assert found is not None
    assert (found.correct, attack_of(found)) == (9, "clean")


def test_other_statistics_are_another_question():
    assert headline(Table((CLEAN, PGD, APGD)), NETWORK.in_mode("batch"), 1) is None
