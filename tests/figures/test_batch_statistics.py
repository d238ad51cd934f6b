"""Figures about batch statistics: they show what was measured, and never by colour alone."""

import json
import math

import pytest
import torch

from rnorm_core import evaluation
from rnorm_core.data import CLASSES
from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure.batches import NeighbourDraws
from rnorm_core.evaluation.measure.matrix import Matrix
from rnorm_core.evaluation.measure.patching import Patching
from rnorm_core.figures.batch_statistics import (
    Dot,
    Line,
    accuracy_by_batches,
    accuracy_by_share,
    accuracy_by_size,
    accuracy_dots,
    distance_by_batches,
    neighbours,
    patched_layers,
    transfer_heatmap,
    with_interval,
)
from rnorm_core.zoo import Variant


def accuracy(correct: int, n: int = 20) -> evaluation.Accuracy:
    hits = torch.arange(n) < correct
    return evaluation.Accuracy(correct, n, *evaluation.wilson(correct, n), hits)


def plotly(figure) -> dict:
    return json.loads(figure.plotly.to_json())


def traces(figure) -> dict[str, dict]:
    return {trace["name"].replace("<br>", " "): trace for trace in plotly(figure)["data"]}


def a_matrix() -> Matrix:
    variants = tuple(Variant("m", mode, "f" * 64) for mode in ("tracked", "batch"))
    cells = tuple(tuple(accuracy(c) for c in row) for row in ((1, 2), (3, 4)))
    clean, noise = (tuple(accuracy(c) for c in row) for row in ((19, 18), (17, 16)))
    return Matrix(variants, variants, cells, clean, noise, {}, {}, 20, 0, tuple(map(str, range(20))))


def test_the_matrix_writes_every_number_into_its_cell():
    figure = transfer_heatmap(a_matrix(), ["tracked", "batch"], ["tracked", "batch"], "PGD, 1/255")
    (heat,), layout = plotly(figure)["data"], plotly(figure)["layout"]
    assert heat["z"] == [[95, 90], [85, 80], [5, 10], [15, 20]]
    for row, line in zip(heat["z"], heat["text"], strict=True):
        for value, text in zip(row, line, strict=True):
            assert f"{value:.1f} %" in text
    low, high = evaluation.wilson(3, 20)
    assert f"{100 * low:.0f} to {100 * high:.0f}" in heat["text"][3][0]
    framed = [((s["x0"] + s["x1"]) / 2, (s["y0"] + s["y1"]) / 2) for s in layout["shapes"]]
    assert framed == [(0, 2), (1, 3)]  # the diagonal, under clean images and noise
    assert "n = 20" in layout["title"]["text"]
    assert "crafted: batch: tracked 15.0 % (3 of 20" in figure.alt


def test_other_networks_are_not_framed():
    found = a_matrix()
    other = Matrix(found.crafters, (Variant("x", "tracked", ""),), ((accuracy(1),), (accuracy(2),)),
                   (accuracy(3),), (accuracy(4),), {}, {}, 20, 0, found.ids)  # fmt: skip
    figure = transfer_heatmap(other, ["a", "b"], ["x"], "PGD")
    assert "shapes" not in plotly(figure)["layout"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda lines: accuracy_by_size(lines, "PGD, 1/255"),
        lambda lines: accuracy_by_share(lines, "PGD, 1/255", 20),
        lambda lines: accuracy_by_batches(lines, "PGD, 1/255", 20),
    ],
)
def test_lines_have_intervals_levels_and_marks_of_their_own(draw):
    sizes = (1, 2, 20)
    lines = [
        Line(
            "BN clean", "bn", "batch", sizes, [accuracy(c) for c in (2, 9, 18)], True, accuracy(19), "BN tracked, clean"
        ),
        Line("BN attacked", "bn", "batch", sizes, [accuracy(c) for c in (0, 1, 9)]),
        Line("other BN attacked", "bn", "batch", sizes, [accuracy(c) for c in (0, 1, 9)]),
    ]
    figure = draw(lines)
    drawn = traces(figure)
    clean = drawn["BN clean"]
    assert (clean["x"], clean["y"]) == ([1, 2, 20], [10, 45, 90])
    low, high = evaluation.wilson(9, 20)
    assert clean["error_y"]["array"][1] == pytest.approx(100 * high - 45)
    assert clean["error_y"]["arrayminus"][1] == pytest.approx(45 - 100 * low)
    assert drawn["BN tracked, clean"]["y"] == [95, 95]
    assert len({drawn[line.label]["marker"]["symbol"] for line in lines}) == 3
    assert plotly(figure)["layout"]["xaxis"]["tickvals"] == [1, 2, 20]
    assert f"BN attacked: {with_interval(accuracy(0))} at 1" in figure.alt
    assert f"BN tracked, clean {with_interval(accuracy(19))}" in figure.alt
    with pytest.raises(UserError):
        draw([])


