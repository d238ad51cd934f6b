"""Findings from rows that were measured before."""

from dataclasses import replace

import pytest
import torch

from rnorm_core import evaluation
from rnorm_core.evaluation import Row, Table, paired, wilson
from rnorm_core.evaluation.tables.row import pack
from rnorm_core.sanity import CHECKS, FAIL, NOT_MEASURED, PASS, from_table
from rnorm_core.ui.robustness import words

N = 200


def row(attack: str, eps_255: float, correct: int, first: int = 0, **change) -> Row:
    """Of N images those from `first` on are right."""
    hits = (torch.arange(N) >= first) & (torch.arange(N) < first + correct)
    low, high = wilson(correct, N)
    settings = {} if attack == "clean" else {"name": attack, "eps": eps_255 / 255, "steps": 20}
    if "loss" in change:
        settings["loss"] = change.pop("loss")
    given = dict(
        model="m", weight_hash="a" * 64, dataset="cifar10", norm="bn", statistics="tracked", attack=attack,
        settings=settings, eps_255=eps_255, pixels="float", n=N, correct=correct, low=low, high=high, batch_size=128,
        seed=0, images="b" * 64, hits=pack(hits), code_version="", made_with={}, date="",
    )  # fmt: skip
    return Row(**(given | change))


USUAL = (
    row("clean", 0, 190), row("fgsm", 2, 90), row("fgsm", 8, 40), row("noise", 8, 150), row("pgd", 2, 60),
    row("pgd", 8, 0),
)  # fmt: skip
ENOUGH = {"steps", "eps", "zero", "noise"}


def verdicts(rows, model="m", statistics="tracked"):
    return {finding.check: finding for finding in from_table(Table(tuple(rows)), model, statistics)}


def test_what_suffices_is_judged_and_the_rest_is_not():
    found = verdicts(USUAL)
    assert list(found) == list(CHECKS)
    assert {key for key, finding in found.items() if finding.verdict != NOT_MEASURED} == ENOUGH
    assert {found[key].verdict for key in ENOUGH} == {PASS}
    pair = paired(USUAL[2].mask, USUAL[5].mask)  # at the largest size, image by image
    assert found["steps"].numbers[2].value == pair.difference
    assert (found["noise"].numbers[0].low, found["noise"].numbers[0].high) == wilson(150, N)
    assert [number.n for number in found["eps"].numbers] == [N] * 4
    assert all(finding.text for finding in found.values())


def test_a_table_can_condemn():
    rows = [row("clean", 0, 190), row("fgsm", 8, 40), row("noise", 8, 150), row("pgd", 2, 60), row("pgd", 8, 155)]
    found = verdicts(rows)
    assert {key: found[key].verdict for key in ("steps", "eps", "noise")} == dict.fromkeys(
        ("steps", "eps", "noise"), FAIL
    )
    assert found["zero"].verdict == NOT_MEASURED  # 8/255 is too small to ask for nothing


def test_strong_attacks_are_used_where_they_are():
    rows = [
        row("clean", 0, 190), row("pgd", 8, 100), row("apgd", 8, 95, loss="ce"), row("apgd", 8, 90, 30, loss="dlr"),
        row("square", 8, 110),
    ]  # fmt: skip
    found = verdicts(rows)
    assert found["effort"].verdict == PASS
    assert found["effort"].numbers[1].value == 95 / N
    assert found["black-box"].verdict == PASS
    assert found["black-box"].numbers[0].value == 90 / N  # the strongest with a gradient
    worst = evaluation.worst_case(rows)
    assert worst.correct == 65
    number = next(number for number in found["worst-case"].numbers if number.title == "the worst case")
    assert number.value == 65 / N
    assert found["worst-case"].verdict == FAIL


def test_square_is_compared_where_it_leaves_something_on_other_images_if_need_be():
    few = {"images": "c" * 64}
    square = [
        row("pgd", 1, 80, **few), row("square", 1, 120, **few), row("pgd", 8, 0, **few), row("square", 8, 0, **few),
    ]  # fmt: skip
    found = verdicts([*USUAL, *square])["black-box"]
    assert found.verdict == PASS
    assert [number.value for number in found.numbers[:2]] == [80 / N, 120 / N]  # at 1/255, not 0 against 0
    assert verdicts([*USUAL, *square[2:]])["black-box"].verdict == NOT_MEASURED
    quick = replace(row("square", 8, 30), settings={"name": "square", "eps": 8 / 255, "steps": 10})
    found = verdicts([*USUAL, quick, *square])["black-box"]
    assert found.numbers[1].value == 120 / N  # with more queries


def made_for(mode: str, correct: int, eps_255: float = 1, **change) -> Row:
    given = row("pgd", eps_255, correct, **change)
    name = {"model": "m", "statistics": mode, "weight_hash": "a" * 64}
    return replace(given, settings=given.settings | {"made_for": name})


def test_an_attack_made_for_another_mode_can_condemn():
    others = [
        made_for("batch", 90, statistics="batch"), made_for("tracked", 60, statistics="batch"),
        made_for("batch", 0, 8, statistics="batch"), made_for("tracked", 20, 8, statistics="batch"),
        made_for("tracked", 40), made_for("batch", 100),
    ]  # fmt: skip
    found = {f.check: f for f in from_table(Table(()), "m", "batch", others)}["black-box"]
    assert found.verdict == FAIL  # at 1/255; at 8/255 it is as it should be
    assert [number.value for number in found.numbers[:2]] == [90 / N, 60 / N]
    assert "crafted on m, tracked, 1/255" in found.numbers[1].title
    tracked = {f.check: f for f in from_table(Table(()), "m", "tracked", others)}["black-box"]
    assert tracked.verdict == PASS


def test_neighbours_that_turn_answers_condemn():
    def drawn(right: str, correct: int, mode: str) -> Row:
        return row("clean", 0, correct, batch_size=2, statistics=mode, settings={"draws": 8, "right": right})

    others = [drawn("always", 30, "batch"), drawn("ever", 190, "batch"), drawn("always", 9, "tracked")]
    found = {f.check: f for f in from_table(Table(()), "m", "batch", others)}["neighbours"]
    assert found.verdict == FAIL
    assert "30 of 200 images are right in all of them, 190 in at least one" in found.text
    assert found.numbers[0].value == 160 / N
    assert verdicts(USUAL)["neighbours"].verdict == NOT_MEASURED
    others.append(drawn("ever", 9, "tracked"))
    assert {f.check: f for f in from_table(Table(()), "m", "tracked", others)}["neighbours"].verdict == PASS


def test_other_images_are_not_compared():
    found = verdicts([row("clean", 0, 190), row("pgd", 8, 0), row("fgsm", 8, 40, images="c" * 64)])
    assert found["steps"].verdict == NOT_MEASURED


@pytest.mark.parametrize(("model", "statistics"), [("other", "tracked"), ("m", "batch")])
def test_what_the_table_lacks(model, statistics):
    found = verdicts(USUAL, model, statistics)
    assert list(found) == list(CHECKS)
    assert {finding.verdict for finding in found.values()} == {NOT_MEASURED}


def test_what_is_left_is_said_where_a_larger_attack_would_have_to_tell():
    rows = (row("clean", 0, 190), row("pgd", 2, 90), row("pgd", 4, 60))
    found = verdicts(rows)
    assert found["zero"].verdict == NOT_MEASURED
    assert "30.0 %" in words.robust_accuracy(list(found.values()))
    assert words.robust_accuracy(list(verdicts(rows[:1]).values())) == "no attack on it was measured."
