"""The rules that turn numbers into findings, each at its edge."""

import numpy as np
import pytest
import torch

from rnorm_core.evaluation.claims.evidence import (
    RULES,
    Attacks,
    BatchSizes,
    Contest,
    Count,
    Displacement,
    Excess,
    KeptAccuracy,
    Recovery,
    Retention,
    Speed,
    signed,
)
from rnorm_core.evaluation.claims.verdict import FAILS, HOLDS, OPEN, OPPOSITE
from rnorm_core.evaluation.measure.paired import paired


def states(evidence) -> list[str]:
    return [finding.state for finding in evidence.findings()]


def pair(left_only: int, right_only: int, both: int = 500, neither: int = 300):
    parts = [(1, 1)] * both + [(1, 0)] * left_only + [(0, 1)] * right_only + [(0, 0)] * neither
    left, right = torch.tensor(parts).bool().T
    return paired(left, right)


def by_pgd(by_eps: dict) -> Attacks:
    return {eps: dict.fromkeys(seeds, ("pgd",)) for eps, seeds in by_eps.items()}


def test_every_kind_of_evidence_has_a_rule():
    kinds = (Retention, Contest, Displacement, Excess, Recovery, BatchSizes, KeptAccuracy, Speed)
    assert {kind.rule for kind in kinds} == set(RULES)


def test_disappears_at_exactly_nine_tenths():
    clean = Count(900, 1000)
    attacked = {0.5: 811, 1: 810, 2: 809}  # 0.9 of 900 is 810
    by_eps = {eps: {0: (clean, Count(k, 1000))} for eps, k in attacked.items()}
    evidence = Retention("x", by_eps, by_pgd(by_eps))
    assert states(evidence) == [HOLDS, HOLDS, FAILS]
    assert "0.90 of clean accuracy, 81.0 % (95 %: " in evidence.findings()[1].text
    assert evidence.findings()[1].text.endswith(", n = 1,000, PGD")


def test_where_nothing_was_right_nothing_disappears():
    by_eps = {1: {0: (Count(0, 20), Count(0, 20))}}
    assert states(Retention("x", by_eps, by_pgd(by_eps))) == [FAILS]


def test_disappears_for_every_seed():
    clean, good, bad = Count(100, 100), Count(95, 100), Count(80, 100)
    by_eps = {1: {0: (clean, good), 1: (clean, good)}, 2: {0: (clean, good), 1: (clean, bad)},
              4: {0: (clean, bad), 1: (clean, bad)}}  # fmt: skip
    assert states(Retention("x", by_eps, by_pgd(by_eps))) == [HOLDS, OPEN, FAILS]
    assert Retention("x", by_eps, by_pgd(by_eps)).findings()[1].text.startswith("seed 0: 0.95 of clean accuracy")


def test_more_robust_where_the_interval_excludes_nothing():
    ahead, behind, level = pair(60, 20), pair(20, 60), pair(33, 30)
    assert (ahead.low > 0, behind.high < 0, level.low < 0 < level.high) == (True, True, True)
    by_eps = {1: {0: ahead}, 2: {0: behind}, 4: {0: level}}
    assert states(Contest("a", "b", by_eps, by_pgd(by_eps))) == [HOLDS, OPPOSITE, OPEN]


def test_more_robust_for_every_seed():
    ahead, behind, level = pair(60, 20), pair(20, 60), pair(33, 30)
    by_eps = {1: {0: ahead, 1: ahead}, 2: {0: ahead, 1: level}, 4: {0: ahead, 1: behind}, 8: {0: behind, 1: behind}}
    assert states(Contest("a", "b", by_eps, by_pgd(by_eps))) == [HOLDS, OPEN, OPEN, OPPOSITE]


