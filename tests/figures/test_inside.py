"""Drawings of one channel: what is drawn is what was computed."""

import json

import numpy as np
import pytest
import torch

from rnorm_core import evaluation
from rnorm_core.errors import UserError
from rnorm_core.evaluation import Row
from rnorm_core.evaluation.measure import channel_values as measure
from rnorm_core.evaluation.tables.row import pack
from rnorm_core.figures.inside import (
    AtPower,
    accuracy_by_power,
    channel_values,
    normalised_values,
    outlier_effect,
    range_by_size,
    scale_by_power,
)


def traces(figure) -> dict[str, dict]:
    return {trace["name"]: trace for trace in json.loads(figure.plotly.to_json())["data"]}


@pytest.fixture
def values():
    return torch.randn((8, 4, 4), generator=torch.Generator().manual_seed(0)) + 3


def test_values_and_bound(values):
    found = measure.spread(values)
    figure = channel_values(values, found, 0.5, "blocks.0, channel 3")
    drawn = traces(figure)
    assert sum(drawn["values"]["y"]) == pytest.approx(100)
    deviation, powered, bound = (trace for name, trace in drawn.items() if name != "values")
    assert deviation["x"] == pytest.approx([found.mean - found.std, found.mean, found.mean + found.std])
    assert powered["x"][2] - powered["x"][0] == pytest.approx(2 * found.range**0.5)
    assert (bound["x"][0], bound["x"][2]) == pytest.approx((found.minimum, found.maximum))
    assert deviation["line"].get("dash") != bound["line"].get("dash")
    assert "blocks.0, channel 3" in figure.alt
    assert f"{found.of_bound:.2f} of the largest" in figure.alt


def test_scale_by_power():
    found = measure.spread(torch.tensor([0.0, 16.0]))
    drawn = traces(scale_by_power(found, (0, 0.25, 1), 0.5, "a"))
    assert drawn["range to the power p"]["y"] == [1, 2, 16]
    assert drawn["standard deviation"]["y"] == [8, 8]
    assert (drawn["p = 0.5"]["x"], drawn["p = 0.5"]["y"]) == ([0.5], [4])


def test_outliers(values):
    found = measure.outliers(values, (0, 10), 0.2)
    figure = outlier_effect(found, 0.2, "a")
    drawn = traces(figure)
    assert drawn["standard deviation"]["y"] == [o.std_factor for o in found]
    assert drawn["range to the power 0.2"]["y"] == [o.scale_factor for o in found]
    assert "beside 128 others" in figure.alt


def test_range_by_size(values):
    found = measure.growth(values, (1, 4, 8))
    figure = range_by_size(found, 0.2, "a")
    drawn = traces(figure)
    assert drawn["range"]["y"] == [g.range for g in found]
    assert drawn["range"]["error_y"]["array"][0] == pytest.approx(found[0].range_high - found[0].range)
    assert drawn["range to the power 0.2"]["y"][1] == pytest.approx(found[1].range ** 0.2)
    assert len({(t["marker"]["symbol"], t["line"].get("dash")) for t in drawn.values()}) == 3
    assert "n = 8 images" in figure.alt


def test_the_chosen_outlier_is_marked(values):
    found, (chosen,) = measure.outliers(values, (0, 10), 0.2), measure.outliers(values, (3,), 0.2)
    plain, marked = (outlier_effect(found, 0.2, "a", c) for c in (None, chosen))
    level, upright = marked.plotly.layout.shapes
    assert len(plain.plotly.layout.shapes) == 1
    assert (level.y0, upright.x0, upright.x1) == (1, 3, 3)
    assert f"marks 3 standard deviations, times {chosen.std_factor:.3f} and {chosen.scale_factor:.3f}" in marked.alt


@pytest.mark.parametrize("power", [0.2, 1])
def test_normalised_values(values, power):
    by_std, by_range = (measure.normalised(values, p) for p in (None, power))
    figure = normalised_values(by_std, by_range, power, "a")
    for trace, made in zip(json.loads(figure.plotly.to_json())["data"], (by_std, by_range), strict=True):
        assert sum(trace["y"]) == pytest.approx(100)
        middle = sum(x * y for x, y in zip(trace["x"], trace["y"], strict=True)) / 100
        assert middle == pytest.approx(0, abs=0.05)
        assert f"from {made.min():.3f} to {made.max():.3f}" in figure.alt
    assert len({(t["line"]["color"], t["line"].get("dash")) for t in traces(figure).values()}) == 2


def row(correct: int, n: int, eps: float = 0) -> Row:
    low, high = evaluation.wilson(correct, n)
    return Row(
        model="m", weight_hash="1" * 64, dataset="cifar10", norm="rn", statistics="tracked",
        attack="pgd" if eps else "clean", settings={}, eps_255=eps, pixels="float", n=n, correct=correct, low=low,
        high=high, batch_size=128, seed=0, images="1" * 64, hits=pack(torch.arange(n) < correct), code_version="1",
        made_with={}, date="2026-01-01",
    )  # fmt: skip


def at(power: float | None, clean: tuple[int, int], attacked: tuple[int, int] | None) -> AtPower:
    label = "BatchNorm" if power is None else f"p = {power:g}"
    return AtPower(label, power, row(*clean), row(*attacked, eps=1) if attacked else None)


def test_accuracy_by_power():
    points = [at(1, (50, 100), (5, 100)), at(0.1, (150, 200), (40, 200)), at(0.5, (60, 100), None)]
    points.append(at(None, (90, 100), (20, 100)))
    figure = accuracy_by_power(points, "PGD at 1/255", 0.3, "ResNet-20, tracked")
    drawn = traces(figure)
    assert (drawn["RobustNorm, clean"]["x"], drawn["RobustNorm, clean"]["y"]) == ([0.1, 0.5, 1], [75, 60, 50])
    attacked = drawn["RobustNorm, PGD at 1/255"]
    assert (attacked["x"], attacked["y"]) == ([0.1, 1], [20, 5])
    low, high = evaluation.wilson(40, 200)
    assert attacked["error_y"]["array"][0] == pytest.approx(100 * high - 20)
    assert attacked["error_y"]["arrayminus"][0] == pytest.approx(20 - 100 * low)
    assert attacked["customdata"][0][:2] == ["p = 0.1", "40 of 200"]
    assert set(drawn["BatchNorm, clean"]["y"]) == {90}
    bands = [(s["y0"], s["y1"]) for s in figure.plotly.to_dict()["layout"]["shapes"] if s["x0"] != s["x1"]]
    expected = [(100 * low, 100 * high) for low, high in (evaluation.wilson(90, 100), evaluation.wilson(20, 100))]
    assert np.array(bands) == pytest.approx(np.array(expected))
    assert "n = 100 to 200 images" in figure.alt
    assert "p = 0.1, PGD at 1/255: 20.0 % (40 of 200" in figure.alt
    assert len({(t["line"]["color"], t["line"].get("dash")) for t in drawn.values()}) == 4


def test_without_a_p_there_is_nothing_to_draw():
    with pytest.raises(UserError, match="No RobustNorm"):
        accuracy_by_power([at(None, (9, 10), None)], "PGD at 1/255", 0.2, "a")
