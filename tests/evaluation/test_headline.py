"""Which row stands for the accuracy under attack."""

from dataclasses import replace

from rnorm_core.evaluation import Table
from rnorm_core.evaluation.tables.alike import left_out, like_with_like, to_compare
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


def test_networks_are_compared_under_the_attacks_that_all_of_them_had():
    other, unknown = replace(NETWORK, model="other", norm="gn"), replace(NETWORK, model="unknown")
    weak = [row(other, eps, hits) for eps, hits in ((0, (9, 10)), (1, [True] * 5 + [False] * 5))]
    table, all_three = Table((CLEAN, PGD, APGD, *weak)), (NETWORK, other, unknown)
    same = to_compare(table, all_three)
    shares = [found and found.correct for found in (headline(same, one, 1) for one in all_three)]
    assert shares == [4, 5, None]  # and not 2, which only an attack that the other one never met has left
    assert "stronger" in left_out(table, all_three, [1])
    assert left_out(table, (NETWORK, unknown), [1]) == left_out(table, all_three, [0]) == ""
    assert to_compare(table, [unknown]).rows == ()


def test_an_attack_that_leaves_fooled_images_alone_is_the_same_attack():
    batch = NETWORK.in_mode("batch")
    stops = replace(APGD, settings={**APGD.settings, "early_stop": True})
    joint = [replace(one, statistics="batch") for one in (CLEAN, PGD, APGD)]
    same = to_compare(Table((CLEAN, PGD, stops, *joint)), (NETWORK, batch))
    for one in (NETWORK, batch):
        found = headline(same, one, 1)
        assert found is not None
        assert attacks_of(found) == ("pgd", "apgd-dlr")


def test_beside_another_data_set_networks_of_one_are_still_compared_on_the_same_images():
    batch, far = NETWORK.in_mode("batch"), replace(NETWORK, model="far")
    few = [replace(one, statistics="batch", images="2" * 64) for one in (CLEAN, PGD)]
    table = Table((CLEAN, PGD, *(replace(one, images="2" * 64) for one in (CLEAN, PGD)), *few))
    other = Table(tuple(replace(one, model="far", images="3" * 64) for one in (CLEAN, PGD, APGD)))
    found = like_with_like([(table, NETWORK, "float"), (table, batch, "float"), (other, far, "float")])
    assert [{row.images[0] for row in one.rows} for one in found] == [{"2"}, {"2"}, {"3"}]
    assert {row.attack for row in found[2].rows} == {"clean", "pgd"}
