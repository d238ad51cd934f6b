"""What figures draw of a result of the shift sweep: the numbers that were measured, in the right place."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rnorm_core import evaluation, shift
from rnorm_core.experiments import shift_sweep
from rnorm_core.figures.shift_channel import distribution
from rnorm_core.ui.shift import words
from rnorm_core.ui.shift.formula import formula
from rnorm_core.ui.shift.selection import Selection, inside_address, most_moved_layer
from tests.ui.shift.planted import planted


def test_two_architectures_meet_at_the_same_number_or_the_last(done):
    course = done.courses[1]
    statistics = replace(course.population.statistics, layers=course.population.statistics.layers[:5])
    short = replace(course, population=replace(course.population, statistics=statistics))
    selection = Selection(replace(done, courses=(done.courses[0], short)), 8, "mean", 12)
    assert (selection.place(0), selection.place(1)) == ("13, block 6 second", "5, block 2 second")


@pytest.mark.parametrize("measure", shift.MEASURES)
def test_what_is_drawn_is_what_was_measured(done, measure):
    selection = Selection(done, 2, measure, 7)
    for i, course in enumerate(done.courses):
        layers, channels = selection.by_layer(i), selection.by_channel(i)
        assert layers.shown[7] == pytest.approx(course.at(2).shift.layers[7].summary(measure))
        assert channels.clean == pytest.approx(course.at(0).shift.layers[7].values(measure).numpy())
        band = course.population.band(course.variant.statistics, 8, course.names[7], measure)
        assert (layers.low[7], layers.high[7]) == (band.summary_low, band.summary_high)
        assert channels.low == pytest.approx(band.low.numpy())
        assert (layers.band_size, layers.n) == (8, 8)
        assert np.nanmax(np.abs(channels.shown)[~selection.silent(i)]) == abs(channels.shown[selection.most_moved(i)])
        growth = selection.growths[i]
        assert growth.values[shift_sweep.GRID.index(2)] == layers.shown[7]
        curve = selection.accuracies[i]
        assert curve.correct == tuple(int(reading.hits.sum()) for reading in course.readings)
        assert (curve.low[0], curve.high[0]) == evaluation.wilson(curve.correct[0], 8)


def test_without_an_attack_only_the_clean_batch_is_drawn(done):
    selection = Selection(done, 0, "mean", 4)
    for i in (0, 1):
        assert selection.by_layer(i).adversarial is None
        assert selection.by_channel(i).adversarial is None
        assert selection.channel_input(i, 1).attacked is None
        assert "attacked" not in distribution(selection.channel_input(i, 1), selection.attack).alt
        assert "attacked" not in formula(selection, i, 1)[1]
        assert "clean batch" in formula(selection, i, 1)[1]


def test_the_inputs_of_a_channel_are_those_that_were_recorded(done):
    selection = Selection(done, 8, "mean", 4)
    for i, course in enumerate(done.courses):
        inputs = selection.channel_input(i, 3)
        assert inputs.population is course.population.statistics.layers[4]
        assert inputs.clean is course.at(0).recorded.layers[4]
        assert inputs.attacked is course.at(8).recorded.layers[4]
        assert inputs.centre == float(inputs.attacked.applied.centre[3])
        assert (inputs.label, inputs.norm) == (course.variant.label, course.variant.norm)
        assert (inputs.layer, inputs.channel, inputs.n) == ("5, block 2 second", 3, 8)


def test_the_same_channel_on_the_page_about_the_inside(done):
    selection = Selection(done, 8, "mean", 4)
    assert inside_address(selection, 1, 3) == {"layer": "5 block 2 second", "channel": "3", "n": 8}
    course = done.courses[1]
    group_norm = replace(course, variant=replace(course.variant, norm="gn"))
    other = Selection(replace(done, courses=(done.courses[0], group_norm)), 8, "mean", 4)
    assert inside_address(other, 1, 3) == {}


def test_the_layer_shown_first_is_the_one_that_grows_most_in_heights_of_its_band(done):
    result = planted(done, [0.2, 0.2, 0.2, 0.2, 0.9], [0.35, 0.2, 0.9, 0.6, 1.0])
    assert most_moved_layer(result, "mean") == 2  # layer 4 is further out, but was so when clean
    wide = torch.tensor([[0.1] * 5, [0.2] * 5, [0.3, 0.3, 5.0, 0.3, 0.3]])  # chance moves layer 2 as far
    courses = []
    for course in result.courses:
        ((key, (channels, _)),) = course.population.bands.items()
        courses.append(replace(course, population=replace(course.population, bands={key: (channels, wide)})))
    assert most_moved_layer(replace(result, courses=tuple(courses)), "mean") == 3
    unknown = [replace(course, population=replace(course.population, bands={})) for course in result.courses]
    assert most_moved_layer(replace(result, courses=tuple(unknown)), "mean") == 2
    short = replace(unknown[1], population=replace(unknown[1].population, statistics=replace(
        unknown[1].population.statistics, layers=unknown[1].population.statistics.layers[:3]
    )), readings=tuple(
        replace(r, shift=replace(r.shift, layers=r.shift.layers[:3])) for r in unknown[1].readings
    ))  # fmt: skip
    assert most_moved_layer(replace(result, courses=(unknown[0], short)), "mean") == 2
    (clean,) = [replace(course, readings=course.readings[:1]) for course in result.courses[:1]]
    assert most_moved_layer(replace(result, courses=(clean, clean)), "mean") == 0


def test_channels_are_drawn_to_one_scale_for_attacks_of_about_the_same_effect(done):
    """The axis holds everything, and is decided by the band but for a power of two."""
    for eps in (0, 0.25, 2, 8):
        selection = Selection(done, eps, "mean", 7)
        low, high = selection.channel_axis
        places = [selection.by_channel(i) for i in (0, 1)]
        band = max(float(np.nanmax(np.abs(end))) for p in places for end in (p.low, p.high))
        rung = np.log2(high / (1.5 * band))
        assert rung == pytest.approx(round(rung), abs=1e-6)
        assert low == -high
        assert all(np.nanmax(np.abs(p.shown)) <= high for p in places)
    assert Selection(done, 8, "wasserstein", 7).channel_axis[0] == 0


def test_where_no_channel_ever_varies_there_is_an_axis_still(done, monkeypatch):
    selection = Selection(done, 8, "mean", 7)
    places = [selection.by_channel(i) for i in (0, 1)]
    flat = [replace(place, low=0 * place.low, high=0 * place.high) for place in places]
    monkeypatch.setattr(Selection, "by_channel", lambda self, i: flat[i])
    low, high = selection.channel_axis
    assert 0 < high == -low


def test_dead_channels_are_passed_over(done):
    """A channel that nothing passes is not the most moved, however far it has moved, and it is named."""
    course = done.courses[0]
    reading = course.at(8)
    layer = reading.recorded.layers[4]
    mean = torch.tensor([0.1] * len(layer.mean))
    mean[2], mean[1], mean[3] = -5.0, 2.0, 3.0
    gamma = torch.ones_like(mean)
    gamma[2] = -0.004
    dead = replace(layer, applied=replace(layer.applied, weight=gamma))
    shifts = replace(reading.shift.layers[4], mean=mean, alive=mean > -9)

    def planted_in(reading):
        layers, found = list(reading.recorded.layers), list(reading.shift.layers)
        layers[4], found[4] = dead, shifts
        return replace(
            reading,
            recorded=replace(reading.recorded, layers=tuple(layers)),
            shift=replace(reading.shift, layers=tuple(found)),
        )

    courses = replace(course, readings=tuple(planted_in(r) for r in course.readings)), done.courses[1]
    selection = Selection(replace(done, courses=courses), 8, "mean", 4)
    assert selection.most_moved(0) == 3
    assert selection.passed_over(0) == [2]
    assert "Passed over: channel 2, " in words.passed_over(selection, 0)
    assert "γ is about 0 here" in formula(selection, 0, 2)[1]
    assert "γ and β, a factor" in formula(selection, 0, 3)[1]
    assert words.passed_over(Selection(done, 8, "mean", 6), 1) == ""
