"""Drawings of the loss around an image: what is drawn is what was measured."""

import json

import numpy as np
import pytest
import torch

from rnorm_core.errors import UserError
from rnorm_core.figures.sanity import common_scale, decision_map, loss_surface
from rnorm_core.sanity import Surface

CLASSES = tuple("abcdefghij")


def made(height: float = 1.0, **change) -> Surface:
    """Loss a + 10 b + 11 at (a, b), times height; class 3, but 7 where a is 1."""
    grid = torch.tensor([-1.0, 0.0, 1.0])
    loss = height * (grid[:, None] + 10 * grid[None] + 11)
    predicted = torch.tensor([[3, 3, 3], [3, 3, 3], [7, 7, 7]])
    given = dict(
        grid=grid, loss=loss, margin=(predicted != 3).float() * 2 - 1, predicted=predicted,
        directions=torch.zeros(2, 3, 32, 32), gradient=0.25, label=3, eps=8 / 255, others=0, model="m",
        statistics="tracked", weight_hash="abcdef0123" * 6,
    )  # fmt: skip
    return Surface(**(given | change))


def drawn(figure):
    return json.loads(figure.plotly.to_json())


def test_the_surface_has_its_losses_where_they_were_found():
    figure = loss_surface(made(), "BatchNorm", CLASSES, (0, 22))
    hills = drawn(figure)["data"][0]
    assert hills["x"] == hills["y"] == [-1, 0, 1]
    z = np.array(figure.plotly.data[0].z)
    assert z[2][0] == 20  # plotly's rows go along y: b = 1, a = -1
    assert z[0][2] == 2
    assert figure.plotly.data[0].customdata[0][2] == "h"  # a = 1
    pin = figure.plotly.data[1]
    assert (pin.x[0], pin.y[0], pin.z[0]) == (0, 0, 11)  # stands where the image is
    assert "BatchNorm" in figure.alt
    assert "between 0 and 22" in figure.alt
    assert "highest at 1 eps along the gradient and 1 eps of random signs" in figure.alt


def test_two_models_share_one_scale():
    one, two = made(), made(2.0)
    scale = common_scale([one, two])
    assert scale == (0, 44)
    figures = [loss_surface(side, "x", CLASSES, scale).plotly for side in (one, two)]
    assert {(f.data[0].cmin, f.data[0].cmax) for f in figures} == {scale}
    assert len({tuple(f.layout.scene.zaxis.range) for f in figures}) == 1


@pytest.mark.parametrize("surfaces", [[], [made(float("nan"))], [made(float("inf"))]])
def test_there_is_no_scale_of_nothing(surfaces):
    with pytest.raises(UserError):
        common_scale(surfaces)


def test_a_loss_of_zero_everywhere_can_be_drawn():
    scale = common_scale([made(0.0)])
    assert scale[1] > 0
    loss_surface(made(0.0), "x", CLASSES, scale)


def test_the_map_names_its_classes():
    figure = decision_map(made(), "RobustNorm", CLASSES)
    cells = figure.plotly.data[0]
    assert np.array(cells.z).tolist() == [[0, 0, 1]] * 3  # a = 1 is another class at every b
    assert (cells.zmin, cells.zmax) == (-0.5, 1.5)
    assert len({colour for _, colour in cells.colorscale}) == 2
    names = {a.text: (a.x, a.y) for a in figure.plotly.layout.annotations}
    assert names == {"d (right)": (0, 0), "h": (1, 0)} or names == {"d (right)": (-1, 0), "h": (1, 0)}
    # Both directions are signs: where they agree, a pixel moves by |a| + |b|, so that eps ends on a diamond.
    assert figure.plotly.layout.shapes[0].path == "M 1 0 L 0 1 L -1 0 L 0 -1 Z"
    assert "d at 67% of the points, h at 33% of the points" in figure.alt
    assert "8/255" in figure.plotly.layout.title.text.replace("<br>", " ")


def test_classes_have_different_colours_even_if_their_numbers_end_alike():
    many = torch.tensor([[3, 13, 23], [3, 13, 93], [3, 4, 4]])
    cells = decision_map(made(predicted=many), "x", tuple(f"class_{i}" for i in range(100))).plotly
    assert len({colour for _, colour in cells.data[0].colorscale}) == 5
    assert "class 13" in [a.text for a in cells.layout.annotations]


def test_a_name_stands_within_its_region():
    ring = torch.tensor([[3, 3, 3], [3, 7, 3], [3, 3, 3]])
    figure = decision_map(made(predicted=ring), "x", CLASSES)
    places = {a.text: (a.x, a.y) for a in figure.plotly.layout.annotations}
    assert places["h"] == (0, 0)
    assert places["d (right)"] != (0, 0)
