"""The sentences about a result of the shift sweep: their numbers, and the case that each of them is about."""

from dataclasses import replace

import pytest

from rnorm_core.experiments import shift_sweep
from rnorm_core.ui.shift import words
from rnorm_core.ui.shift.selection import Selection
from tests.experiments.test_shift_sweep import request_of
from tests.ui.shift.planted import planted


@pytest.mark.parametrize(("usual", "verdict"), [(1, "**more than chance**"), (2, "**no more than chance**")])
def test_the_verdict_is_about_as_many_layers_at_once_as_chance_puts_outside(done, usual, verdict):
    """Two of five are outside, one of them below."""
    selection = Selection(planted(done, [0.2] * 5, [0.2, 0.4, 0.2, 0.05, 0.3], usual=usual), 8, "mean", 0)
    assert selection.by_layer(0).outside.tolist() == [False, True, False, True, False]
    text = words.summary(selection, 0)
    for fact in ("2 of 5 layers", "(clean: 0)", verdict, f"clean batches of 8 at most {usual} "):
        assert fact in text
    both = "both networks have more" if usual == 1 else "neither network has more"
    assert both in words.headline(selection)


def test_nothing_is_said_of_chance_where_it_was_not_counted(done):
    result = planted(done, [0.2] * 5, [0.5] * 5)
    courses = tuple(replace(c, population=replace(c.population, outside={})) for c in result.courses)
    selection = Selection(replace(result, courses=courses), 8, "mean", 0)
    for fact in ("5 of 5 layers", "(clean: 0)", "has not been measured"):
        assert fact in words.summary(selection, 0)
    assert "chance" not in words.headline(selection)
    assert words.headline(selection).startswith("**FGSM at 8/255**: of 8 images ")


def test_a_curve_that_first_falls_is_explained(done):
    selection = Selection(planted(done, [0.4] * 5, [0.1, 0.9, 0.4, 0.3, 0.5]), 8, "mean", 0)
    text = words.fall(selection)
    for fact in ("left from 0.4 to 0.1 at 8/255", "moved the layer by 0.3;", "right from 0.4 to 0.1"):
        assert fact in text
    assert words.fall(replace(selection, layer=1)) == ""
    assert words.fall(replace(selection, layer=2)) == ""


def test_left_against_right(done):
    result = planted(done, [0.2] * 5, [0.2, 0.5, 0.4, 0.3, 0.6])
    equal = words.compared(Selection(result, 8, "mean", 0))
    for fact in ("by 0.2 standard deviations", "by 0.2 on the right", "1.00 times as far"):
        assert fact in equal
    assert equal.endswith("**no clear difference**.")
    left, right = result.courses
    half = [replace(reading, moved={"mean": reading.moved["mean"] / 2}) for reading in left.readings]
    less = words.compared(
        Selection(replace(result, courses=(replace(left, readings=tuple(half)), right)), 8, "mean", 0)
    )
    for fact in ("0.50 times", "interval 0.50 to 0.50", "**the left one moves less**", "Each is a single training"):
        assert fact in less
    assert words.compared(Selection(result, 0, "mean", 0)) == ""
    assert words.compared(Selection(replace(result, courses=(left, left)), 8, "mean", 0)) == ""
    assert "standard deviations" not in words.compared(Selection(done, 8, "log_range", 0))


@pytest.mark.parametrize(
    ("sizes", "chosen", "shown", "stopped", "facts"),
    [
        ((0,), 1, 0, False, ("1/255 is not measured yet", "so far: the clean batch")),
        ((0, 0.25, 1), 8, 1, True, ("clean batch, 0.25/255 and 1/255.", "8/255 is not measured;", "shown: 1/255")),
        ((0, 1), 1, 1, True, ("Kept: the clean batch and 1/255.",)),
        ((0, 1), 0, 0, False, ("same images",)),
    ],
)
def test_what_is_measured_and_shown(sizes, chosen, shown, stopped, facts):
    text = words.kept(sizes, chosen, shown, stopped)
    assert all(fact in text for fact in facts), text
    assert ("Kept" in text) == stopped


def test_nothing_is_said_where_all_is_as_chosen():
    assert words.kept((0, 1), 1, 1, False) == ""


def test_the_sentence_counts_layers_and_images(done):
    selection = Selection(done, 8, "mean", 0)
    text = words.summary(selection, 0)
    places, course = selection.by_layer(0), done.courses[0]
    out = int(((places.adversarial < places.low) | (places.adversarial > places.high)).sum())
    assert text.startswith(f"**BatchNorm**: {out} of 19 layers")
    assert "at most" in text
    assert f"{int(course.at(8).hits.sum())} of 8 images right" in text
    assert "95\N{NO-BREAK SPACE}% interval" in text
    assert "no attack" in words.summary(Selection(done, 0, "mean", 0), 1)
    assert "clean batches of 8 " in words.by_chance(selection)
    assert "lower edge" in words.by_chance(selection)


def test_one_image_is_no_percentage():
    selection = Selection(shift_sweep.run(request_of(count=1, image="af12e124")), 8, "mean", 0)
    text = words.summary(selection, 0)
    assert "ecognised" in text
    assert "images right" not in text
    assert "A single image does not show" in words.compared(selection)
    hits = [bool(course.at(8).hits) for course in selection.result.courses]
    where = {(True, True): "both sides", (True, False): "the left alone", (False, True): "the right alone"}
    assert f"the image is recognised on {where.get(tuple(hits), 'neither side')}." in words.headline(selection)
    assert "single clean images" in words.by_chance(selection)
