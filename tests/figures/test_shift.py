from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rnorm_core.errors import UserError
from rnorm_core.figures.accuracy import Curve, accuracy_curve
from rnorm_core.figures.shift import (
    Growth,
    Places,
    mark_eps,
    shift_by_channel,
    shift_by_eps,
    shift_by_layer,
    span,
)
from rnorm_core.figures.shift_channel import ChannelInput, distribution

MEASURE, ATTACK = "shift of the mean (standard deviations)", "PGD (L-inf) at 2/255"


def places(label="BatchNorm, tracked", norm="bn", **changes) -> Places:
    """Four places: inside, above, below the band, and again inside."""
    known = dict(
        label=label, norm=norm, weight_hash="ab12" * 16, n=20, names=["1 stem", "2 x", "3 y", "4 z"],
        clean=np.array([0.1, 0.1, 0.1, 0.5]), adversarial=np.array([0.15, 0.9, -0.7, 0.2]),
        low=np.array([0.0, 0.0, -0.1, 0.0]), high=np.array([0.2, 0.3, 0.3, 0.4]), band_size=20,
    )  # fmt: skip
    return Places(**(known | changes))


def growth(label="BatchNorm, tracked", norm="bn", statistics="tracked", **changes) -> Growth:
    known = dict(eps_255=[0, 0.25, 8], values=[0.1, 0.2, 0.9], low=0.05, high=0.3, weight_hash="")
    return Growth(label, norm, statistics, **(known | changes))


def layer(values: torch.Tensor, edges: torch.Tensor):
    """A recording of channels (C, M), counted between edges (BINS + 1, C), the outer bins open-ended."""
    counts = []
    for row, at in zip(values, edges.T, strict=True):
        index = (torch.bucketize(row, at.contiguous(), right=True) - 1).clamp(0, len(at) - 2)
        counts.append(torch.bincount(index, minlength=len(at) - 1))
    return SimpleNamespace(
        name="stem.norm",
        mean=values.mean(1),
        std=values.std(1, correction=0),
        histogram=torch.stack(counts, 1),
        edges=edges,
    )


EDGES = torch.linspace(-8, 8, 257)[:, None].repeat(1, 2)
NORMAL = torch.randn(2, 20000, generator=torch.Generator().manual_seed(0))
POPULATION, CLEAN, MOVED = layer(NORMAL, EDGES), layer(NORMAL[:, :500], EDGES), layer(2 * NORMAL[:, :500] + 1, EDGES)


def channel_input(**changes) -> ChannelInput:
    known = dict(
        label="RobustNorm, batch", norm="rn", layer="3 block 1, first", channel=1, n=20,
        population=POPULATION, clean=CLEAN, attacked=MOVED,
    )  # fmt: skip
    return ChannelInput(**(known | changes))


def drawn_distribution(**changes):
    return distribution(channel_input(**changes), ATTACK)


def text(figure) -> str:
    return figure.plotly.layout.title.text.replace("<br>", " ").replace("\N{NO-BREAK SPACE}", " ")


ALL = {
    "layers": lambda: shift_by_layer(places(), MEASURE, ATTACK, 1),
    "channels": lambda: shift_by_channel(places(), "3 y", MEASURE, ATTACK, 1),
    "distribution": drawn_distribution,
    "eps": lambda: shift_by_eps([growth()], "3 y", MEASURE, "PGD", 20),
}


@pytest.mark.parametrize("name", ALL)
def test_what_every_figure_has(name):
    figure = ALL[name]()
    layout = figure.plotly.layout
    assert "?" in text(figure)
    assert "20 images" in text(figure)
    assert layout.xaxis.title.text
    assert layout.yaxis.title.text
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert figure.alt.startswith(text(figure).split("?")[0])
    assert len(figure.alt) > 100
    assert figure.plotly.to_json()


def test_outside_the_band_is_counted_on_both_sides():
    assert places().outside.tolist() == [False, True, True, False]
    assert places().clean_outside.tolist() == [False, False, False, True]
    figure = shift_by_layer(places(), MEASURE, ATTACK)
    assert "2 of 4 lie outside" in figure.alt
    assert "most moved: 2 x with 0.900" in figure.alt


