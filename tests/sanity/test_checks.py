"""Verdicts follow their rules, on numbers made by hand."""

import pytest
import torch

from rnorm_core.evaluation import paired, wilson
from rnorm_core.sanity import CHECKS, FAIL, NOT_MEASURED, PASS, WARN, Finding, Number, checks, overall
from rnorm_core.sanity.finding import not_measured
from rnorm_core.sanity.measurements import Gradients, Neighbours


@pytest.mark.parametrize(
    ("one", "many", "verdict"),
    [(12, 3, PASS), (1, 1, PASS), (0, 0, PASS), (15, 14, WARN), (15, 15, WARN), (14, 15, WARN), (3, 15, FAIL)],
)
def test_many_steps_beat_one(score, one, many, verdict):
    found = checks.steps(score(one, name="fgsm"), score(many, name="pgd"))
    assert (found.check, found.verdict) == ("steps", verdict)
    assert [number.value for number in found.numbers[:2]] == [one / 20, many / 20]
    pair = paired(torch.arange(20) < one, torch.arange(20) < many)
    assert (found.numbers[2].low, found.numbers[2].high) == (pair.low, pair.high)
    assert f"FGSM, 8/255 leaves {one} of 20 right" in found.text


@pytest.mark.parametrize(
    ("counts", "verdict"),
    [
        ([20, 12, 0], PASS),
        ([20, 8, 9, 0], WARN),  # a little up
        ([20, 5, 16], FAIL),  # far up
        ([20, 19], WARN),  # down by chance
        ([20, 20, 20], FAIL),  # no attack finds anything
        ([0, 0], FAIL),
    ],
)
def test_accuracy_falls_with_eps(score, counts, verdict):
    curve = [score(counts[0])] + [score(k, name="pgd", eps_255=i + 1) for i, k in enumerate(counts[1:])]
    found = checks.eps(curve)
    assert found.verdict == verdict
    assert f"{counts[0]} without attack, {counts[1]} at 1/255" in found.text


def test_a_curve_must_grow(score):
    with pytest.raises(ValueError, match="growing"):
        checks.eps([score(5), score(4, name="pgd", eps_255=2), score(4, name="pgd", eps_255=1)])


@pytest.mark.parametrize(("right", "verdict"), [(0, PASS), (1, PASS), (2, WARN), (3, FAIL), (20, FAIL)])
def test_a_large_attack_leaves_nothing(score, right, verdict):
    found = checks.zero(score(right, name="pgd", eps_255=64))
    assert found is not None
    assert found.verdict == verdict
    assert (found.numbers[0].low, found.numbers[0].high) == wilson(right, 20)


def test_a_small_attack_cannot_fail_that(score):
    assert checks.zero(score(3, name="pgd", eps_255=8)) is None
    passed = checks.zero(score(1, name="pgd", eps_255=8))
    assert passed is not None
    assert passed.verdict == PASS


@pytest.mark.parametrize(
    ("few", "many", "verdict"), [(10, 10, PASS), (10, 9, PASS), (10, 8, WARN), (15, 2, FAIL), (2, 15, WARN)]
)
def test_more_effort_changes_little(score, few, many, verdict):
    assert checks.effort(score(few, name="pgd"), score(many, name="pgd", restarts=3)).verdict == verdict


@pytest.mark.parametrize(
    ("white", "square", "transfer", "verdict"),
    [(2, 8, 9, PASS), (2, 2, 2, PASS), (8, 7, 9, WARN), (16, 4, 17, FAIL), (16, 17, 4, FAIL)],
)
def test_black_box(score, white, square, transfer, verdict):
    blind = [score(square, name="square"), score(transfer, name="pgd", crafted_on="another")]
    found = checks.black_box(score(white, name="pgd"), blind)
    assert found.verdict == verdict
    assert "crafted on another" in found.text
    ahead = "Square Attack, 10 queries, 8/255 fools" if square < transfer else "crafted on another, 8/255 fools"
    assert (ahead in found.text) == (verdict == FAIL)


