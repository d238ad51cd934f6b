"""The work behind the page about shifting statistics, on small networks: what is recorded, and what is said of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rnorm_core import attacks, data, evaluation, jobs, probes, shift, zoo
from rnorm_core.ui import shift_formula, shift_story, shift_view, shifting
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.shift_view import View
from rnorm_core.ui.shifting import Course, Plan, Shifted

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


def test_movement_is_from_the_very_same_images_when_clean(done):
    """Read off two recordings by hand; and without one group of images, off recordings that never saw it."""
    batch, n = done.plan.images(), 8
    for course in done.courses:
        assert all(not moved.any() for moved in course.at(0).moved.values())
        unit = course.population.statistics.layers[6].unit
        clean, attacked = (course.at(eps).recorded.layers[6] for eps in (0, 4))
        rms = float(((attacked.mean - clean.mean) / unit).square().mean().sqrt())
        assert course.at(4).moved["mean"].shape == (1 + n, 19)
        assert float(course.at(4).moved["mean"][0, 6]) == pytest.approx(rms, rel=1e-3)
        images = attacks.make("fgsm", 4 / 255).run(course.side.load("cpu"), batch, evaluation.batch_generator(3, 0))
        model, rest = zoo.load(course.side.name, course.side.statistics), [0, 1, 2, 4, 5, 6, 7]
        before, after = (probes.record(model, x, only=rest).layers[6].mean for x in (batch.images, images.adversarial))
        rms = float(((after - before) / unit).square().mean().sqrt())
        assert float(course.at(4).moved["mean"][1 + 3, 6]) == pytest.approx(rms, rel=1e-3)


def test_a_single_image_has_no_groups(small_zoo):
    found = carry_out(plan_of(count=1, image="cat af12e124"))
    assert found.courses[0].at(8).moved["wasserstein"].shape == (1, 19)


def test_only_attacks_that_are_quick_enough_to_watch():
    assert shifting.ATTACKS[0] == "pgd"
    assert {"fgsm", "noise"} < set(shifting.ATTACKS)
    assert not {"square", "apgd", "deepfool", "pgd-l2"} & set(shifting.ATTACKS)


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
    assert partial[:4] == [(0,), (0, 4), (0, 4, 8), (0, 0.25, 4, 8)]  # the largest tells which layer to look into
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
        assert layers.shown[7] == pytest.approx(course.at(2).shift.layers[7].summary(measure))
        assert channels.clean == pytest.approx(course.at(0).shift.layers[7].values(measure).numpy())
        band = course.population.band(course.side.statistics, 8, course.names[7], measure)
        assert (layers.low[7], layers.high[7]) == (band.summary_low, band.summary_high)
        assert channels.low == pytest.approx(band.low.numpy())
        assert (layers.band_size, layers.n) == (8, 8)
        assert np.nanmax(np.abs(channels.shown)[~view.silent(i)]) == abs(channels.shown[view.most_moved(i)])
        growth = view.growths[i]
        assert growth.values[shifting.GRID.index(2)] == layers.shown[7]
        curve = view.accuracies[i]
        assert curve.correct == tuple(int(reading.hits.sum()) for reading in course.readings)
        assert (curve.low[0], curve.high[0]) == evaluation.wilson(curve.correct[0], 8)


def test_without_an_attack_only_the_clean_batch_is_drawn(done):
    view = View(done, 0, "mean", 4)
    for i in (0, 1):
        assert view.by_layer(i).adversarial is None
        assert view.by_channel(i).adversarial is None
        assert "attacked" not in view.distribution(i, 1).alt
        assert "attacked" not in shift_formula.formula(view, i, 1)[1]
        assert "clean batch" in shift_formula.formula(view, i, 1)[1]


# --- planted: what counts as more than chance, which layer tells most, which channel


def planted(done: Shifted, clean: list[float], attacked: list[float], band=(0.1, 0.3), usual: int = 1) -> Shifted:
    """Both models with these shifts of the mean at five layers (at 8/255; at 0.25/255 half way), and this band."""
    names = tuple(f"blocks.{k}.first.norm" for k in range(5))

    def course(of: Course) -> Course:
        layer = of.population.statistics.layers[0]
        channels = len(layer.mean)
        statistics = replace(of.population.statistics, layers=tuple(replace(layer, name=name) for name in names))
        middle, ends = torch.full((3, 5 * channels), 0.2), torch.tensor(band)
        summaries = torch.stack([ends[0], ends.mean(), ends[1]])[:, None].expand(3, 5)
        counts = torch.zeros(6, dtype=torch.int)
        counts[usual] = 100
        key = (of.side.statistics, 8, 8, "mean")
        population = shift.Population(statistics, 1, {}, {key: (middle, summaries)}, {key: counts})
        readings = []
        for eps, values in (
            (0, clean),
            (0.25, [(a + b) / 2 for a, b in zip(clean, attacked, strict=True)]),
            (8, attacked),
        ):
            shifts = [
                replace(of.at(0).shift.layers[0], name=n, mean=torch.full((channels,), v))
                for n, v in zip(names, values, strict=True)
            ]
            moved = {"mean": torch.tensor([[abs(v - c) for v, c in zip(values, clean, strict=True)]]).expand(9, 5)}
            recorded = replace(of.at(0).recorded, layers=statistics.layers)
            readings.append(
                replace(
                    of.at(0),
                    eps_255=eps,
                    recorded=recorded,
                    shift=replace(of.at(0).shift, layers=tuple(shifts)),
                    moved=moved,
                )
            )
        return replace(of, population=population, readings=tuple(readings))

    return replace(done, courses=(course(done.courses[0]), course(done.courses[1])))


@pytest.mark.parametrize(("usual", "verdict"), [(1, "**more than chance**"), (2, "**no more than chance**")])
def test_the_verdict_is_about_as_many_layers_at_once_as_chance_puts_outside(done, usual, verdict):
    """Two of five are outside, one of them below."""
    view = View(planted(done, [0.2] * 5, [0.2, 0.4, 0.2, 0.05, 0.3], usual=usual), 8, "mean", 0)
    assert view.by_layer(0).outside.tolist() == [False, True, False, True, False]
    said = shift_story.happened(view, 0)
    assert (
        f"2 of 5 layers outside the band (clean: 0): {verdict}, for in 95 % of clean batches of 8 at most {usual}"
        in said
    )
    both = "in both networks more" if usual == 1 else "in neither network do more"
    assert both in shift_story.headline(view)


def test_nothing_is_said_of_chance_where_it_was_not_counted(done):
    shifted = planted(done, [0.2] * 5, [0.5] * 5)
    courses = tuple(replace(c, population=replace(c.population, outside={})) for c in shifted.courses)
    view = View(replace(shifted, courses=courses), 8, "mean", 0)
    assert (
        "5 of 5 layers outside the band (clean: 0): how many chance puts there has not been measured."
        in shift_story.happened(view, 0)
    )
    assert "chance" not in shift_story.headline(view)
    assert shift_story.headline(view).startswith("**FGSM at 8/255**: of 8 images ")


def test_the_layer_shown_first_is_the_one_that_grows_most_in_heights_of_its_band(done):
    shifted = planted(done, [0.2, 0.2, 0.2, 0.2, 0.9], [0.35, 0.2, 0.9, 0.6, 1.0])
    assert shift_view.telling_layer(shifted, "mean") == 2  # layer 4 is further out, but was so when clean
    wide = torch.tensor([[0.1] * 5, [0.2] * 5, [0.3, 0.3, 5.0, 0.3, 0.3]])  # chance moves layer 2 as far
    courses = []
    for course in shifted.courses:
        ((key, (channels, _)),) = course.population.bands.items()
        courses.append(replace(course, population=replace(course.population, bands={key: (channels, wide)})))
    assert shift_view.telling_layer(replace(shifted, courses=tuple(courses)), "mean") == 3
    unknown = [replace(course, population=replace(course.population, bands={})) for course in shifted.courses]
    assert shift_view.telling_layer(replace(shifted, courses=tuple(unknown)), "mean") == 2
    short = replace(unknown[1], population=replace(unknown[1].population, statistics=replace(
        unknown[1].population.statistics, layers=unknown[1].population.statistics.layers[:3]
    )), readings=tuple(
        replace(r, shift=replace(r.shift, layers=r.shift.layers[:3])) for r in unknown[1].readings
    ))  # fmt: skip
    assert shift_view.telling_layer(replace(shifted, courses=(unknown[0], short)), "mean") == 2
    (clean,) = [replace(course, readings=course.readings[:1]) for course in shifted.courses[:1]]
    assert shift_view.telling_layer(replace(shifted, courses=(clean, clean)), "mean") == 0


def test_channels_are_drawn_to_one_scale_for_attacks_of_about_the_same_effect(done):
    """The axis holds everything, and is decided by the band but for a power of two."""
    for eps in (0, 0.25, 2, 8):
        view = View(done, eps, "mean", 7)
        low, high = view.channel_axis
        places = [view.by_channel(i) for i in (0, 1)]
        band = max(float(np.nanmax(np.abs(end))) for p in places for end in (p.low, p.high))
        rung = np.log2(high / (1.5 * band))
        assert rung == pytest.approx(round(rung), abs=1e-6)
        assert low == -high
        assert all(np.nanmax(np.abs(p.shown)) <= high for p in places)
    assert View(done, 8, "wasserstein", 7).channel_axis[0] == 0


def test_where_no_channel_ever_varies_there_is_an_axis_still(done, monkeypatch):
    view = View(done, 8, "mean", 7)
    places = [view.by_channel(i) for i in (0, 1)]
    flat = [replace(place, low=0 * place.low, high=0 * place.high) for place in places]
    monkeypatch.setattr(View, "by_channel", lambda self, i: flat[i])
    low, high = view.channel_axis
    assert 0 < high == -low


def test_a_curve_that_first_falls_is_explained(done):
    view = View(planted(done, [0.4] * 5, [0.1, 0.9, 0.4, 0.3, 0.5]), 8, "mean", 0)
    said = shift_story.fell(view)
    assert "on the left from 0.4 to 0.1 at 8/255, although these images have moved the layer by 0.3;" in said
    assert "on the right from 0.4 to 0.1" in said
    assert shift_story.fell(replace(view, layer=1)) == ""
    assert shift_story.fell(replace(view, layer=2)) == ""


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
    view = View(replace(done, courses=courses), 8, "mean", 4)
    assert view.most_moved(0) == 3
    assert view.passed_over(0) == [2]
    assert "Passed over: channel 2, " in shift_story.passed_over(view, 0)
    assert "γ is about 0 here" in shift_formula.formula(view, 0, 2)[1]
    assert "γ and β, a factor" in shift_formula.formula(view, 0, 3)[1]
    assert shift_story.passed_over(View(done, 8, "mean", 6), 1) == ""


def test_left_against_right(done):
    shifted = planted(done, [0.2] * 5, [0.2, 0.5, 0.4, 0.3, 0.6])
    equal = shift_story.compared(View(shifted, 8, "mean", 0))
    assert (
        "moves a layer by 0.2 standard deviations on average on the left and by 0.2 on the right: 1.00 times as far"
        in equal
    )
    assert equal.endswith("**no clear difference**.")
    left, right = shifted.courses
    half = [replace(reading, moved={"mean": reading.moved["mean"] / 2}) for reading in left.readings]
    less = shift_story.compared(
        View(replace(shifted, courses=(replace(left, readings=tuple(half)), right)), 8, "mean", 0)
    )
    assert (
        "0.50 times as far, 95 % interval 0.50 to 0.50 over the choice of images: **the left one moves less**" in less
    )
    assert "Each is a single training" in less
    assert shift_story.compared(View(shifted, 0, "mean", 0)) == ""
    assert shift_story.compared(View(replace(shifted, courses=(left, left)), 8, "mean", 0)) == ""
    assert "standard deviations" not in shift_story.compared(View(done, 8, "log_range", 0))


def test_what_was_kept_is_said():
    kept = shift_story.kept
    assert kept((0,), 1, 0, False) == "1/255 is not measured yet; shown so far: the clean batch."
    assert kept((0, 0.25, 1), 8, 1, True) == (
        "Kept: the clean batch, 0.25/255 and 1/255. 8/255 is not measured; shown: 1/255."
    )
    assert kept((0, 1), 1, 1, True) == "Kept: the clean batch and 1/255."
    assert kept((0, 1), 1, 1, False) == ""
    assert "same images" in kept((0, 1), 0, 0, False)


# --- words


def test_the_sentence_counts_layers_and_images(done):
    view = View(done, 8, "mean", 0)
    said = shift_story.happened(view, 0)
    places, course = view.by_layer(0), done.courses[0]
    out = int(((places.adversarial < places.low) | (places.adversarial > places.high)).sum())
    assert said.startswith(f"**BatchNorm, tracked**: {out} of 19 layers outside the band (clean: ")
    assert "at most" in said
    assert f"{int(course.at(8).hits.sum())} of 8 images right" in said
    assert "95\N{NO-BREAK SPACE}% interval" in said
    assert "no attack" in shift_story.happened(View(done, 0, "mean", 0), 1)
    assert "clean batches of 8 " in shift_story.by_chance(view)
    assert "lower edge" in shift_story.by_chance(view)


def test_one_image_is_no_percentage(small_zoo):
    view = View(carry_out(plan_of(count=1, image="cat af12e124")), 8, "mean", 0)
    said = shift_story.happened(view, 0)
    assert "ecognised" in said
    assert "images right" not in said
    assert "A single image does not show" in shift_story.compared(view)
    hits = [bool(course.at(8).hits) for course in view.shifted.courses]
    where = {(True, True): "both sides", (True, False): "the left alone", (False, True): "the right alone"}
    assert f"the image is recognised on {where.get(tuple(hits), 'neither side')}." in shift_story.headline(view)
    assert "single clean images" in shift_story.by_chance(view)


@pytest.mark.parametrize("i", [0, 1])
def test_the_formula_is_what_the_layer_does(done, i):
    """Read back from the LaTeX and applied to a number, it gives what the layer gives, to the digits shown."""
    view = View(done, 8, "mean", 4)
    latex, words = shift_formula.formula(view, i, 2)
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
    assert f"attacked batch leaves the layer with mean {shift_formula.short(after)} and" in words


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
    view = View(replace(done, courses=courses), 8, "mean", 4)
    words = shift_formula.formula(view, 0, 2)[1]
    assert ("randomly shifted crops of them, with black edges" in words) == said
    assert "crops" not in shift_formula.formula(view, 1, 2)[1]  # the batch's own mean is tracked by nobody


def test_where_no_norm_stands_the_formula_is_the_identity(done):
    course = done.courses[0]
    nothing = [replace(layer, norm="none", applied=None) for layer in course.at(0).recorded.layers]
    readings = tuple(replace(r, recorded=replace(r.recorded, layers=tuple(nothing))) for r in course.readings)
    view = View(replace(done, courses=(replace(course, readings=readings), done.courses[1])), 8, "mean", 4)
    assert shift_formula.formula(view, 0, 0)[0] == "y = x"


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0123456, "0.0123"), (12345.6, "12345.6"), (0.00004, "0.00004"), (0, "0"), (-1e-9, "0"), (1.236, "1.24")],
)
def test_numbers_in_formulas_have_no_powers_of_ten(value, said):
    assert shift_formula.short(value) == said
