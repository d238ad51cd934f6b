"""Drawings of one channel: what is drawn is what was computed."""

import json

import pytest
import torch

from rnorm_core import figures
from rnorm_core.evaluation import inside


def traces(figure) -> dict[str, dict]:
    return {trace["name"]: trace for trace in json.loads(figure.plotly.to_json())["data"]}


@pytest.fixture
def values():
    return torch.randn((8, 4, 4), generator=torch.Generator().manual_seed(0)) + 3


def test_values_and_bound(values):
    found = inside.spread(values)
    figure = figures.channel_values(values, found, "blocks.0, channel 3")
    drawn = traces(figure)
    assert sum(drawn["values"]["y"]) == pytest.approx(100)
    deviation, bound = (trace for name, trace in drawn.items() if name != "values")
    assert deviation["x"] == pytest.approx([found.mean - found.std, found.mean, found.mean + found.std])
    assert (bound["x"][0], bound["x"][2]) == pytest.approx((found.minimum, found.maximum))
    assert deviation["line"].get("dash") != bound["line"].get("dash")
    assert "blocks.0, channel 3" in figure.alt
    assert f"{found.of_bound:.2f} of the largest" in figure.alt


def test_scale_by_power():
    found = inside.spread(torch.tensor([0.0, 16.0]))
    drawn = traces(figures.scale_by_power(found, (0, 0.25, 1), 0.5, "a"))
    assert drawn["range to the power p"]["y"] == [1, 2, 16]
    assert drawn["deviation"]["y"] == [8, 8]
    assert (drawn["p = 0.5"]["x"], drawn["p = 0.5"]["y"]) == ([0.5], [4])


def test_outliers(values):
    found = inside.outliers(values, (0, 10), 0.2)
    figure = figures.outlier_effect(found, 0.2, "a")
    drawn = traces(figure)
    assert drawn["deviation"]["y"] == [o.std_factor for o in found]
    assert drawn["range to the power 0.2"]["y"] == [o.scale_factor for o in found]
    assert "beside 128 others" in figure.alt


def test_range_by_size(values):
    found = inside.growth(values, (1, 4, 8))
    figure = figures.range_by_size(found, 0.2, "a")
    drawn = traces(figure)
    assert drawn["range"]["y"] == [g.range for g in found]
    assert drawn["range"]["error_y"]["array"][0] == pytest.approx(found[0].range_high - found[0].range)
    assert drawn["range to the power 0.2"]["y"][1] == pytest.approx(found[1].range ** 0.2)
    assert len({(t["marker"]["symbol"], t["line"].get("dash")) for t in drawn.values()}) == 3
    assert "n = 8 images" in figure.alt
