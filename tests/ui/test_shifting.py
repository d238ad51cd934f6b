"""The work behind the page about shifting statistics, on small networks: what is recorded, and what is said of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rnorm_core import attacks, data, evaluation, jobs, probes, shift, zoo
from rnorm_core.ui import shift_story, shifting
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.shift_view import View
from rnorm_core.ui.shifting import Plan

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"


def plan_of(**changes) -> Plan:
    sides = Side.of(BN, "tracked"), Side.of(RN, "batch")
    plan = Plan(*sides, "cifar10", False, "samples", 8, None, "fgsm", 3, "cpu")
    return replace(plan, **changes)


def carry_out(plan: Plan, first: float = 1) -> shifting.Shifted:
    return jobs.Jobs().start(plan, shifting.measure(plan, first)).result(100)


@pytest.fixture(scope="module")
def done(_small_zoo):
    """A plan carried out once, for the tests that only look at it."""
    before, zoo.DIRECTORY = zoo.DIRECTORY, _small_zoo
    try:
        yield carry_out(plan_of())
    finally:
        zoo.DIRECTORY = before


def test_every_size_is_recorded_on_the_populations_grid(done):
    assert done.sizes == shifting.GRID
    for course in done.courses:
        for reading in course.readings:
            assert reading.recorded.n == 8
            assert reading.shift.names == course.names
            for layer, of_all in zip(reading.recorded.layers, course.population.statistics.layers, strict=True):
                assert torch.equal(layer.edges, of_all.edges)


def test_size_0_is_the_clean_batch(done):
    batch = done.plan.images()
    for course in done.courses:
        model = zoo.load(course.side.name, course.side.statistics)
        population = course.population.statistics
        clean = shift.compare(probes.record(model, batch.images, grid=population), population)
        for measure in shift.MEASURES:
            for layer, expected in zip(course.at(0).shift.layers, clean.layers, strict=True):
                assert torch.equal(layer.values(measure), expected.values(measure))


def test_hits_and_statistics_are_those_of_the_attack_anybody_can_run(done):
    batch = done.plan.images()
    for course in done.courses:
        model = course.side.load("cpu")
        for eps in (0, 0.5, 8):
            attack = attacks.make("fgsm", eps / 255) if eps else None
            counted = evaluation.accuracy(model, batch, attack, seed=done.plan.seed)
            assert torch.equal(course.at(eps).hits, counted.hits)
        images = attacks.make("fgsm", 8 / 255).run(model, batch, evaluation.batch_generator(3, 0)).adversarial
        recorded = probes.record(zoo.load(course.side.name, course.side.statistics), images)
        for found, expected in zip(course.at(8).recorded.layers, recorded.layers, strict=True):
            assert torch.equal(found.mean, expected.mean)


def test_the_attack_is_made_for_each_model(done):
    """FGSM's sign of the gradient is another one for another network."""
    left, right = (course.at(8).recorded.layers[0].mean for course in done.courses)
    assert not torch.equal(left, right)


