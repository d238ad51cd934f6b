from types import SimpleNamespace

import pytest
import torch

from rnorm_core.errors import UserError
from rnorm_core.figures.accuracy import Agreement, Curve, accuracy_curve, agreement
from rnorm_core.figures.trace import TracedModel, confidence_by_step

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
EPS = [0, 0.25, 1, 8]


def curve(label="BatchNorm, tracked", norm="bn", statistics="tracked", correct=(900, 500, 100, 0), n=1000, **changes):
    low, high = [max(0, k / n - 0.03) for k in correct], [min(1, k / n + 0.02) for k in correct]
    return Curve(
        label,
        norm,
        statistics,
        **({"eps_255": EPS, "correct": correct, "n": [n] * 4, "low": low, "high": high} | changes),
    )


def trace(true=3, steps=4, images=2):
    """Image 1: class `true` falls from 0.8 to 0, dog (5) rises to 1. Image 0 is something else."""
    probabilities = torch.full((steps + 1, images, 10), 0.1, dtype=torch.float64)
    for t in range(steps + 1):
        probabilities[t, -1] = 0
        probabilities[t, -1, true] = 0.8 * (1 - t / steps)
        probabilities[t, -1, 5] = 1 - 0.8 * (1 - t / steps)
    sizes = torch.arange(steps + 1).double()[:, None].repeat(1, images) / 255
    return SimpleNamespace(probabilities=probabilities, labels=torch.full((images,), true), sizes=sizes)


def title(figure):
    return figure.plotly.layout.title.text


def text(figure):
    return title(figure).replace("<br>", " ")


ALL = {
    "accuracy": lambda: accuracy_curve([curve(), curve("RobustNorm, batch", "rn", "batch")], "PGD-20"),
    "marked": lambda: accuracy_curve([curve()], marks=True),
    "agreement": lambda: agreement(
        [Agreement("all images", 5, 3, 2, 0)], ("BatchNorm", "bn"), ("RobustNorm", "rn"), "PGD at 1/255"
    ),
    "confidence": lambda: confidence_by_step([TracedModel("BatchNorm", "bn", trace())], 1, CLASSES),
}


@pytest.mark.parametrize("name", ALL)
def test_what_every_figure_has(name):
    figure = ALL[name]()
    layout = figure.plotly.layout
    assert "?" in text(figure)
    assert layout.xaxis.title.text
    assert name == "agreement" or layout.yaxis.title.text  # there the bars' names say it
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert layout.title.font.color is None  # the theme's to choose
    assert figure.alt.startswith(text(figure).split("?")[0])
    assert len(figure.alt) > 60
    assert figure.plotly.to_json()  # numbers and text only


def test_accuracy_curve_draws_the_numbers_it_was_given():
    figure = accuracy_curve([curve(), curve("RobustNorm, batch", "rn", "batch")], "PGD-20 (L-inf)")
    line = figure.plotly.data[0]
    assert list(line.x) == EPS
    assert list(line.y) == pytest.approx([90, 50, 10, 0])
    assert list(line.error_y.array) == pytest.approx([2, 2, 2, 2])
    assert list(line.error_y.arrayminus) == pytest.approx([3, 3, 3, 0])
    assert "k/255" in figure.plotly.layout.xaxis.title.text
    assert "%" in figure.plotly.layout.yaxis.title.text
    for said in ("PGD-20 (L-inf)", "n = 1,000", "95 % interval"):
        assert said in text(figure)
    assert "BatchNorm, tracked: 90.0 % at 0/255, 50.0 % at 0.25/255" in figure.alt


def test_curves_differ_in_more_than_colour():
    same = [curve("a"), curve("b"), curve("c", statistics="batch"), curve("d", "rn")]
    lines = accuracy_curve(same).plotly.data
    assert [line.line.color for line in lines] == ["#0072B2"] * 3 + ["#D55E00"]
    assert len({(line.marker.symbol, line.line.dash) for line in lines}) == 4
    assert lines[2].line.dash != lines[0].line.dash


def test_evenly_spaced_sizes_are_ordered_and_say_so():
    half = curve("b", eps_255=[0, 0.5, 2, 8])
    figure = accuracy_curve([curve(), half], evenly=True)
    axis = figure.plotly.layout.xaxis
    assert list(axis.ticktext) == ["0", "0.25", "0.5", "1", "2", "8"]
    assert list(axis.tickvals) == [0, 1, 2, 3, 4, 5]
    assert list(figure.plotly.data[1].x) == [0, 2, 4, 5]
    assert "not to scale" in axis.title.text


