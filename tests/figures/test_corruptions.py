from dataclasses import replace

import numpy as np
import pytest

from rnorm_core.errors import UserError
from rnorm_core.figures import corruptions as figures
from rnorm_core.figures.corruptions import Counts, Layers, Path, Recalibration

MEASURE = "shift of the mean (standard deviations)"
COUNTS = Counts([20, 11, 4], 20, [0.8, 0.3, 0.1], [1.0, 0.8, 0.5])


def layers(**changes) -> Layers:
    """Three places: corrupted above and below the band, attacked inside it everywhere."""
    known = Layers(
        "BatchNorm, tracked", "bn", 20, ["1 stem", "2 x", "3 y"],
        np.array([0.1, 0.1, 0.1]), np.array([0.15, 0.9, -0.7]), np.array([0.12, 0.2, 0.2]),
        np.array([0.0, 0.0, -0.1]), np.array([0.2, 0.3, 0.3]), 20, "Fog, severity 3", "PGD at 1/255",
    )  # fmt: skip
    return replace(known, **changes)


def path(natural: bool, norm="bn", label="BatchNorm, tracked", shifts=(0.1, 0.2, 0.4)) -> Path:
    sizes = ["0", "1", "2"] if natural else ["clean", "1/255", "8/255"]
    return Path(label, norm, "tracked", natural, sizes, COUNTS, shifts)


def condition(kind="corrupted", before=True) -> Recalibration:
    one = Counts([5], 20, [0.1], [0.5])
    return Recalibration(kind, kind, one if before else None, [1, 4, 20], COUNTS)


def repaired(conditions=None, chosen=4):
    conditions = (
        [condition("clean"), condition(), condition("attacked anew", False)] if conditions is None else conditions
    )
    return figures.by_images(conditions, "BatchNorm, tracked", "bn", [1, 2, 4, 20], chosen, "other images")


def text(figure) -> str:
    return figure.plotly.layout.title.text.replace("<br>", " ")