def test_a_finding_names_the_attacks_behind_it():
    strong, by_eps = ("pgd", "apgd-ce", "square"), {1: {0: pair(60, 20), 1: pair(60, 20)}}
    one = Contest("a", "b", by_eps, {1: {0: strong, 1: strong}})
    assert one.findings()[0].text.endswith("n = 880, worst of 3 attacks")
    mixed = Contest("a", "b", by_eps, {1: {0: strong, 1: ("pgd",)}})
    assert mixed.findings()[0].text.endswith(", worst of 3 attacks or PGD")


def beyond(*counts: int, layers: int = 10) -> np.ndarray:
    return np.arange(layers) < np.array(counts)[:, None]


def test_layers_move_where_half_do_in_every_batch():
    by_eps = {1: {"m": beyond(4, 4)}, 2: {"m": beyond(4, 6)}, 4: {"m": beyond(5, 7)}}
    evidence = Displacement("BatchNorm, tracked", by_eps, {}, 256)
    assert states(evidence) == [FAILS, OPEN, HOLDS]
    assert evidence.findings()[2].text == "5 to 7 of 10 layers beyond (2 batches, n = 256)"
    two = {1: {"m": beyond(5), "k": beyond(4)}}
    assert states(Displacement("x", two, {}, 128)) == [OPEN]


def test_more_than_noise_in_half_the_layers_of_every_batch():
    evidence = Excess("x", {1: {"m": beyond(5, 9)}, 2: {"m": beyond(4, 9)}, 4: {"m": beyond(0, 4)}}, 256)
    assert states(evidence) == [HOLDS, OPEN, FAILS]
    assert evidence.findings()[0].text == "5 to 9 of 10 layers further (2 batches, n = 256)"


def test_images_come_back_by_the_whole_interval():
    assert states(Recovery("x", {1: (600, 1000), 2: (500, 1000), 4: (400, 1000), 8: (0, 0)})) == [
        HOLDS, OPEN, FAILS, OPEN,
    ]  # fmt: skip


def test_batch_statistics_are_unusable_below_nine_tenths():
    tracked = Count(900, 1000)
    evidence = BatchSizes("x", tracked, {1: Count(100, 1000), 2: Count(809, 1000), 4: Count(810, 1000)}, {})
    assert states(evidence) == [HOLDS, HOLDS, FAILS]
    assert [finding.size for finding in evidence.findings()] == [1, 2, 4]


def test_accuracy_is_kept_within_a_point():
    same, lost, unclear = pair(2, 2, 9000, 900), pair(100, 300, 9000, 600), pair(10, 14, 500, 100)
    assert same.low > -0.01
    assert lost.high < 0
    assert unclear.low < -0.01
    assert unclear.high > 0
    verdicts = [states(KeptAccuracy("a", "b", {0: p})) for p in (same, lost, unclear)]
    assert verdicts == [[HOLDS], [FAILS], [OPEN]]
    assert states(KeptAccuracy("a", "b", {0: same, 1: lost})) == [OPEN]
    assert KeptAccuracy("a", "b", {}).findings() == []


@pytest.mark.parametrize(
    ("left", "right", "without", "state"),
    [((25, 30), (25, 30), (40, 50), HOLDS), ((26, 30), (25, 30), (25, 32), HOLDS),
     ((27, 30), (25, 30), (40, 50), FAILS), ((20, None), (25, 30), (40, 50), FAILS),
     ((20, 40), (25, None), (27, None), HOLDS), ((25, 30), (25, 30), (40, None), HOLDS),
     ((25, 30), (25, 30), (26, 29), OPEN), ((25, 30), (25, 30), (), OPEN),
     ((25, 40), (25, 30), (26, 29), FAILS)],
)  # fmt: skip
def test_training_is_fast_within_an_epoch_where_a_network_without_a_norm_is_slow(left, right, without, state):
    assert states(Speed("a", "b", (0.8, 0.85), {0: (left, right, without)}, {})) == [state]


def test_small_differences_keep_their_sign():
    assert signed(-0.04) == "\N{MINUS SIGN}0.04"
    assert signed(0.0) == "0.0"
    assert signed(12.34) == "+12.3"