@pytest.mark.parametrize("evenly", [False, True])
def test_the_paper_s_range_and_units_are_where_they_belong(evenly):
    """0.004 and 0.03 of pixels divided by 0.2 are 0.204 and 1.53 grey levels."""
    figure = accuracy_curve([curve()], evenly=evenly, marks=True)
    shade, line = figure.plotly.layout.shapes
    low, high, one = (1 - 0.046 / 0.25, 2 + 0.53 / 7, 2) if evenly else (0.204, 1.53, 1)
    assert (shade.x0, shade.x1, line.x0) == pytest.approx((low, high, one))
    above = figure.plotly.layout.xaxis2
    assert above.side == "top"
    assert above.range == figure.plotly.layout.xaxis.range
    named = dict(zip(figure.plotly.layout.xaxis.ticktext, above.ticktext, strict=True))
    assert named["1"] == ".020"  # 1 / 255 / 0.2
    assert named["8"] == ".157"
    said = [trace.name for trace in figure.plotly.data]
    assert said[1:] == ["shaded: the paper's range, 0.2/255 to 1.5/255", "dotted: one grey level, 1/255"]
    assert "0.2/255 to 1.5/255" in figure.alt


def test_what_was_measured_here_has_open_markers_of_its_own_n():
    figure = accuracy_curve([curve(), curve("measured here", n=20, correct=(18, 10, 2, 0), here=True)])
    shipped, here = figure.plotly.data
    assert (shipped.marker.symbol, shipped.mode) == ("circle", "lines+markers")
    assert (here.marker.symbol, here.mode) == ("circle-open", "markers")
    assert here.customdata[1][:2] == [10, 20]
    assert "n = 20 to 1,000" in text(figure)


def test_agreement_draws_shares_and_says_counts():
    row = Agreement("all images", both=50, left_only=30, right_only=10, neither=110)
    figure = agreement([row], ("BatchNorm, tracked", "bn"), ("BatchNorm, batch", "bn"), "PGD at 1/255")
    assert [list(bar.x) for bar in figure.plotly.data] == [[25], [15], [5], [55]]
    assert [bar.text[0] for bar in figure.plotly.data] == ["50", "30", "", "110"]
    only = figure.plotly.data[1:3]
    assert only[0].marker.color != only[1].marker.color  # told apart where both sides are of one norm
    assert only[1].marker.line.width
    assert "all images, n = 200: right under both 50, only BatchNorm, tracked 30" in figure.alt
    with pytest.raises(UserError):
        agreement([], ("a", "bn"), ("b", "rn"), "clean")


def test_unequal_n_is_said_as_a_span():
    figure = accuracy_curve([curve(), curve("b", n=10000)])
    assert "n = 1,000 to 10,000" in text(figure)


def test_nothing_to_draw_is_a_user_error():
    empty = Curve("x", "bn", "tracked", [], [], [], [], [])
    for draw in (
        lambda: accuracy_curve([]),
        lambda: accuracy_curve([curve(), empty]),
        lambda: confidence_by_step([], 0, CLASSES),
    ):
        with pytest.raises(UserError):
            draw()


def test_lists_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="BatchNorm, tracked"):
        curve(n=1000, eps_255=[0, 1])


def test_confidence_by_step_is_the_traces():
    sides = [TracedModel("BatchNorm, tracked", "bn", trace()), TracedModel("BatchNorm, batch", "bn", trace(true=5))]
    figure = confidence_by_step(sides, 1, CLASSES)
    true, winner, true_right, winner_right = figure.plotly.data
    assert list(true.x) == [0, 1, 2, 3, 4]
    assert list(true.y) == pytest.approx([80, 60, 40, 20, 0])
    assert list(winner.y) == pytest.approx([80, 60, 60, 80, 100])
    assert list(winner.customdata) == ["cat", "cat", "dog", "dog", "dog"]
    assert (true.line.dash, winner.line.dash) == ("solid", "dot")
    assert len({line.marker.symbol for line in figure.plotly.data}) == 4
    assert "cat goes from 80.0 % to 0 %; dog wins at step 2, dog at the end with 100 %" in figure.alt
    assert true_right.name == "BatchNorm, batch: dog (true)"
    assert list(winner_right.y) == list(true_right.y) == pytest.approx([20, 40, 60, 80, 100])
    assert "BatchNorm, batch: dog goes from 20.0 % to 100 %; no other class ever wins" in figure.alt


def test_of_thousands_of_steps_some_are_drawn_and_the_turn_among_them():
    sides = [TracedModel("BatchNorm", "bn", trace(steps=5000))]
    true, winner = confidence_by_step(sides, 1, CLASSES).plotly.data
    assert 150 < len(true.x) == len(true.y) < 300
    assert (true.x[0], true.x[-1], true.y[0], true.y[-1]) == (0, 5000, pytest.approx(80), 0)
    for x, y in zip(true.x, true.y, strict=True):
        assert y == pytest.approx(80 * (1 - x / 5000))
    turn = next(x for x, k in zip(winner.x, winner.customdata, strict=True) if k == "dog")
    assert turn == 1876, "0.8 (1 - t / 5000) falls below one half after 1875 steps"


def test_one_image_one_step():
    figure = confidence_by_step([TracedModel("x", "none", trace(steps=1, images=1))], 0, CLASSES)
    assert list(figure.plotly.data[0].y) == pytest.approx([80, 0])


def test_drawing_changes_nothing_it_was_given():
    given = trace()
    before = given.probabilities.clone()
    confidence_by_step([TracedModel("x", "bn", given)], 1, CLASSES)
    assert torch.equal(given.probabilities, before)
