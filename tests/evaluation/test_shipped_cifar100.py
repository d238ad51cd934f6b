"""The shipped table of CIFAR-100: of the shipped weights, complete with tracked statistics, and as the cards say."""

import pytest

from rnorm_core import evaluation, zoo
from rnorm_core.evaluation.measure.protocol import APGD, ATTACKS, SMALL_EPS_255, plan
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.evaluation.tables.accuracies import shipped

pytestmark = pytest.mark.skipif(not shipped("cifar100").exists(), reason="CIFAR-100 has not been measured yet")

NAMES = [name for name in zoo.names() if zoo.card(name).dataset == "cifar100"]
MAIN = [f"cifar100-resnet20-{norm}" for norm in ("bn", "rn", "none")]
COUNT, DIFFER = 2000, 0.01  # images; share that machines may round to the other side


@pytest.fixture(scope="module")
def rows() -> tuple[evaluation.Row, ...]:
    return evaluation.read(shipped("cifar100"))


def test_it_belongs_to_the_shipped_weights(rows):
    assert {(row.model, row.weight_hash) for row in rows} <= {(name, zoo.card(name).sha256) for name in NAMES}
    assert evaluation.table("cifar100").notice == ""
    assert {row.dataset for row in rows} == {"cifar100"}


def test_all_sizes_are_there(rows):
    """The main networks met APGD, too."""
    there = {(r.model, r.statistics, r.kind, r.eps_255, r.pixels) for r in rows if (r.n, r.seed) == (COUNT, 0)}
    planned = plan(NAMES, ("tracked",), ATTACKS) + plan(MAIN, ("tracked",), APGD, SMALL_EPS_255)
    wanted = {(c.model, c.statistics, c.attack, c.eps_255, pixels) for c in planned for pixels in c.pixels}
    assert sorted(wanted - there) == []


def test_all_rows_of_a_count_saw_the_same_images(rows):
    assert len({(row.n, row.seed) for row in rows}) == len({row.images for row in rows})


@pytest.mark.parametrize("name", NAMES)
def test_cards_and_table_agree(rows, name):
    """The images of a card are the first of the table's."""
    mine = {
        r.eps_255: r
        for r in rows if (r.model, r.kind, r.pixels, r.statistics, r.n) == (name, "pgd", "float", "tracked", COUNT)
    }  # fmt: skip
    known = [row for row in zoo.card(name).accuracies if (row["attack"], row["statistics"]) == ("pgd", "tracked")]
    assert 1 in mine.keys() & {row["eps_255"] for row in known}
    for row in (row for row in known if row["eps_255"] in mine):
        there = mine[row["eps_255"]]
        assert abs(int(there.mask[: row["n"]].sum()) - row["correct"]) <= DIFFER * row["n"]


def test_the_laboratories_measured_what_they_measured_on_the_other_data_set():
    """Of the same norms; the two tables differ in the networks and the images alone."""

    def conditions(dataset: str) -> list[tuple]:
        rows, old = laboratories.current(dataset)
        assert not old
        assert {row.dataset for row in rows} == {dataset}
        assert {(row.model, row.weight_hash) for row in rows} <= {(n, zoo.card(n).sha256) for n in zoo.names()}
        return sorted((r.norm, r.statistics, r.attack, r.eps_255, r.pixels, r.n, r.batch_size, r.seed) for r in rows)

    assert conditions("cifar100") == conditions("cifar10")
