"""Natural bands: they hold as often as they say, on small networks and on the shipped ones."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from rnorm_core import data, norms, probes, shift, zoo
from rnorm_core.data.files import complete_sources
from rnorm_core.errors import UserError
from rnorm_core.shift import reference
from tests.shift.small import network, pictures


def population(norm: str, modes: tuple[str, ...], batches: dict[int, int], images: torch.Tensor) -> shift.Population:
    tensors, layers = reference.population(network(norm), images)
    about = {"model": "unnamed", "weight_hash": "", "n": str(len(images)), "layers": json.dumps(layers)}
    grid = shift.assemble(tensors, about, norm).statistics
    for mode in modes:
        model = network(norm, mode)
        model.statistics = mode
        tensors |= reference.bands(model, images, grid, batches)
    return shift.assemble(tensors, about, norm)


@pytest.fixture(scope="module")
def tiny() -> shift.Population:
    """RobustNorm, in two modes, with few batches: for what does not depend on how many."""
    return population("rn", ("tracked", "batch"), {1: 4, 8: 4, 128: 2}, pictures(140, seed=1))


def share_inside(
    found: list[shift.Shift], where: shift.Population, single: bool = False
) -> dict[str, tuple[float, float]]:
    """measure -> the shares of channels, and of layers' summaries, that lie in the band."""
    shares = {}
    for measure in shift.MEASURES:
        channels, layers = [], []
        for one in found:
            for layer in one.layers:
                band = where.band(one.statistics, one.batch_size, layer.name, measure, single=single)
                values = layer.values(measure)[layer.alive]
                channels.append(((values >= band.low[layer.alive]) & (values <= band.high[layer.alive])).float())
                layers.append(band.summary_low <= layer.summary(measure) <= band.summary_high)
        shares[measure] = torch.cat(channels).mean().item(), float(np.mean(layers))
    return shares


@pytest.mark.parametrize(("norm", "mode"), [("none", "tracked"), ("rn", "batch")])
def test_clean_batches_stay_in_the_band_about_as_often_as_it_says(norm, mode, monkeypatch):
    monkeypatch.setattr(reference, "SINGLES", {})
    where = population(norm, (mode,), {20: 120}, pictures(400, seed=1))
    model = network(norm, mode)
    model.statistics = mode
    others = pictures(500, seed=2).permute(0, 3, 1, 2).float().div(255)  # of the same kind, none seen before
    recorded = [probes.record(model, part, grid=where.statistics) for part in others.split(20)]
    fresh = [shift.compare(each, where.statistics) for each in recorded]
    for channels, layers in share_inside(fresh, where).values():
        assert 0.88 < channels < 0.99
        assert 0.82 < layers <= 1
    # And a band is no barn door: darker images leave it.
    dark = [probes.record(model, 0.6 * part, grid=where.statistics) for part in others.split(20)[:8]]
    moved = share_inside([shift.compare(each, where.statistics) for each in dark], where)
    assert moved["mean"][0] < 0.8
    assert moved["wasserstein"][1] < 0.6
    # So it is with the verdict on all layers at once: rarely a false alarm, and no blindness.
    for measure in shift.MEASURES:
        assert np.mean([alarm(one, where, measure) for one in fresh]) <= 0.12, measure
    dark = [shift.compare(each, where.statistics) for each in dark]
    assert np.mean([alarm(one, where, "wasserstein") for one in dark]) > 0.7


def alarm(one: shift.Shift, where: shift.Population, measure: str) -> bool:
    """Whether more layers lie outside their bands than for 95 % of clean batches."""
    chance, out = where.chance(one.statistics, one.n, measure), 0
    assert chance is not None
    for layer in one.layers:
        band = where.band(one.statistics, one.n, layer.name, measure)
        out += not band.summary_low <= layer.summary(measure) <= band.summary_high
    return out > chance.usual


def test_what_is_usual_by_chance():
    chance = shift.Chance((80, 10, 6, 3, 1), 20)  # of a hundred batches; four layers
    assert chance.usual == 2
    assert shift.Chance((0, 0, 7), 1).usual == 2
    assert shift.Chance((95, 5), 1).usual == 0


def test_an_older_file_knows_nothing_of_layers_at_once(tiny):
    assert tiny.chance("batch", 8, "mean").batch_size == 8
    assert sum(tiny.chance("tracked", 128, "mean").batches) == 2
    assert replace(tiny, outside={}).chance("tracked", 128, "mean") is None