def test_partial_results_come_size_by_size_the_one_looked_at_first(small_zoo):
    seen = []

    class Listener:
        def progress(self, fraction, text, partial=None):
            seen.append((fraction, text, partial))

    result = shifting.carry_out(plan_of(attack="noise", count=1, image="cat af12e124"), 4, Listener())
    partial = [shifted.sizes for _, _, shifted in seen if shifted is not None]
    assert partial[:4] == [(0,), (0, 4), (0, 0.25, 4), (0, 0.25, 0.5, 4)]
    assert partial[-1] == result.sizes == shifting.GRID
    fractions = [fraction for fraction, _, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert all(text for _, text, _ in seen)


def test_no_hook_is_left_and_no_model_shared(small_zoo, monkeypatch):
    kept = []
    load = zoo.load
    monkeypatch.setattr(zoo, "load", lambda *args, **options: kept.append(load(*args, **options)) or kept[-1])
    carry_out(plan_of(count=1, image="cat af12e124"))
    assert len(kept) == len({id(model) for model in kept}) == 4
    for model in kept:
        assert not any(module._forward_pre_hooks or module._forward_hooks for module in model.modules())


def test_images_are_those_of_the_seed_or_the_one_named(small_zoo):
    samples = data.samples("cifar10")
    everything = plan_of(count=20).images()
    assert set(everything.ids) == set(samples.ids)
    assert plan_of(count=8).images().ids == everything.ids[:8]
    assert plan_of(count=8, seed=4).images().ids != everything.ids[:8]
    one = plan_of(count=1, image="ship 200143cf").images()
    assert (len(one), one.ids[0][:8]) == (1, "200143cf")


def test_two_architectures_meet_at_the_same_number_or_the_last(done):
    course = done.courses[1]
    statistics = replace(course.population.statistics, layers=course.population.statistics.layers[:5])
    short = replace(course, population=replace(course.population, statistics=statistics))
    view = View(replace(done, courses=(done.courses[0], short)), 8, "mean", 12)
    assert (view.place(0), view.place(1)) == ("13, block 6 second", "5, block 2 second")


def test_names_for_people():
    assert shifting.nice("stem.norm") == "stem"
    assert shifting.nice("blocks.0.first.norm") == "block 1 first"
    assert shifting.nice("features.3.norm") == "part 4"


@pytest.mark.parametrize("measure", shift.MEASURES)
def test_what_is_drawn_is_what_was_measured(done, measure):
    view = View(done, 2, measure, 7)
    for i, course in enumerate(done.courses):
        layers, channels = view.by_layer(i), view.by_channel(i)
        assert layers.adversarial[7] == pytest.approx(course.at(2).shift.layers[7].summary(measure))
        assert channels.clean == pytest.approx(course.at(0).shift.layers[7].values(measure).numpy())
        band = course.population.band(course.side.statistics, 8, course.names[7], measure)
        assert (layers.low[7], layers.high[7]) == (band.summary_low, band.summary_high)
        assert channels.low == pytest.approx(band.low.numpy())
        assert (layers.band_size, layers.n) == (8, 8)
        assert np.abs(channels.adversarial).max() == abs(channels.adversarial[view.most_moved(i)])
        growth = view.growths[i]
        assert growth.values[shifting.GRID.index(2)] == layers.adversarial[7]
        curve = view.accuracies[i]
        assert curve.correct == tuple(int(reading.hits.sum()) for reading in course.readings)
        assert (curve.low[0], curve.high[0]) == evaluation.wilson(curve.correct[0], 8)


# --- words


def test_the_sentence_counts_layers_and_images(done):
    view = View(done, 8, "mean", 0)
    said = shift_story.happened(view, 0)
    places, course = view.by_layer(0), done.courses[0]
    out = int(((places.adversarial < places.low) | (places.adversarial > places.high)).sum())
    assert said.startswith(f"**BatchNorm, tracked**: {out} of 19 layers outside the band (clean: ")
    assert f"{int(course.at(8).hits.sum())} of 8 images right" in said
    assert "95\N{NO-BREAK SPACE}% interval" in said
    assert "no attack" in shift_story.happened(View(done, 0, "mean", 0), 1)
    assert "clean batches of 8 " in shift_story.by_chance(view)
    assert "about 1 of 19" in shift_story.by_chance(view)


def test_one_image_is_no_percentage(small_zoo):
    view = View(carry_out(plan_of(count=1, image="cat af12e124")), 8, "mean", 0)
    said = shift_story.happened(view, 0)
    assert "recognised" in said
    assert "%" not in said
    assert "single clean images" in shift_story.by_chance(view)


@pytest.mark.parametrize("i", [0, 1])
def test_the_formula_is_what_the_layer_does(done, i):
    """Read back from the LaTeX and applied to a number, it gives what the layer gives, to the digits shown."""
    view = View(done, 8, "mean", 4)
    latex, words = shift_story.formula(view, i, 2)
    layer = view.attacked(i).recorded.layers[4]
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
    assert f"mean {after:.2f}" in words


def test_where_no_norm_stands_the_formula_is_the_identity(done):
    course = done.courses[0]
    nothing = [replace(layer, norm="none", applied=None) for layer in course.at(0).recorded.layers]
    readings = tuple(replace(r, recorded=replace(r.recorded, layers=tuple(nothing))) for r in course.readings)
    view = View(replace(done, courses=(replace(course, readings=readings), done.courses[1])), 8, "mean", 4)
    assert shift_story.formula(view, 0, 0)[0] == "y = x"


@pytest.mark.parametrize(
    ("value", "said"), [(0.0123456, "0.0123"), (12345.6, "12345.6"), (0.00004, "0.00004"), (0, "0")]
)
def test_numbers_in_formulas_have_no_powers_of_ten(value, said):
    assert shift_story._n(value) == said
