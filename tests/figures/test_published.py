"""What others have published: which numbers, beside which curves, and how they are told apart from ours."""

import pytest

from rnorm_core.evaluation.published import RESNET18, RESNET20, comparable
from rnorm_core.figures.accuracy import Curve, accuracy_curve
from rnorm_core.figures.published import caption, sources
from rnorm_core.zoo import Variant

BEGIN = "hatched: published by others"


def curve(*eps: float) -> Curve:
    correct, n, low, high = ([value] * len(eps) for value in (50, 100, 0.4, 0.6))
    return Curve("BatchNorm, adversarial", "bn", "tracked", eps, correct, n, low, high)


def hatched(figure):
    found = [t for t in figure.plotly.data if t.name and t.name.replace("<br>", " ").startswith(BEGIN)]
    return found[0] if found else None


def test_the_numbers_are_cited():
    assert [f"{100 * one.accuracy:.2f}" for one in RESNET18] == ["43.21", "43.93", "51.06", "52.48", "54.43", "56.66"]
    assert len({one.source for one in (*RESNET18, RESNET20)}) == 7
    text = sources(RESNET18)
    for one in (*RESNET18, RESNET20):
        assert f"[{one.short}]({one.source})" in text
    assert text.count("million generated images") == 2


@pytest.mark.parametrize("evenly", [False, True])
def test_the_band_is_at_its_size_and_looks_like_no_curve(evenly):
    figure = accuracy_curve([curve(0, 1, 2, 8)], evenly=evenly, published=RESNET18)
    band = hatched(figure)
    at = 3 if evenly else 8
    assert min(band.x) < at < max(band.x)
    assert max(band.x) <= figure.plotly.layout.xaxis.range[1]
    assert (min(band.y), max(band.y)) == pytest.approx((43.21, 56.66))
    assert band.fillpattern.shape == "/"
    assert band.fillcolor == band.line.color == "#999999"
    assert "not measured by this project" in figure.alt
    for one in RESNET18:
        assert one.short in figure.alt


def test_there_is_no_band_where_the_axis_does_not_reach_or_nobody_asked():
    assert hatched(accuracy_curve([curve(0, 1, 2)], published=RESNET18)) is None
    figure = accuracy_curve([curve(0, 8)])
    assert hatched(figure) is None
    assert "others" not in figure.alt


def test_the_reason_stands_only_where_ours_lie_below(make_card):
    ours = make_card("bn", "adv")
    below = caption(RESNET18, [(ours, 0.37), (ours, 0.2)])
    assert "keep 43.2 to 56.7 % at 8/255 under AutoAttack" in below
    assert "0.27 million parameters and not 11 million" in below
    assert "15 epochs" in below
    assert "Ours" not in caption(RESNET18, [(ours, 0.37), (ours, 0.45)])


def test_only_training_on_attacked_images_is_comparable():
    bn, adversarial, dual = (Variant.of(f"cifar10-resnet20-{name}") for name in ("bn", "bn-adv", "dualbn-adv"))
    branch = dual.in_mode("adversarial-branch")
    assert comparable([bn, adversarial, adversarial.in_mode("batch"), dual, branch]) == (
        adversarial, adversarial.in_mode("batch"), branch,
    )  # fmt: skip
