"""The small pictures of lessons: what they draw is what they are given."""

import re
from xml.etree import ElementTree

import numpy as np

from rnorm_core.classroom.parts import Value
from rnorm_core.figures.markup import layer_dots, small_curves


def numbers(svg: str, attribute: str) -> list[float]:
    return [float(value) for value in re.findall(rf'<circle[^>]* {attribute}="([\d.]+)"', svg)]


def test_points_beyond_the_band_are_filled():
    times = np.array([[0.5, 2.0], [1.5, 4.0]])
    picture = layer_dots.draw("A <title>", "bn", times, top=4.2)
    ElementTree.fromstring(picture.svg)
    assert picture.svg.count('class="i"') == 1
    assert picture.svg.count('r="3.2" fill="#0072B2"') == 3
    heights = numbers(picture.svg, "cy")
    assert sorted(heights, reverse=True) == [heights[i] for i in np.argsort(times.ravel())]
    assert "3 of 4 points of 2 layers" in picture.alt


def test_pictures_of_one_step_share_an_axis():
    assert layer_dots.common_top([np.array([[2.0]]), np.array([[10.0]])]) == 10.5
    assert layer_dots.common_top([np.array([[0.1]])]) == 1.2  # the band is always on it


def test_a_curve_falls_where_its_shares_fall():
    shares = [Value(v, 100, v - 0.05, v + 0.05) for v in (0.9, 0.5, 0.1)]
    lines = [small_curves.Line("left", "bn", shares), small_curves.Line("the same, other mode", "bn", shares[::-1])]
    picture = small_curves.draw("Title", ["1", "2", "4"], lines)
    ElementTree.fromstring(picture.svg)
    left = numbers(picture.svg, "cy")[:3]
    assert left == sorted(left)  # down is larger
    dashes = re.findall(r'stroke-dasharray="([^"]*)"', picture.svg)
    assert dashes == ["", "", "6 4", "6 4"]
    assert "left: 1 90.0 % (95 %: 85.0 to 95.0, n = 100)" in picture.alt