def test_one_image_of_a_batch_has_a_band_of_its_own():
    where = population("bn", ("batch",), {20: 75}, pictures(400, seed=1))
    model = network("bn", "batch")
    model.statistics = "batch"
    others = pictures(800, seed=2).permute(0, 3, 1, 2).float().div(255)
    found = [
        shift.compare(probes.record(model, part, only=[7], grid=where.statistics), where.statistics)
        for part in others.split(20)
    ]
    for channels, _ in share_inside(found, where, single=True).values():
        assert 0.88 < channels < 0.99
    # The whole batch's band would call nearly every clean image an outlier.
    assert share_inside(found, where)["mean"][0] < 0.8
    band = where.band("batch", 20, "features.6.norm", "mean", single=True)
    assert (band.n, band.batch_size) == (1, 20)


def test_a_band_has_an_order_and_a_size_for_each_channel(tiny):
    for statistics_mode in ("tracked", "batch"):
        for name in tiny.statistics.names:
            for measure in shift.MEASURES:
                band = tiny.band(statistics_mode, 8, name, measure)
                assert len(band.low) == len(tiny.statistics.layer(name).mean)
                assert bool((band.low <= band.middle).all() and (band.middle <= band.high).all())
                assert band.summary_low <= band.summary_middle <= band.summary_high


def test_bands_narrow_with_the_batch(tiny):
    widths = [
        float((band.high - band.low).mean())
        for size in (1, 8, 128)
        for band in [tiny.band("tracked", size, "features.0.norm", "mean")]
    ]
    assert widths[0] > widths[1] > widths[2] > 0


@pytest.mark.parametrize(("asked", "given"), [(1, 1), (2, 1), (3, 8), (20, 8), (31, 8), (33, 128), (5000, 128)])
def test_the_nearest_size_by_ratio_is_taken(tiny, asked, given):
    band = tiny.band("batch", asked, "features.0.norm", "mean")
    assert (band.batch_size, band.n) == (given, given)


def test_a_network_without_modes_has_one_band():
    where = population("none", ("tracked",), {8: 2}, pictures(30, seed=1))
    for asked in ("tracked", "batch", "tracked-mean"):
        assert where.band(asked, 8, "features.0.norm", "mean").n == 8


def test_unknown_layers_and_measures_are_refused(tiny):
    with pytest.raises(KeyError):
        tiny.band("batch", 8, "nowhere", "mean")
    with pytest.raises(KeyError):
        tiny.band("batch", 8, "features.0.norm", "colour")


# --- shipped networks

MEASURED = [name for name in zoo.names() if zoo.population_path(name).exists()]
# Both norms of the paper, in every mode: a wrong band, mode or scale shows here. The others take minutes.
QUICK = ("cifar10-resnet20-bn", "cifar10-resnet20-rn")
ONE_BY_ONE = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in MEASURED]


@pytest.mark.skipif(not MEASURED, reason="no population is in pretrained/")
def test_shipped_populations_are_of_whole_training_sets_and_have_bands_for_every_mode_size_and_measure():
    for name in MEASURED:
        where, modes = shift.population(name), norms.modes(zoo.card(name).norm)
        assert where.n == 50_000 - zoo.card(name).recipe.get("holdout", 0), name
        assert where.about["weight_hash"] == zoo.card(name).sha256, name
        whole_batches = {(mode, size, measure) for mode, n, size, measure in where.bands if n == size}
        expected = {(m, size, measure) for m in modes for size in reference.BATCHES for measure in shift.MEASURES}
        assert whole_batches == expected, name
        assert all(
            sum(counts) == reference.BATCHES[size] for (_, n, size, _), counts in where.outside.items() if n == size
        )


@pytest.mark.skipif(not MEASURED, reason="no population is in pretrained/")
@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_clean_test_images_stay_in_a_shipped_models_band(name):
    if not complete_sources(zoo.card(name).dataset, "test"):
        pytest.skip("the test images are not there")
    where, images = shift.population(name), data.load(zoo.card(name).dataset, "test", count=600).images
    for mode in norms.modes(zoo.card(name).norm):
        model = zoo.load(name, mode, "cpu")
        shifts = [
            shift.compare(probes.record(model, part, grid=where.statistics), where.statistics)
            for part in images.split(20)
        ]
        for measure, (channels, layers) in share_inside(shifts, where).items():
            # Test images are not training images, and the layers of a batch do not move independently.
            assert 0.88 < channels < 0.99, (mode, measure)
            assert 0.80 < layers <= 1, (mode, measure)
            # Few of 30 batches of test images have more layers outside than chance explains.
            assert sum(alarm(one, where, measure) for one in shifts) <= 5, (mode, measure)


@pytest.mark.skipif(not zoo.names(), reason="no trained network is in pretrained/")
def test_a_model_that_was_not_measured_says_what_to_do(tmp_path, monkeypatch):
    name = zoo.names()[0]
    for end in (".json", ".safetensors"):
        (tmp_path / f"{name}{end}").write_bytes((zoo.DIRECTORY / f"{name}{end}").read_bytes())
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    with pytest.raises(UserError, match=r"rnorm_core\.shift\.reference"):
        shift.population(name)
