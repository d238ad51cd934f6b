import numpy as np
import pytest

from rnorm_core.errors import UserError
from rnorm_core.figures.models import (
    Depth,
    Dots,
    Rates,
    Training,
    by_depth,
    by_seed,
    learning_rates,
    training_accuracy,
    training_loss,
)
from rnorm_core.figures.style import LOOKS


def training(label="BatchNorm", norm="bn", small=(2, 24), **changes) -> Training:
    known = dict(weight_hash="a" * 64, epochs=[1, 2, 3], loss=[2.0, 1.5, 0.5], accuracy=[0.25, 0.5, 0.875])
    return Training(label, norm, small=small, **(known | changes))


def depth(label="BatchNorm", norm="bn", values=None) -> Depth:
    values = [np.arange(1.0, 22.0), np.full(11, 5.0)] if values is None else values
    return Depth(label, norm, "b" * 64, [f"layer{i}" for i in range(len(values))], values)


def rates(label="BatchNorm", norm="bn") -> Rates:
    return Rates(label, norm, [0.1, 0.4], [90, 20], [100, 200], [0.8, 0.05], [0.95, 0.15])


def dots(label="BatchNorm", norm="bn", **changes) -> Dots:
    return Dots(label, norm, **(dict(seeds=[0, 1], values=[91.0, 92.5], low=[90.0, 92.0], high=[92.0, 93.5]) | changes))


def text(figure) -> str:
    return figure.plotly.layout.title.text.replace("<br>", " ")


ALL = {
    "loss": lambda: training_loss([training()]),
    "accuracy": lambda: training_accuracy([training()]),
    "depth": lambda: by_depth([depth()], "How large is it?", "|gamma|"),
    "log": lambda: by_depth([depth()], "How large is it?", "|gamma|", log=True),
    "seeds": lambda: by_seed([dots()], "How accurate?", "accuracy (%)", "n = 100"),
    "rates": lambda: learning_rates([rates()], "one seed"),
}


@pytest.mark.parametrize("name", ALL)
def test_what_every_figure_has(name):
    figure = ALL[name]()
    layout = figure.plotly.layout
    assert "?" in text(figure)
    assert layout.xaxis.title.text
    assert layout.yaxis.title.text or name == "seeds"  # there the lines of the axis say what they are
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert figure.alt.startswith(text(figure).split("?")[0])
    assert len(figure.alt) > 60
    assert figure.plotly.to_json()


def test_training_curves_over_each_other():
    figure = training_accuracy([training(), training("RobustNorm", "rn", accuracy=[0.1, 0.2, 0.3])])
    bn, rn, phase = figure.plotly.data
    assert (list(bn.x), list(bn.y)) == ([1, 2, 3], [25, 50, 87.5])
    assert rn.y[-1] == pytest.approx(30)
    assert (bn.line.color, rn.line.color) == tuple(LOOKS[norm].colour for norm in ("bn", "rn"))
    assert bn.marker.symbol != rn.marker.symbol
    assert "BatchNorm: 25 after epoch 1, 87.5 after epoch 3" in figure.alt
    assert phase.name.replace("<br>", " ") == "shaded: 24-pixel crops, epochs 1 to 2"
    assert training_loss([training()]).plotly.data[0].y == (2.0, 1.5, 0.5)


def test_seeds_of_one_norm_differ_in_dash_and_marker():
    labels = [f"BatchNorm, seed {i}" for i in range(3)]
    lines = training_loss([training(label) for label in labels]).plotly.data[:3]
    assert len({line.line.dash for line in lines}) == len({line.marker.symbol for line in lines}) == 3
    assert {line.line.color for line in lines} == {LOOKS["bn"].colour}


def test_each_phase_of_small_crops_is_shaded_and_says_whose_it_is():
    figure = training_loss([training(), training("no norm", "none", (1, 16)), training("GroupNorm", "gn", None)])
    assert [(shape.x0, shape.x1) for shape in figure.plotly.layout.shapes] == [(0.5, 2.5), (0.5, 1.5)]
    names = [trace.name.replace("<br>", " ") for trace in figure.plotly.data[3:]]
    assert names == [
        "shaded: 24-pixel crops, epochs 1 to 2 (BatchNorm)", "shaded: 16-pixel crops, epochs 1 to 1 (no norm)",
    ]  # fmt: skip
    many = [training(f"seed {i}", small=(1, 16) if i else None) for i in range(5)]
    assert training_loss(many).plotly.data[-1].name.replace("<br>", " ").endswith("epochs 1 to 1 (4 of 5)")
    assert not training_loss([training(small=None)]).plotly.layout.shapes


