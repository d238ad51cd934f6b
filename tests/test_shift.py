"""The shift: SciPy's distance, planted shifts of known size, bands that hold as often as they say."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance
from torch import nn

from rnorm_core import data, models, norms, probes, shift, zoo
from rnorm_core.data.files import complete_sources
from rnorm_core.errors import UserError
from rnorm_core.training import population as measuring

BIN = 1 / 16  # in deviations


def statistics(*layers: torch.Tensor, grid: probes.LayerStatistics | None = None, weight_hash: str = "w"):
    """A recording of values (C, M) per layer."""
    described = [
        probes.describe(f"layer{i}", "bn", values, None if grid is None else grid.layers[i].edges)
        for i, values in enumerate(layers)
    ]
    return probes.LayerStatistics(tuple(described), "model", "tracked", weight_hash, 4, 4)


def normal(channels: int = 5, count: int = 20_000, seed: int = 0) -> torch.Tensor:
    """Values (C, M) with another mean and deviation in each channel."""
    generator = torch.Generator().manual_seed(seed)
    scale, centre = torch.linspace(0.1, 3, channels)[:, None], torch.linspace(-4, 4, channels)[:, None]
    return centre + scale * torch.randn(channels, count, generator=generator)


def only_layer(values: torch.Tensor, reference: torch.Tensor) -> shift.LayerShift:
    grid = statistics(reference)
    return shift.compare(statistics(values, grid=grid), grid).layers[0]


# --- oracles and planted shifts


def test_every_measure_is_what_numpy_and_scipy_say():
    reference, values = normal(seed=1), 1.3 * normal(seed=2)[:, :7000].abs().sqrt() - 1
    found = only_layer(values, reference)
    x, y = values.double().numpy(), reference.double().numpy()
    np.testing.assert_allclose(found.mean, (x.mean(1) - y.mean(1)) / y.std(1), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.log_std, np.log(x.std(1) / y.std(1)), atol=1e-4)
    np.testing.assert_allclose(found.log_range, np.log(np.ptp(x, 1) / np.ptp(y, 1)), atol=1e-4)
    ends = y.mean(1) - 8 * y.std(1), y.mean(1) + 8 * y.std(1)
    for channel in range(5):
        inside = np.clip(x[channel], ends[0][channel], ends[1][channel])
        wanted = wasserstein_distance(inside, y[channel]) / y[channel].std()
        assert found.wasserstein[channel].item() == pytest.approx(wanted, abs=BIN)


def test_the_distance_is_scipys_of_the_histograms():
    grid = statistics(normal(seed=1))
    recorded = statistics(normal(seed=2) + 0.2, grid=grid)
    one, other = recorded.layers[0], grid.layers[0]
    found = shift.compare(recorded, grid).layers[0].wasserstein
    for channel in range(5):
        middles = ((other.edges[:-1] + other.edges[1:]) / 2)[:, channel].double().numpy()
        counts = one.histogram[:, channel].numpy(), other.histogram[:, channel].numpy()
        wanted = wasserstein_distance(middles, middles, *counts) / other.std[channel].item()
        assert found[channel].item() == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("delta", [-3.0, -0.1, 0.0, 0.5, 2.0])
def test_a_planted_move_is_recovered(delta):
    reference = normal()
    moved = reference + delta * reference.std(1, correction=0)[:, None]
    found = only_layer(moved, reference)
    torch.testing.assert_close(found.mean, torch.full((5,), delta), atol=1e-3, rtol=0)
    assert float(found.log_std.abs().max()) < 1e-4
    assert float(found.log_range.abs().max()) < 1e-4
    torch.testing.assert_close(found.wasserstein, torch.full((5,), abs(delta)), atol=BIN, rtol=0)
    assert found.summary("mean") == pytest.approx(abs(delta), abs=1e-3)


@pytest.mark.parametrize("factor", [0.2, 0.9, 1.5, 2.5])
def test_a_planted_scale_is_recovered(factor):
    reference = normal()
    centre = reference.mean(1)[:, None]
    found = only_layer(centre + factor * (reference - centre), reference)
    assert float(found.mean.abs().max()) < 1e-4
    for measure in ("log_std", "log_range"):
        torch.testing.assert_close(found.values(measure), torch.full((5,), math.log(factor)), atol=1e-3, rtol=0)
        assert found.summary(measure) == pytest.approx(abs(math.log(factor)), abs=1e-3)
    # a normal value moves by |factor - 1| * |z|, and E|z| = sqrt(2 / pi)
    wanted = torch.full((5,), abs(factor - 1) * math.sqrt(2 / math.pi))
    torch.testing.assert_close(found.wasserstein, wanted, atol=BIN, rtol=0)


@pytest.mark.parametrize("norm", ["bn", "rn", "none"])
def test_a_move_planted_in_a_network_is_found_in_its_layer(norm):
    model, images = network(norm), torch.rand(6, 3, 32, 32)
    clean = probes.record(model, images)
    place, delta = "features.6.norm", 0.7

    def move(module, inputs, output):
        return output + delta * clean.layer(place).std[:, None, None]

    with model.features[6].conv.register_forward_hook(move):
        moved = shift.compare(probes.record(model, images, grid=clean), clean)
    before = moved.names[: moved.names.index(place)]
    assert len(before) == 2
    assert all(moved.layer(name).summary(measure) == 0 for name in before for measure in shift.MEASURES)
    torch.testing.assert_close(
        moved.layer(place).mean, torch.full_like(clean.layer(place).mean, delta), atol=1e-3, rtol=0
    )
    assert moved.layer(place).summary("log_std") < 1e-3
    assert moved.layers[-1].summary("mean") > 0.01


def test_a_recording_has_not_moved_from_itself():
    recorded = statistics(normal(), normal(3))
    found = shift.compare(recorded, recorded)
    assert all(layer.summary(measure) == 0 for layer in found.layers for measure in shift.MEASURES)
    assert (found.model, found.statistics, found.weight_hash, found.n) == ("model", "tracked", "w", 4)


def test_a_move_from_elsewhere_is_measured_in_the_populations_units():
    """Clean images stand anywhere; what the change did is what was planted, in deviations of the population."""
    reference, other = normal(seed=1), normal(seed=2)[:, :4000]
    middle = other.mean(1, keepdim=True)
    grid, clean = statistics(reference), middle + 0.5 * (other - middle)
    moved = clean + 0.25 * reference.std(1, correction=0)[:, None]
    before, after = statistics(clean, grid=grid), statistics(moved, grid=grid)
    found = shift.compare(after, before, grid).layers[0]
    torch.testing.assert_close(found.mean, torch.full((5,), 0.25), atol=1e-3, rtol=0)
    torch.testing.assert_close(found.wasserstein, torch.full((5,), 0.25), atol=BIN, rtol=0)
    assert float(found.log_std.abs().max()) < 1e-4
    wide = statistics(middle + 3 * (clean - middle), grid=grid)
    stretched = shift.compare(wide, before, grid).layers[0].log_range
    torch.testing.assert_close(stretched, torch.full((5,), math.log(3)), atol=1e-3, rtol=0)
    assert all(shift.compare(before, before, grid).layers[0].summary(measure) == 0 for measure in shift.MEASURES)


def test_summaries_are_over_living_channels():
    reference = torch.cat([normal(2), torch.zeros(2, 20_000)])
    moved = reference + torch.tensor([1.0, 2.0, 0.0, 0.0])[:, None] * reference.std(1, correction=0)[:, None]
    found = only_layer(moved, reference)
    assert found.alive.tolist() == [True, True, False, False]
    assert found.summary("mean") == pytest.approx(math.sqrt((1 + 4) / 2), abs=1e-3)
    assert found.summary("wasserstein") == pytest.approx(1.5, abs=BIN)
    assert only_layer(torch.zeros(2, 9), torch.zeros(2, 9)).summary("mean") == 0


@pytest.mark.parametrize("constant", [0.0, 2.0, -1e5])
def test_constant_channels_have_finite_shifts(constant):
    dead, living = torch.full((1, 500), constant), constant + torch.randn(1, 500)
    for values, reference in ((dead, dead), (living, dead), (dead, living), (dead + 1, dead)):
        found = only_layer(values, reference)
        assert all(torch.isfinite(found.values(measure)).all() for measure in shift.MEASURES)
    still = only_layer(dead, dead)
    assert all(still.values(measure).item() == 0 for measure in shift.MEASURES)
    assert only_layer(torch.zeros(1, 500), torch.randn(1, 500)).log_std.item() == pytest.approx(math.log(shift.LEAST))


def test_other_grids_and_other_networks_are_refused():
    reference = statistics(normal())
    with pytest.raises(ValueError, match="grid=reference"):
        shift.compare(statistics(normal(seed=1)), reference)
    with pytest.raises(ValueError, match="one network"):
        shift.compare(statistics(normal(), grid=reference, weight_hash="other"), reference)
    with pytest.raises(ValueError, match="one network"):
        shift.compare(statistics(normal(), normal()), reference)
    with pytest.raises(KeyError):
        shift.compare(reference, reference).layers[0].values("name")


def test_measures_are_described():
    assert list(shift.MEASURES) == ["mean", "log_std", "log_range", "wasserstein"]
    for measure in shift.MEASURES.values():
        assert measure.title
        assert measure.unit
        assert measure.sentence.endswith(".")


# --- left against right


def moved_layers(per_image: torch.Tensor) -> torch.Tensor:
    """Movements (N, L) of single images -> (1 + G, L): of all, and of all but each group."""
    group = torch.arange(len(per_image)) % shift.GROUPS
    return torch.stack([per_image.mean(0), *(per_image[group != g].mean(0) for g in range(shift.GROUPS))])


def drawn(n: int, level: float, generator: torch.Generator, common: torch.Tensor) -> torch.Tensor:
    """Movements of n images at 19 layers; an image that moves one layer further moves the others further, too."""
    own = torch.randn(n, 19, generator=generator)
    return level * torch.linspace(0.5, 2, 19) * (0.5 * common[:, None] + 0.3 * own).exp()


@pytest.mark.parametrize("n", [8, 20, 128])
@pytest.mark.parametrize("truth", [1.0, 1.3])
def test_the_ratios_interval_holds_the_truth_about_as_often_as_it_says(n, truth):
    generator, found = torch.Generator().manual_seed(n), []
    for _ in range(300):
        common = torch.randn(n, generator=generator)  # the same images on both sides
        left, right = (moved_layers(drawn(n, level, generator, common)) for level in (truth, 1.0))
        found.append(shift.ratio(left, right))
    inside = sum(one.low <= truth <= one.high for one in found) / len(found)
    assert 0.90 < inside <= 0.99
    differ = sum(one.differs for one in found) / len(found)
    assert differ < 0.10 if truth == 1 else differ > 0.3
    assert np.median([one.value for one in found]) == pytest.approx(truth, rel=0.05)


def test_the_ratio_is_that_of_the_mean_layers():
    left, right = torch.tensor([[1.0, 2.0, 3.0]]), torch.tensor([[4.0, 4.0, 4.0, 4.0]])  # any number of layers
    found = shift.ratio(left, right)
    assert found.value == pytest.approx(0.5)
    assert math.isnan(found.low)
    assert not found.differs  # nothing is said to differ of which nothing is known
    same = left.expand(9, 3)
    assert shift.ratio(same, 2 * same) == shift.Ratio(*[pytest.approx(0.5)] * 3)  # every group agrees
    assert math.isfinite(shift.ratio(torch.zeros(9, 3), torch.zeros(9, 3)).value)


# --- the population and its bands


def network(norm: str, statistics: str = "tracked") -> nn.Module:
    """Small, with population statistics of some pictures, in eval mode."""
    torch.manual_seed(0)
    model = models.build("vgg11", norm, width=1 / 16, statistics=statistics).train()
    for _ in range(10):
        model(pictures(16, seed=3).permute(0, 3, 1, 2).float() / 255)
    return model.eval()


def pictures(count: int, seed: int) -> torch.Tensor:
    """uint8 (N, 32, 32, 3): blotches of another colour and contrast in each image."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 4, 4, generator=generator) * torch.rand(count, 1, 1, 1, generator=generator)
    fine = nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear")
    noisy = 255 * (0.9 * fine + 0.1 * torch.rand(fine.shape, generator=generator))
    return noisy.permute(0, 2, 3, 1).to(torch.uint8)


