"""Rows, and what the shipped table gives: selections, curves, rows of other weights."""

from dataclasses import replace

import pytest
import torch

from rnorm_core import zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation import Row, both_correct, table, wilson
from rnorm_core.evaluation.tables.row import pack

N = 13  # not a multiple of 8: the last byte of the packed hits is not full


def row(correct: int = 9, **changes) -> Row:
    """A sound row of 13 images, the first `correct` of which are hits."""
    n = changes.get("n", N)
    low, high = wilson(correct, n)
    made = Row(
        model="cifar10-small-bn", weight_hash="a" * 64, dataset="cifar10", norm="bn", statistics="tracked",
        attack="pgd", settings={"name": "pgd", "eps": 1 / 255}, eps_255=1, pixels="float", n=n, correct=correct,
        low=round(low, 6), high=round(high, 6), batch_size=10, seed=0, images="b" * 64,
        hits=pack(torch.arange(n) < correct), code_version="0", made_with={"torch": "2"}, date="2026-01-01",
    )  # fmt: skip
    return replace(made, **changes)


def clean(correct: int = 12, **changes) -> Row:
    return row(correct, **({"attack": "clean", "settings": {}, "eps_255": 0} | changes))


def test_what_a_row_says():
    one = row()
    assert one.mask.tolist() == [True] * 9 + [False] * 4
    assert one.value == 9 / 13


@pytest.mark.parametrize("n", [1, 7, 8, 9, 2000])
def test_hits_there_and_back(n):
    hits = torch.rand(n, generator=torch.Generator().manual_seed(n)) < 0.5
    assert row(int(hits.sum()), n=n, hits=pack(hits)).mask.equal(hits)


def test_conditions_tell_measurements_apart():
    rows = [row(), row(seed=1), row(pixels="8-bit"), row(settings={}), row(statistics="batch"), row(eps_255=2)]
    assert len({one.identity for one in rows}) == len(rows)
    assert row(8, date="2027-01-01").identity == row().identity


# --- the table -------------------------------------------------------------------------------------------------------


@pytest.fixture
def shipped(small_zoo):
    """shipped(*rows): puts them into the table beside the models, with the hash of these models' weights."""

    def shipped(*rows: Row) -> None:
        with (small_zoo / "cifar10-sweep.jsonl").open("w") as out:
            for one in rows:
                out.write(replace(one, weight_hash=zoo.card(one.model).sha256).line)

    return shipped


def test_no_table(small_zoo):
    with pytest.raises(UserError, match="measured for CIFAR-10") as caught:
        table()
    assert "python -m rnorm_core.evaluation" in caught.value.fix


def test_rows_are_selected_by_their_fields(shipped):
    shipped(clean(), row(), row(eps_255=2), row(model="cifar10-small-rn", norm="rn"))
    found = table()
    assert len(found.rows) == 4
    assert found.stale == ()
    assert found.notice == ""
    assert [r.eps_255 for r in found.select(model="cifar10-small-bn", attack="pgd").rows] == [1, 2]
    assert found.select(norm="gn").rows == ()
    with pytest.raises(TypeError, match="no field colour"):
        found.select(colour="blue")


def test_a_curve_starts_clean_and_goes_by_eps(shipped):
    others = [row(1, attack="fgsm", eps_255=4), row(2, statistics="batch", eps_255=4), row(6, pixels="8-bit")]
    shipped(row(3, eps_255=2), clean(), row(1, eps_255=8), row(5, eps_255=0.5), *others)
    found = table()
    curve = found.curve("cifar10-small-bn", "tracked", "pgd")
    assert [(r.eps_255, r.correct) for r in curve] == [(0, 12), (0.5, 5), (2, 3), (8, 1)]
    assert [(r.eps_255, r.correct) for r in found.curve("cifar10-small-bn", "tracked", "pgd", "8-bit")] == [
        (0, 12),
        (1, 6),
    ]
    assert found.curve("cifar10-small-rn", "tracked", "pgd") == ()


def test_of_two_measurements_a_curve_takes_the_one_with_more_images(shipped):
    more = dict(n=20, images="c" * 64)
    shipped(clean(), row(9, seed=1), row(8, seed=0), clean(18, **more), row(15, **more))
    found = table()
    assert [r.correct for r in found.curve("cifar10-small-bn", "tracked", "pgd")] == [18, 15]
    assert [r.correct for r in found.select(n=N).curve("cifar10-small-bn", "tracked", "pgd")] == [12, 8]


def test_all_images_count_before_some_and_of_two_losses_the_stronger(shipped):
    everything, some = dict(n=10_000, images="c" * 64), dict(n=2000, images="d" * 64)
    rows = [clean(1800, **some), row(500, **some), row(90, eps_255=2, **some)]
    rows += [clean(9000, **everything), row(2600, **everything)]
    rows += [row(k, attack="apgd", settings={"name": "apgd", "loss": loss}) for k, loss in ((9, "ce"), (8, "dlr"))]
    shipped(*rows)
    found = table()
    curve = found.curve("cifar10-small-bn", "tracked", "pgd")
    assert [(r.eps_255, r.n, r.correct) for r in curve] == [(0, 10_000, 9000), (1, 10_000, 2600), (2, 2000, 90)]
    assert [r.n for r in found.select(n=2000).curve("cifar10-small-bn", "tracked", "pgd")] == [2000] * 3
    assert found.curve("cifar10-small-bn", "tracked", "apgd")[1].correct == 8
    assert found.curve("cifar10-small-bn", "tracked", "apgd-ce")[1].correct == 9


def test_rows_of_other_weights_are_left_out_and_named(shipped, new_weights):
    shipped(clean(), row(), clean(model="cifar10-small-rn", norm="rn"))
    assert len(table().rows) == 3
    new_weights("bn")
    found = table()
    assert [r.model for r in found.rows] == ["cifar10-small-rn"]
    assert [r.model for r in found.stale] == ["cifar10-small-bn"] * 2
    assert "2 measured accuracies are left out" in found.notice
    assert "cifar10-small-bn" in found.notice
    assert found.select(norm="rn").notice == ""


def test_a_card_that_is_not_sound_takes_only_its_own_rows(shipped, small_zoo):
    shipped(clean(), row(), clean(model="cifar10-small-rn", norm="rn"))
    (small_zoo / "cifar10-small-bn.json").write_text("{}")
    assert [r.model for r in table().rows] == ["cifar10-small-rn"]
    assert "cifar10-small-bn" in table().notice


def test_a_table_that_grew_is_read_again(shipped):
    shipped(clean())
    assert table() is table()
    shipped(clean(), row())
    assert len(table().rows) == 2


def test_images_that_all_models_get_right():
    left = torch.tensor([1, 1, 0, 1] + [0] * 9).bool()
    right = torch.tensor([1, 0, 1, 1] + [0] * 9).bool()
    rows = [clean(3, hits=pack(left)), clean(3, hits=pack(right), model="cifar10-small-rn", norm="rn")]
    assert both_correct(rows).tolist() == [True, False, False, True] + [False] * 9
    with pytest.raises(UserError, match="not measured on the same images"):
        both_correct([rows[0], replace(rows[1], images="c" * 64)])
    with pytest.raises(UserError, match="not measured on the same images"):
        both_correct([])