def test_distances():
    figure = distance_by_batches(
        (1, 4), [("means from the moving average", [0.5, 0.25]), ("means from 4 batches", [0.1, 0])], "BN", "bn", 128
    )
    drawn = traces(figure)
    assert drawn["means from 4 batches"]["y"] == [0.1, 0]
    assert len({trace["line"]["dash"] for trace in drawn.values()}) == 2
    assert "0.2500 at 4" in figure.alt


def test_compositions():
    dots = [
        Dot("mixed", "BN", "bn", accuracy(18), clean=True),
        Dot("one class", "BN", "bn", accuracy(6), clean=True),
        Dot("mixed", "BN", "bn", accuracy(9)),
    ]
    figure = accuracy_dots(dots, "Do classes have to be mixed?", "batches of 2")
    drawn = traces(figure)
    assert (drawn["BN, clean"]["x"], drawn["BN, clean"]["y"]) == ([90, 30], [0, 1])
    assert drawn["BN"]["x"] == [45]
    assert drawn["BN"]["marker"]["symbol"] != drawn["BN, clean"]["marker"]["symbol"]
    assert f"one class, BN (clean): {with_interval(accuracy(6))}" in figure.alt
    with pytest.raises(UserError):
        accuracy_dots([], "a", "b")


def test_neighbours():
    rows = torch.tensor([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]])
    found = NeighbourDraws(rows, ((), (), ()), "id", 0, ("cat", "dog"), "m", "batch", "", 8, 0)
    figure = neighbours(found, "BN, batch", "bn")
    drawn = traces(figure)
    assert drawn["mean over the draws"]["x"] == pytest.approx([50, 50])
    assert drawn["one draw of neighbours"]["x"] == pytest.approx([70, 20, 60, 30, 80, 40])
    assert drawn["one draw of neighbours"]["y"] == [0, 0, 0, 1, 1, 1]
    assert "cat wins in 2 of 3, dog wins in 1 of 3" in figure.alt
    assert "among 7 others" in figure.alt


def test_of_a_hundred_classes_only_those_that_matter_are_drawn():
    rows = torch.full((3, 100), 0.001)
    rows[0, 7], rows[1, 42], rows[2, 7], rows[:, 50] = 0.7, 0.8, 0.6, 0.1
    found = NeighbourDraws(rows, ((), (), ()), "id", 99, CLASSES["cifar100"], "m", "batch", "", 8, 0)
    figure = neighbours(found, "BN, batch", "bn")
    names = plotly(figure)["layout"]["yaxis"]["ticktext"]
    assert len(names) == 10
    assert names[:3] == ["leopard", "beetle", "mouse"]
    assert "<b>worm (true)</b>" in names
    assert len(traces(figure)["one draw of neighbours"]["x"]) == 30
    assert "beetle wins in 2 of 3, leopard wins in 1 of 3" in figure.alt
    assert "leopard varies most, 0.1 to 80.0 %" in figure.alt


@pytest.mark.parametrize("experiment", ["restore", "spoil", "repair"])
def test_patched_layers(experiment):
    clean, attacked = accuracy(18), accuracy(4)
    found = Patching(
        experiment, ("a", "b"), clean, attacked, (accuracy(6), accuracy(16)), (accuracy(6), accuracy(11))
    )  # fmt: skip
    figure = patched_layers(found, "BN, batch", "bn", "PGD, 1/255")
    drawn = traces(figure)
    assert drawn["this layer alone"]["y"] == [30, 80]
    assert drawn["all layers up to this one"]["y"] == pytest.approx([30, 55])
    assert (drawn["clean, unpatched"]["y"][0], drawn["attacked, unpatched"]["y"][0]) == (90, 20)
    assert drawn["clean, unpatched"]["line"]["dash"] != drawn["attacked, unpatched"]["line"]["dash"]
    assert "50 % of the damage (95 %:" in figure.alt
    assert f"{'a' if experiment == 'spoil' else 'b'} matters most" in figure.alt


def test_without_damage_the_picture_says_so():
    found = Patching("restore", ("a",), accuracy(5), accuracy(5), (accuracy(5),), (accuracy(5),))
    assert math.isnan(found.part.value)
    assert "did no damage" in patched_layers(found, "BN", "bn", "PGD").alt
