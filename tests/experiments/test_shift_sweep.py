"""The shift sweep on small networks: what it records, in which order, and that it agrees with its parts."""

from dataclasses import replace

import pytest
import torch

from rnorm_core import attacks, data, evaluation, probes, shift, zoo
from rnorm_core.data import ImageChoice
from rnorm_core.experiments import shift_reference, shift_sweep
from rnorm_core.experiments.shift_sweep import Request, Result, run
from rnorm_core.zoo import Variant

pytestmark = pytest.mark.usefixtures("small_zoo")
BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"
CAT = "af12e124"


def request_of(count: int = 8, seed: int = 3, image: str = "", **changes) -> Request:
    images = ImageChoice("cifar10", False, "samples", count, seed, image)
    return replace(Request(Variant.of(BN, "tracked"), Variant.of(RN, "batch"), images, "fgsm", "cpu"), **changes)


@pytest.fixture(scope="module")
def done(_small_zoo) -> Result:
    """One result for the tests that only read it."""
    before, zoo.DIRECTORY = zoo.DIRECTORY, _small_zoo
    try:
        return run(request_of())
    finally:
        zoo.DIRECTORY = before


def test_every_size_is_recorded_on_the_populations_grid(done):
    assert done.sizes == shift_sweep.GRID
    for course in done.courses:
        for reading in course.readings:
            assert reading.recorded.n == 8
            assert reading.shift.names == course.names
            for layer, of_all in zip(reading.recorded.layers, course.population.statistics.layers, strict=True):
                assert torch.equal(layer.edges, of_all.edges)


def test_size_0_is_the_clean_batch(done):
    batch = done.batch
    for course in done.courses:
        model = zoo.load(course.variant.model, course.variant.statistics)
        population = course.population.statistics
        clean = shift.compare(probes.record(model, batch.images, grid=population), population)
        for measure in shift.MEASURES:
            for layer, expected in zip(course.at(0).shift.layers, clean.layers, strict=True):
                assert torch.equal(layer.values(measure), expected.values(measure))


def test_hits_and_statistics_are_those_of_the_attack_anybody_can_run(done):
    batch = done.batch
    for course in done.courses:
        model = course.variant.load("cpu")
        for eps in (0, 0.5, 8):
            attack = attacks.make("fgsm", eps / 255) if eps else None
            counted = evaluation.accuracy(model, batch, attack, seed=done.request.images.seed)
            assert torch.equal(course.at(eps).hits, counted.hits)
        images = attacks.make("fgsm", 8 / 255).run(model, batch, evaluation.batch_generator(3, 0)).adversarial
        recorded = probes.record(zoo.load(course.variant.model, course.variant.statistics), images)
        for found, expected in zip(course.at(8).recorded.layers, recorded.layers, strict=True):
            assert torch.equal(found.mean, expected.mean)


def test_movement_is_from_the_very_same_images_when_clean(done):
    """Read off two recordings by hand; and without one group of images, off recordings that never saw it."""
    batch, n = done.batch, 8
    for course in done.courses:
        assert all(not moved.any() for moved in course.at(0).moved.values())
        unit = course.population.statistics.layers[6].unit
        clean, attacked = (course.at(eps).recorded.layers[6] for eps in (0, 4))
        rms = float(((attacked.mean - clean.mean) / unit).square().mean().sqrt())
        assert course.at(4).moved["mean"].shape == (1 + n, 19)
        assert float(course.at(4).moved["mean"][0, 6]) == pytest.approx(rms, rel=1e-3)
        images = attacks.make("fgsm", 4 / 255).run(course.variant.load("cpu"), batch, evaluation.batch_generator(3, 0))
        model, rest = zoo.load(course.variant.model, course.variant.statistics), [0, 1, 2, 4, 5, 6, 7]
        before, after = (probes.record(model, x, only=rest).layers[6].mean for x in (batch.images, images.adversarial))
        rms = float(((after - before) / unit).square().mean().sqrt())
        assert float(course.at(4).moved["mean"][1 + 3, 6]) == pytest.approx(rms, rel=1e-3)