def test_layers_are_drawn_in_order_over_their_own_band():
    band, _, clean, attacked = shift_by_layer(places(), MEASURE, ATTACK).plotly.data
    assert list(clean.x) == list(attacked.x) == [1, 2, 3, 4]
    assert list(clean.y) == [0.1, 0.1, 0.1, 0.5]
    assert list(attacked.y) == [0.15, 0.9, -0.7, 0.2]
    corners = list(zip(band.x, band.y, strict=True))
    for k, (low, high) in enumerate(zip(places().low, places().high, strict=True), 1):
        assert {(k - 0.5, low), (k + 0.5, low), (k - 0.5, high), (k + 0.5, high)} <= set(corners)
    assert band.fill == "toself"
    assert band.name == "95 % band"
    assert clean.marker.symbol == "circle-open"
    assert attacked.marker.symbol == "circle"


def test_a_click_finds_the_place_whatever_the_order():
    for by_size, order in ((True, [1, 2, 3, 0]), (False, [0, 1, 2, 3])):
        figure = shift_by_channel(places(), "3 y", MEASURE, ATTACK, 2, by_size=by_size).plotly
        for points in figure.data[2:]:
            assert [point[0] for point in points.customdata] == order
        assert list(figure.data[3].y) == [places().adversarial[k] for k in order]
        (mark,) = figure.layout.shapes  # around the chosen place, wherever it stands
        assert (mark.x0, mark.x1) == (order.index(2) + 0.5, order.index(2) + 1.5)
        assert figure.layout.clickmode == "event+select"
        # a selected point must not make the others pale
        assert all(points.unselected.marker.opacity == 1 for points in figure.data[2:])


def test_both_sides_share_one_axis_that_holds_everything():
    one, other = places(), places(norm="rn", adversarial=np.array([3.0, 0, 0, 0]))
    low, high = span([one, other])
    assert low < -0.7
    assert high > 3
    for side in (one, other):
        assert shift_by_layer(side, MEASURE, ATTACK, axis=(low, high)).plotly.layout.yaxis.range == (low, high)
    assert span([places(adversarial=np.zeros(4), low=np.zeros(4))])[0] == 0  # no room below nothing


def test_one_image_and_another_size_of_band_are_named():
    figure = shift_by_layer(places(n=1, band_size=8), MEASURE, ATTACK)
    assert "n = 1 image<" in text(figure)
    assert "batches of 8 images" in figure.alt
    assert "batches of 1 image lie" in shift_by_layer(places(n=1, band_size=1), MEASURE, ATTACK).alt


def test_what_is_outside_wears_a_ring():
    """Above and below the band, in the order drawn; the same where only the clean batch is there."""
    _, rings, *_ = shift_by_layer(places(), MEASURE, ATTACK).plotly.data
    assert (list(rings.x), list(rings.y)) == ([2, 3], [0.9, -0.7])
    assert (rings.marker.symbol, rings.hoverinfo) == ("circle-open", "skip")
    _, rings, *_ = shift_by_channel(places(), "3 y", MEASURE, ATTACK, by_size=True).plotly.data
    assert (list(rings.x), list(rings.y)) == ([1, 2], [0.9, -0.7])
    _, rings, *_ = shift_by_layer(places(adversarial=None), MEASURE, ATTACK).plotly.data
    assert (list(rings.x), list(rings.y)) == ([4], [0.5])
    inside = places(adversarial=np.array([0.1, 0.1, 0.1, 0.1]))
    _, rings, *_ = shift_by_layer(inside, MEASURE, ATTACK).plotly.data
    assert list(rings.x) == [None]  # explained in the legend all the same


def test_without_an_attack_only_hollow_clean_points_are_drawn():
    for figure in (
        shift_by_layer(places(adversarial=None), MEASURE, "no attack"),
        shift_by_channel(places(adversarial=None), "3 y", MEASURE, "no attack", 1),
        drawn_distribution(attacked=None),
    ):
        assert "attacked" not in {trace.name for trace in figure.plotly.data}
        assert "attacked" not in figure.alt
        drawn = [t for t in figure.plotly.data if t.name == "clean" and "markers" in t.mode]
        assert [t.marker.symbol.endswith("-open") for t in drawn] == [True]
    assert "Clean, 1 of 4 lie outside" in shift_by_layer(places(adversarial=None), MEASURE, "no attack").alt