@pytest.mark.parametrize(
    ("noise", "attack", "eps_255", "verdict"),
    [(15, 3, 8, PASS), (1, 1, 8, PASS), (15, 15, 8, FAIL), (14, 17, 8, FAIL), (15, 14, 8, WARN), (15, 15, 1, WARN)],
)
def test_noise_is_weaker(score, noise, attack, eps_255, verdict):
    found = checks.noise(score(noise, name="noise", eps_255=eps_255), score(attack, name="pgd", eps_255=eps_255))
    assert found.verdict == verdict


def lengths(values: list[float], zeros: list[float]) -> Gradients:
    return Gradients(torch.tensor(values).double(), torch.tensor(zeros).double())


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (lengths([1.0] * 20, [0.0] * 20), PASS),
        (lengths([1.0] * 19 + [0.0], [0.0] * 19 + [1.0]), WARN),  # one image without
        (lengths([1.0] * 16 + [0.0] * 4, [0.0] * 16 + [1.0] * 4), FAIL),
        (lengths([1.0] * 20, [0.15] * 20), PASS),
        (lengths([1.0] * 20, [0.25] * 20), WARN),
        (lengths([1.0] * 20, [0.6] * 20), FAIL),
        (lengths([1.0] * 15 + [1e-9] * 5, [0.0] * 20), WARN),
    ],
)
def test_gradients(found, verdict):
    assert checks.gradients(found).verdict == verdict


def moved(again: float = 0, apart: float = 0, flipped: bool = False) -> Neighbours:
    values, flips = torch.zeros(5), torch.zeros(5, dtype=torch.bool)
    return Neighbours(values + again, flips, values + apart, flips | flipped)


@pytest.mark.parametrize(
    ("found", "verdict", "words"),
    [
        (moved(), PASS, "judged for itself"),
        (moved(apart=1e-5), PASS, "judged for itself"),
        (moved(apart=0.01), WARN, "beside it"),
        (moved(apart=0.3), FAIL, "beside it"),
        (moved(apart=0.01, flipped=True), FAIL, "beside it"),
        (moved(again=0.3, apart=0.3), FAIL, "draws lots"),
    ],
)
def test_neighbours(found, verdict, words):
    said = checks.neighbours(found)
    assert said.verdict == verdict
    assert words in said.text


@pytest.mark.parametrize(("usual", "worst", "verdict"), [(10, 10, PASS), (10, 9, PASS), (10, 8, WARN), (15, 2, FAIL)])
def test_the_worst_case(score, usual, worst, verdict):
    found = checks.worst_case(score(usual, name="pgd"), score(worst), [Number("a step", 0.5, 20)])
    assert found.verdict == verdict
    assert found.numbers[1].title == "a step"
    assert f"{worst} of 20 withstand" in found.text


def test_the_worst_verdict_is_the_overall_one():
    found = {verdict: Finding("zero", verdict, (), "") for verdict in (PASS, WARN, FAIL)}
    silent = not_measured("eps", "")
    assert overall([silent]) == overall([]) == NOT_MEASURED
    assert overall([silent, found[PASS]]) == PASS
    assert overall([found[WARN], found[PASS]]) == WARN
    assert overall([found[PASS], found[FAIL], found[WARN]]) == FAIL


def test_a_finding_is_of_a_known_check():
    with pytest.raises(ValueError, match="no check"):
        Finding("luck", PASS, (), "")
    with pytest.raises(ValueError, match="no verdict"):
        Finding("zero", "maybe", (), "")
    found = Finding("zero", PASS, (), "")
    assert (found.title, found.source) == (CHECKS["zero"].title, CHECKS["zero"].source)


def test_numbers_are_written_with_n_and_interval():
    assert str(Number("under PGD", 0.15, 20, 0.052, 0.36)) == "under PGD: 15.0 % (n = 20; 95 %: 5.2 to 36.0)"
    points = str(Number("noise minus attack", -0.15, 20, -0.36, 0.052, points=True))
    assert points == "noise minus attack: −15.0 points (n = 20; 95 %: −36.0 to +5.2)"
    assert str(Number("length", 1.234e-5, 2000, percent=False)) == "length: 1.2e-05 (n = 2,000)"


def test_attacks_are_named_with_their_effort(score):
    assert checks.attack_title(score(1)) == "no attack"
    apgd = score(1, name="apgd", loss="dlr", targets=[1], restarts=2)
    assert checks.attack_title(apgd) == "APGD (DLR), aimed, 10 steps, 2 restarts, 8/255"