def test_a_single_image_has_no_groups():
    found = run(request_of(count=1, image=CAT))
    assert found.courses[0].at(8).moved["wasserstein"].shape == (1, 19)


def test_only_attacks_that_are_quick_enough_to_watch():
    assert shift_sweep.ATTACKS[0] == "pgd"
    assert {"fgsm", "noise"} < set(shift_sweep.ATTACKS)
    assert not {"square", "apgd", "deepfool", "pgd-l2"} & set(shift_sweep.ATTACKS)


def test_the_attack_is_made_for_each_model(done):
    """FGSM's sign of the gradient is another one for another network."""
    left, right = (course.at(8).recorded.layers[0].mean for course in done.courses)
    assert not torch.equal(left, right)


def test_partial_results_come_size_by_size_the_first_one_asked_for_first():
    seen = []
    request = request_of(attack="noise", count=1, image=CAT)
    result = run(request, lambda *call: seen.append(call), first=4)
    partial = [call[2].sizes for call in seen if len(call) > 2 and call[2] is not None]
    assert partial[:4] == [(0,), (0, 4), (0, 4, 8), (0, 0.25, 4, 8)]  # the largest decides which layer is shown
    assert partial[-1] == result.sizes == shift_sweep.GRID
    assert result.request == request
    fractions = [call[0] for call in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert all(call[1] for call in seen)


def test_what_progress_raises_stops_the_attack():
    class Stop(Exception):
        pass

    def stop(fraction, text, partial=None):
        if "step" in text:
            raise Stop

    with pytest.raises(Stop):
        run(request_of(), stop)


def test_no_hook_is_left_and_no_model_shared(monkeypatch):
    kept = []
    load = zoo.load
    monkeypatch.setattr(zoo, "load", lambda *args, **options: kept.append(load(*args, **options)) or kept[-1])
    run(request_of(count=1, image=CAT))
    assert len(kept) == len({id(model) for model in kept}) == 4
    for model in kept:
        assert not any(module._forward_pre_hooks or module._forward_hooks for module in model.modules())


def test_the_batch_is_the_one_of_the_request(done):
    assert done.batch.ids == done.request.images.load().ids
    one = run(request_of(count=1, image="200143cf", attack="noise")).batch
    assert [image_id[:8] for image_id in one.ids] == ["200143cf"]


# --- a network whose population was not measured


@pytest.fixture
def without_population(_small_zoo, tmp_path, monkeypatch) -> Variant:
    """The RobustNorm network, in a zoo where its population is missing."""
    for file in _small_zoo.iterdir():
        if file.name != f"{RN}.population.safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    monkeypatch.setattr(shift_reference, "_kept", type(shift_reference._kept)())
    return Variant.of(RN, "batch")


def test_the_samples_are_the_reference_and_have_no_band(without_population):
    seen = []
    result = run(request_of(count=1, image=CAT, attack="noise"), lambda *call: seen.append(call))
    left, right = result.courses
    assert (left.has_bands, right.has_bands, right.population.n) == (True, False, 20)
    assert right.chance("mean") is None
    assert right.band(3, "mean").summary_low != right.band(3, "mean").summary_low  # NaN
    fractions = [call[0] for call in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    assert any("20 clean images" in call[1] for call in seen)
    whole = data.samples("cifar10").images
    recorded = probes.record(zoo.load(RN, device="cpu"), whole).layers[5]
    torch.testing.assert_close(right.population.statistics.layers[5].mean, recorded.mean, rtol=1e-4, atol=1e-5)


def test_one_reference_serves_every_choice_of_samples(without_population, monkeypatch):
    calls, measure = [], shift_reference._measure
    monkeypatch.setattr(shift_reference, "_measure", lambda *args: calls.append(args) or measure(*args))
    references = [
        shift_reference.run(shift_reference.Request(without_population, request_of(seed=seed).images, "cpu"))
        for seed in (3, 4, 3)
    ]
    assert len(calls) == 1
    assert references[0] is references[1] is references[2]
    complete = replace(request_of().images, complete=True)
    keys = {shift_reference.Request(without_population, replace(complete, seed=seed), "cpu").key for seed in (3, 4)}
    assert len(keys) == 2  # images of the batch are left out of the reference, so the batch matters