def population(norm: str, modes: tuple[str, ...], batches: dict[int, int], images: torch.Tensor) -> shift.Population:
    tensors, layers = measuring.population(network(norm), images)
    about = {"model": "unnamed", "weight_hash": "", "n": str(len(images)), "layers": json.dumps(layers)}
    reference = shift.assemble(tensors, about, norm).statistics
    for mode in modes:
        model = network(norm, mode)
        model.statistics = mode
        tensors |= measuring.bands(model, images, reference, batches)
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
    monkeypatch.setattr(measuring, "SINGLES", {})
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


# --- what is shipped

MEASURED = [name for name in zoo.names() if zoo.population_path(name).exists()]


@pytest.mark.skipif(not MEASURED, reason="no population is in pretrained/")
@pytest.mark.parametrize("name", MEASURED)
def test_clean_test_images_stay_in_a_shipped_models_band(name):
    if not complete_sources(zoo.card(name).dataset, "test"):
        pytest.skip("the test images are not there")
    where = shift.population(name)
    assert where.n == 50_000
    images = data.load(zoo.card(name).dataset, "test", count=600).images
    modes = sorted({mode for mode, *_ in where.bands})
    assert modes == sorted(norms.modes(zoo.card(name).norm))
    for mode in modes:
        model = zoo.load(name, mode, "cpu")
        found = [
            shift.compare(probes.record(model, part, grid=where.statistics), where.statistics)
            for part in images.split(20)
        ]
        for measure, (channels, layers) in share_inside(found, where).items():
            # Test images are not training images, and one batch's layers move together.
            assert 0.88 < channels < 0.99, (mode, measure)
            assert 0.80 < layers <= 1, (mode, measure)
            # Of 30 batches of test images few are called more than chance explains.
            assert sum(alarm(one, where, measure) for one in found) <= 5, (mode, measure)


@pytest.mark.skipif(not zoo.names(), reason="no trained network is in pretrained/")
def test_a_model_that_was_not_measured_says_what_to_do(tmp_path, monkeypatch):
    name = zoo.names()[0]
    for end in (".json", ".safetensors"):
        (tmp_path / f"{name}{end}").write_bytes((zoo.DIRECTORY / f"{name}{end}").read_bytes())
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    with pytest.raises(UserError, match=r"rnorm_core\.training\.population"):
        shift.population(name)