def test_median_and_band_of_each_layer():
    figure = by_depth([depth()], "How large is it?", "|gamma|")
    band, line = figure.plotly.data
    assert (list(line.x), list(line.y)) == ([1, 2], [11, 5])
    assert (list(band.x), list(band.y)) == ([1, 2, 2, 1], [20, 5, 5, 2])  # 95 % above, 5 % below
    assert list(line.customdata[0]) == ["layer0", 21, 2.0, 20.0, 1.0, 21.0]
    assert "n = 11 to 21" in text(figure)
    assert "median 5 to 11, 11 in the first and 5 in the last layer" in figure.alt
    assert figure.plotly.layout.yaxis.type == "linear"


def test_bands_lie_below_all_lines_and_networks_may_differ_in_depth():
    figure = by_depth([depth(), depth("RobustNorm", "rn", [np.ones(4)] * 5)], "How large is it?", "|gamma|")
    assert [trace.fill for trace in figure.plotly.data] == ["toself", "toself", None, None]
    assert figure.plotly.layout.xaxis.range == (0.5, 5.5)


def test_zeros_stand_at_the_foot_of_a_logarithmic_axis():
    figure = by_depth([depth(values=[np.array([0.0] * 9 + [2.0]), np.array([1.0])])], "How?", "gain", log=True)
    band, line = figure.plotly.data
    assert figure.plotly.layout.yaxis.type == "log"
    assert min(*band.y, *line.y) > 0
    assert line.y[0] < 0.5 * line.y[1]


def test_each_seed_has_a_line_of_its_own():
    figure = by_seed([dots(), dots("RobustNorm", "rn", values=[91.0, 90.0])], "How accurate?", "%", "n = 100")
    bn, rn = figure.plotly.data
    assert list(bn.y) == ["BatchNorm, seed 0", "BatchNorm, seed 1"]
    assert list(bn.x) == [91.0, 92.5]
    assert (list(bn.error_x.array), list(bn.error_x.arrayminus)) == ([1.0, 1.0], [1.0, 0.5])
    assert list(figure.plotly.layout.yaxis.categoryarray)[::-1] == [*bn.y, *rn.y]
    assert "BatchNorm: 91 (seed 0), 92.5 (seed 1)" in figure.alt


def test_what_was_never_reached_is_said_and_not_drawn():
    rows = [dots(values=[3, 4], low=None, high=None, what="80 %", fill="-open"),
            dots(values=[5, None], low=None, high=None, what="85 %")]  # fmt: skip
    figure = by_seed(rows, "How soon?", "epochs", "hollow: 80 %")
    early, late = figure.plotly.data
    assert (early.marker.symbol, late.marker.symbol) == ("circle-open", "circle")
    assert list(late.x) == [5]
    (note,) = figure.plotly.layout.annotations
    assert (note.y, note.text) == ("BatchNorm, seed 1", "85 %: not reached")
    assert "BatchNorm, 85 %: 5 (seed 0), not reached (seed 1)" in figure.alt
    assert len(figure.plotly.layout.yaxis.categoryarray) == 2


def test_learning_rates():
    figure = learning_rates([rates(), rates("RobustNorm", "rn")], "seed 0")
    line = figure.plotly.data[0]
    assert (list(line.x), list(line.y)) == ([0.1, 0.4], [90, 10])
    np.testing.assert_allclose(line.error_y.array, [5, 5])
    np.testing.assert_allclose(line.error_y.arrayminus, [10, 5])
    assert figure.plotly.layout.xaxis.type == "log"
    assert "n = 100 to 200" in text(figure)
    assert "BatchNorm: 90.0 % at 0.1, 10.0 % at 0.4" in figure.alt


def test_a_training_that_diverged_is_a_cross_and_no_accuracy():
    none = Rates("no norm", "none", [0.1], [50], [100], [0.4], [0.6], diverged=[0.4, 1.6])
    figure = learning_rates([rates(), none], "seed 0")
    line, cross = figure.plotly.data[1:]
    assert list(line.x) == [0.1]
    assert (list(cross.x), cross.marker.symbol, cross.showlegend) == ([0.4, 1.6], "x", False)
    assert list(figure.plotly.layout.xaxis.tickvals) == [0.1, 0.4, 1.6]
    assert "crosses: diverged" in text(figure)
    bn = Rates("BatchNorm", "bn", [0.1], [50], [100], [0.4], [0.6], diverged=[1.6])
    crosses = [trace for trace in learning_rates([bn, none], "").plotly.data if trace.marker.symbol == "x"]
    assert len({trace.y[0] for trace in crosses}) == 2, "one would hide the other"
    assert all(trace.y[0] < 0 for trace in crosses)
    assert "no norm: 50.0 % at 0.1, diverged at 0.4, diverged at 1.6" in figure.alt


@pytest.mark.parametrize(
    "draw",
    [
        lambda: training_loss([]),
        lambda: training_loss([training(epochs=[], loss=[], accuracy=[])]),
        lambda: by_depth([], "?", ""),
        lambda: by_depth([depth(values=[])], "?", ""),
        lambda: by_seed([], "?", "", ""),
        lambda: learning_rates([], ""),
    ],
)
def test_nothing_to_draw_is_a_user_error(draw):
    with pytest.raises(UserError):
        draw()
