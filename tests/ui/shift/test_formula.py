"""The formula beside a channel: its numbers give what the layer gives."""

from dataclasses import replace

import numpy as np
import pytest

from rnorm_core.rounding import short
from rnorm_core.ui.shift.formula import formula
from rnorm_core.ui.shift.selection import Selection


@pytest.mark.parametrize("i", [0, 1])
def test_the_formula_is_what_the_layer_does(done, i):
    """Read back from the LaTeX and applied to a number, it gives what the layer gives, to the digits shown."""
    selection = Selection(done, 8, "mean", 4)
    latex, words = formula(selection, i, 2)
    layer = selection.attacked(i).recorded.layers[4]
    used = layer.applied
    x = float(layer.mean[2]) + 1
    expected = float(used.weight[2] * (x - used.centre[2]) / used.scale[2] + used.bias[2])
    numbers = latex.split(r"\\")[1]
    python = (
        numbers.replace("&=", "").replace(r"\end{aligned}", "").replace(r"\cdot", "*").replace(r"\sqrt", "np.sqrt")
        .replace(r"\frac{", "(").replace("}{", ")/(", 1).replace("10^{-5}", "1e-5").replace(r"^{\,", "**(")
    )  # fmt: skip
    python = python.replace("{", "(").replace("}", ")")
    assert eval(python, {"np": np, "x": x}) == pytest.approx(expected, rel=0.03, abs=0.03)
    assert ("tracked in training" in words) == (i == 0)  # the right side takes the batch's
    after = float(((layer.mean - used.centre) * used.weight / used.scale + used.bias)[2])
    assert f"attacked batch leaves the layer with mean {short(after)} and" in words


@pytest.mark.parametrize(("off", "said"), [(0.05, False), (0.3, True), (-0.3, True)])
def test_a_tracked_mean_that_is_off_is_explained(done, off, said):
    """Training tracks it on crops; where it is plainly not the training images' mean, the words say so."""
    course = done.courses[0]
    population = course.population.statistics.layers[4]

    def planted_in(reading):
        layers = list(reading.recorded.layers)
        centre = population.mean + off * population.unit
        layers[4] = replace(layers[4], applied=replace(layers[4].applied, centre=centre))
        return replace(reading, recorded=replace(reading.recorded, layers=tuple(layers)))

    courses = replace(course, readings=tuple(planted_in(r) for r in course.readings)), done.courses[1]
    selection = Selection(replace(done, courses=courses), 8, "mean", 4)
    words = formula(selection, 0, 2)[1]
    assert ("randomly shifted crops of them, with black edges" in words) == said
    assert "crops" not in formula(selection, 1, 2)[1]  # the batch's own mean is tracked by nobody


def test_where_no_norm_stands_the_formula_is_the_identity(done):
    course = done.courses[0]
    nothing = [replace(layer, norm="none", applied=None) for layer in course.at(0).recorded.layers]
    readings = tuple(replace(r, recorded=replace(r.recorded, layers=tuple(nothing))) for r in course.readings)
    selection = Selection(replace(done, courses=(replace(course, readings=readings), done.courses[1])), 8, "mean", 4)
    assert formula(selection, 0, 0)[0] == "y = x"
