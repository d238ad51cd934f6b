"""The worst case over attacks: an image is right if it is under every one of them."""

from dataclasses import replace

import pytest
import torch

from rnorm_core.errors import UserError
from rnorm_core.evaluation import Row, wilson, worst_case
from rnorm_core.evaluation.tables.row import pack


def row(attack: str, hits: str, **changes) -> Row:
    """hits: 1 where an image was right."""
    mask = torch.tensor([mark == "1" for mark in hits])
    low, high = wilson(int(mask.sum()), len(mask))
    made = Row(
        model="m", weight_hash="a" * 64, dataset="cifar10", norm="bn", statistics="tracked", attack=attack,
        settings={"name": attack}, eps_255=8, pixels="float", n=len(mask), correct=int(mask.sum()), low=low, high=high,
        batch_size=128, seed=0, images="b" * 64, hits=pack(mask), code_version="0", made_with={}, date="2026-01-01",
    )  # fmt: skip
    return replace(made, **changes)


def test_right_is_what_every_attack_left_right():
    rows = [row("pgd", "1110110000"), row("apgd", "1101110000"), row("square", "1111010001")]
    worst = worst_case(rows)
    assert worst.hits.tolist() == [mark == "1" for mark in "1100010000"]
    assert (worst.correct, worst.n) == (3, 10)
    assert (worst.low, worst.high) == wilson(3, 10)
    assert (worst.model, worst.statistics, worst.weight_hash, worst.batch_size) == ("m", "tracked", "a" * 64, 128)
    assert worst.spec == {"name": "worst case", "attacks": [{"name": "pgd"}, {"name": "apgd"}, {"name": "square"}]}
    assert worst_case(rows[:1]).correct == rows[0].correct


def test_an_attack_of_size_zero_is_one_of_them():
    clean = row("clean", "0111111111", eps_255=0, settings={})
    worst = worst_case([row("pgd", "1111000000"), clean])
    assert worst.hits.tolist() == [False, True, True, True] + [False] * 6
    assert worst.spec["attacks"] == [{"name": "pgd"}]


@pytest.mark.parametrize(
    "change",
    [{"images": "c" * 64}, {"model": "n"}, {"weight_hash": "d" * 64}, {"statistics": "batch"}, {"eps_255": 4},
     {"pixels": "8-bit"}, {"batch_size": 64}],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_what_does_not_belong_together_is_refused(change):
    with pytest.raises(UserError, match=f"differ in {next(iter(change))}"):
        worst_case([row("pgd", "110"), row("square", "101", **change)])


def test_nothing_is_no_worst_case():
    with pytest.raises(UserError, match="no measurements"):
        worst_case([])
