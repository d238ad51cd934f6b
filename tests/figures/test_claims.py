"""Drawings of claims: what is drawn is what was found."""

import json

import numpy as np
import pytest
import torch

from rnorm_core.evaluation.claims.evidence import (
    BatchSizes,
    Contest,
    Count,
    Displacement,
    Excess,
    KeptAccuracy,
    Recovery,
    Retention,
    Speed,
    Trainings,
)
from rnorm_core.evaluation.measure.over_seeds import over_seeds
from rnorm_core.evaluation.measure.paired import paired
from rnorm_core.figures.claims import evidence

PAIR = paired(torch.arange(100) < 60, torch.arange(100) < 50)
ATTACKS = {eps: dict.fromkeys((0, 1), ("fgsm", "pgd")) for eps in (1, 8)}


def traces(figure) -> dict[str, dict]:
    return {trace["name"].replace("<br>", " "): trace for trace in json.loads(figure.plotly.to_json())["data"]}


def test_a_contest_is_its_differences_with_intervals():
    figure = evidence(Contest("RobustNorm", "BatchNorm", {1: {0: PAIR, 1: PAIR}, 8: {0: PAIR}}, ATTACKS))
    drawn = traces(figure)
    one = drawn["seed 0"]
    assert one["y"] == pytest.approx([10, 10])
    assert one["error_y"]["array"] == pytest.approx([100 * (PAIR.high - PAIR.difference)] * 2)
    assert drawn["seed 1"]["x"] == [0]
    assert drawn["seed 1"]["marker"]["symbol"] != one["marker"]["symbol"]
    assert "n = 100" in figure.alt
    assert "no difference at 0" in figure.alt


def test_a_contest_of_several_trainings_shows_their_interval():
    over = over_seeds([0.6, 0.7], [0.5, 0.5])
    assert over is not None
    contest = Contest(
        "RobustNorm", "BatchNorm", {1: {0: PAIR}, 8: {0: PAIR}}, ATTACKS, trainings={8: Trainings(over, 90)}
    )
    drawn = traces(evidence(contest))["over 2 trainings of each"]
    assert (drawn["x"], drawn["y"]) == ([1], pytest.approx([15]))
    assert drawn["error_y"]["array"] == pytest.approx([100 * (over.high - over.difference)])
    assert drawn["customdata"][0].startswith("over 2 trainings of each +15.0 points")


def test_retention_and_its_line():
    by_eps = {1: {0: (Count(90, 100), Count(45, 100))}}
    figure = evidence(Retention("BatchNorm with batch statistics", by_eps, ATTACKS))
    assert "worst of 2 attacks" in figure.alt
    assert traces(figure)["seed 0"]["y"] == pytest.approx([0.5])
    assert "the rule: 0.9 of clean accuracy at 0.9" in figure.alt


def test_layers_with_noise_and_chance():
    half = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], dtype=bool)
    none = np.zeros((2, 4), dtype=bool)
    figure = evidence(Displacement("BatchNorm", {8: {"m": half}}, {0.0: {"m": none}, 8: {"m": none}}, 200))
    drawn = traces(figure)
    assert drawn["attacked"]["y"] == pytest.approx([0, 37.5])
    assert drawn["attacked"]["error_y"]["array"] == pytest.approx([0, 12.5])
    assert drawn["noise of the same size"]["y"] == [0, 0]


def test_attack_beyond_noise():
    half = np.array([[1, 1, 0, 0], [1, 0, 0, 0]], dtype=bool)
    drawn = traces(evidence(Excess("BatchNorm", {8: {"m": half}}, 200)))
    assert drawn["attack beyond noise"]["y"] == [37.5]
    assert drawn["attack beyond noise"]["error_y"]["arrayminus"] == [12.5]


def test_the_rest_is_drawn_from_its_numbers():
    assert traces(evidence(Recovery("BatchNorm", {1: (30, 40), 8: (0, 0)})))["come back"]["y"] == [75]
    need = BatchSizes(
        "BatchNorm with batch statistics", Count(9, 10), {1: Count(1, 10), 2: Count(8, 10)}, {2: Count(3, 10)}, "PGD"
    )
    drawn = traces(evidence(need))
    assert drawn["without an attack"]["y"] == [10, 80]
    assert (drawn["under PGD"]["x"], drawn["under PGD"]["y"]) == ([1], [30])
    upkeep = evidence(KeptAccuracy("RobustNorm", "BatchNorm", {0: PAIR}))
    assert traces(upkeep)["difference"]["mode"] == "markers"
    curves = {0: ((0.5, 0.8), (0.8, 0.9), (0.4, 0.5)), 1: ((0.5, 0.8), (0.8, 0.9))}
    speed = Speed("RobustNorm", "BatchNorm", (0.8,), {0: ((2,), (1,), (None,)), 1: ((2,), (1,), ())}, curves, 28)
    figure = evidence(speed)
    assert "small crops until epoch 28" in figure.alt
    drawn = traces(figure)
    assert drawn["no norm, seed 0"]["y"] == [40, 50]
    assert "no norm, seed 1" not in drawn
    assert drawn["RobustNorm, seed 0"]["y"] == [50, 80]
    assert drawn["BatchNorm, seed 0"]["y"] == [80, 90]


def test_an_attack_that_cost_nothing_leaves_an_empty_drawing():
    assert traces(evidence(Recovery("BatchNorm", {1: (0, 0)})))["come back"]["y"] == []