ALL = {
    "layers": lambda: figures.natural_and_adversarial(layers(), MEASURE),
    "severity": lambda: figures.by_severity([path(True)], "Fog"),
    "cost": lambda: figures.cost_of_shift([path(True), path(False)], MEASURE, "Fog", "PGD"),
    "repair": repaired,
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


def test_corruption_and_attack_lie_over_one_band():
    band, clean, corrupted, attacked = figures.natural_and_adversarial(layers(), MEASURE).plotly.data
    assert (band.name, band.fill) == ("95 % band", "toself")
    corners = set(zip(band.x, band.y, strict=True))
    for k, (low, high) in enumerate(zip(layers().low, layers().high, strict=True), 1):
        assert {(k - 0.5, low), (k + 0.5, low), (k - 0.5, high), (k + 0.5, high)} <= corners
    assert [trace.name for trace in (clean, corrupted, attacked)] == ["clean", "Fog, severity 3", "PGD at 1/255"]
    assert list(corrupted.y) == [0.15, 0.9, -0.7]
    assert list(attacked.y) == [0.12, 0.2, 0.2]
    # told apart without colour
    assert len({(trace.marker.symbol, trace.line.dash) for trace in (clean, corrupted, attacked)}) == 3
    assert "ab12" not in text(figures.natural_and_adversarial(layers(), MEASURE))


def test_layers_outside_are_counted_on_both_sides():
    figure = figures.natural_and_adversarial(layers(), MEASURE)
    assert "Fog, severity 3: 2 of 3 layers outside the band, most moved 2 x with 0.900" in figure.alt
    assert "PGD at 1/255: 0 of 3 layers outside" in figure.alt


def test_an_attack_that_is_not_measured_is_not_drawn():
    side = layers(attacked=None)
    figure = figures.natural_and_adversarial(side, MEASURE)
    assert len(figure.plotly.data) == 3
    assert "PGD" not in figure.alt


def test_one_axis_holds_all_that_is_drawn_on_both_sides():
    low, high = figures.common_axis([layers(), layers(attacked=np.array([0.0, 2.0, 0.0]))])
    assert low < -0.7
    assert 2 < high < 2.5
    assert figures.common_axis([layers(corrupted=np.array([0.1, 0.2, 0.3]), low=np.zeros(3))])[0] == 0
    axis = figures.natural_and_adversarial(layers(), MEASURE, (low, high)).plotly.layout.yaxis
    assert list(axis.range) == [low, high]


def test_severity_is_drawn_in_percent_with_intervals():
    one, other = figures.by_severity([path(True), path(True, "rn", "RobustNorm, tracked")], "Fog").plotly.data
    assert list(one.x) == ["0", "1", "2"]
    assert list(one.y) == [100, 55, 20]
    assert list(one.error_y.array) == pytest.approx([0, 25, 30])
    assert list(one.error_y.arrayminus) == pytest.approx([20, 25, 10])
    assert one.line.color != other.line.color
    assert one.marker.symbol != other.marker.symbol
    assert one.customdata[1] == "55.0 % (11 of 20; 95 %: 30.0 to 80.0)"


def test_cost_has_shift_and_accuracy_of_both_kinds_on_the_same_axes():
    figure = figures.cost_of_shift([path(True), path(False)], MEASURE, "Fog", "PGD")
    natural, adversarial = figure.plotly.data
    assert list(natural.x) == list(adversarial.x) == [0.1, 0.2, 0.4]
    assert list(natural.y) == [100, 55, 20]
    assert (natural.marker.symbol, natural.line.dash) == ("x", "dot")
    assert (adversarial.marker.symbol, adversarial.line.dash) == ("circle", "solid")
    assert list(natural.marker.size) == sorted(natural.marker.size)
    assert "BatchNorm, tracked, PGD: 100.0 % at 0.100 (clean), 55.0 % at 0.200 (1/255)" in figure.alt


def test_two_models_of_one_norm_are_told_apart():
    paths = [path(natural, label=label) for natural in (True, False) for label in ("one", "other")]
    drawn = figures.cost_of_shift(paths, MEASURE, "Fog", "PGD").plotly.data
    assert len({(trace.marker.symbol, trace.line.dash) for trace in drawn}) == 4
    drawn = figures.by_severity(paths[:2], "Fog").plotly.data
    assert drawn[0].marker.symbol != drawn[1].marker.symbol


def test_new_statistics_stand_beside_the_trained_ones():
    figure = repaired()
    trained = [trace for trace in figure.plotly.data if trace.showlegend is False]
    curves = [trace for trace in figure.plotly.data if trace.showlegend is not False]
    assert [trace.name for trace in trained] == ["clean", "corrupted"]
    assert [trace.name for trace in curves] == ["clean", "corrupted", "attacked anew"]
    for trace in trained:
        assert list(trace.y) == [25]
        assert abs(trace.x[0]) < 0.2  # the first place of the axis
    for trace in curves:  # m = 1, 4 and 20 are the second, fourth and fifth place
        assert np.round(trace.x).tolist() == [1, 3, 4]
        assert list(trace.y) == [100, 55, 20]
    assert list(figure.plotly.layout.xaxis.ticktext) == ["as<br>trained", "1", "2", "4", "20"]
    assert len({(trace.marker.symbol, trace.line.dash) for trace in curves}) == 3
    (mark,) = figure.plotly.layout.shapes
    assert mark.x0 < 3 < mark.x1
    assert "corrupted: 25.0 % as trained, 100.0 % with 1, 55.0 % with 4, 20.0 % with 20" in figure.alt


def test_nothing_to_draw_is_said():
    for empty in (
        lambda: figures.by_severity([], "Fog"),
        lambda: figures.cost_of_shift([path(True, shifts=())], MEASURE, "Fog", "PGD"),
        lambda: repaired([]),
    ):
        with pytest.raises(UserError):
            empty()