def test_an_axis_ends_where_it_does_for_every_attack():
    assert span([places()], (-1, 5)) == span([places(adversarial=None)], (-1, 5)) == (-1, 5)
    assert span([places(adversarial=np.array([7.0, 0, 0, 0]))], (0, 5))[1] > 7
    figure = shift_by_eps([growth()], "3 y", MEASURE, "PGD", 20, axis=(0, 5))
    assert figure.plotly.layout.yaxis.range == (0, 5)


def test_places_without_a_shift_are_left_out():
    without = places(adversarial=np.array([0.15, np.nan, -0.7, 0.2]), high=np.array([0.2, 99, 0.3, 0.4]))
    figure = shift_by_channel(without, "3, y", MEASURE, ATTACK, by_size=True)
    assert [point[0] for point in figure.plotly.data[3].customdata] == [2, 3, 0]
    assert "1 that are constant" in figure.alt
    assert "1 of 3 lie outside" in figure.alt
    assert span([without])[1] < 1


def test_nothing_to_draw_is_a_user_error():
    nothing = np.array([])
    empty = places(names=[], clean=nothing, adversarial=nothing, low=nothing, high=nothing)
    for draw in (
        lambda: shift_by_layer(empty, MEASURE, ATTACK),
        lambda: shift_by_eps([], "x", MEASURE, "PGD", 20),
    ):
        with pytest.raises(UserError):
            draw()


def test_a_distribution_is_drawn_in_shares_of_the_same_bins():
    figure = drawn_distribution(centre=0.25).plotly
    curves, marks = figure.data[::2], figure.data[1::2]
    assert len({tuple(curve.x) for curve in curves}) == 1
    assert [curve.name for curve in curves] == ["training set", "clean", "attacked"]
    for curve in curves:
        assert sum(curve.y) == pytest.approx(100, abs=0.5)  # all but what lies in nearly empty bins
    for mark, recorded in zip(marks, (POPULATION, CLEAN, MOVED), strict=True):
        assert mark.x[0] == pytest.approx(float(recorded.mean[1]))
        assert mark.error_x.array[0] == pytest.approx(float(recorded.std[1]))
    assert figure.layout.shapes[0].x0 == 0.25
    # the mean of the bins drawn is that of the values, up to a bin's width
    middles = (np.array(curves[2].x[:-1]) + np.array(curves[2].x[1:])) / 2
    assert (middles * curves[2].y[:-1]).sum() / 100 == pytest.approx(float(MOVED.mean[1]), abs=0.15)
    assert "attacked: mean" in drawn_distribution().alt


def test_distributions_in_other_bins_are_refused():
    other = layer(NORMAL, EDGES * 2)
    with pytest.raises(ValueError, match="different bins"):
        drawn_distribution(clean=other)


def test_shift_over_eps_with_its_band_and_a_line_where_one_looks():
    growths = [growth(), growth("RobustNorm, batch", "rn", "batch", low=0.1, high=0.2)]
    figure = mark_eps(shift_by_eps(growths, "3 y", MEASURE, "PGD", 20), 8).plotly
    assert [list(line.y) for line in figure.data] == [[0.1, 0.2, 0.9]] * 2
    assert list(figure.layout.xaxis.ticktext) == ["0", "0.25", "8"]
    bands, line = figure.layout.shapes[:2], figure.layout.shapes[2]
    assert [(band.y0, band.y1) for band in bands] == [(0.05, 0.3), (0.1, 0.2)]
    assert bands[0].line.dash != bands[1].line.dash  # never colour alone
    assert line.x0 == line.x1 == 2
    assert figure.data[0].marker.symbol != figure.data[1].marker.symbol


def test_the_line_at_eps_fits_accuracy_curves_too():
    curve = Curve("x", "bn", "tracked", [0, 0.5, 8], [9, 5, 0], [10] * 3, [0.6, 0.2, 0], [1, 0.8, 0.3])
    plain = accuracy_curve([curve], "PGD", evenly=True)
    marked = mark_eps(plain, 0.5)
    assert marked.plotly.layout.shapes[-1].x0 == plain.plotly.data[0].x[1]
    assert not plain.plotly.layout.shapes  # the one that was given stays as it was
    assert "0.5/255" in marked.alt
    assert mark_eps(plain, 3) is plain  # not on this axis


def test_drawing_changes_nothing_it_was_given():
    given = places()
    copy = replace(given, adversarial=given.adversarial.copy())
    shift_by_channel(given, "x", MEASURE, ATTACK)
    assert np.array_equal(copy.adversarial, given.adversarial)
