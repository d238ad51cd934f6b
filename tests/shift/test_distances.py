"""Distances of recordings: against NumPy and SciPy, and planted shifts of known size."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import wasserstein_distance

from rnorm_core import probes, shift
from tests.shift.small import network

BIN = 1 / 16  # in standard deviations


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
        expected = wasserstein_distance(inside, y[channel]) / y[channel].std()
        assert found.wasserstein[channel].item() == pytest.approx(expected, abs=BIN)


def test_the_distance_is_scipys_of_the_histograms():
    grid = statistics(normal(seed=1))
    recorded = statistics(normal(seed=2) + 0.2, grid=grid)
    one, other = recorded.layers[0], grid.layers[0]
    found = shift.compare(recorded, grid).layers[0].wasserstein
    for channel in range(5):
        middles = ((other.edges[:-1] + other.edges[1:]) / 2)[:, channel].double().numpy()
        counts = one.histogram[:, channel].numpy(), other.histogram[:, channel].numpy()
        expected = wasserstein_distance(middles, middles, *counts) / other.std[channel].item()
        assert found[channel].item() == pytest.approx(expected, rel=1e-3)


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
    expected = torch.full((5,), abs(factor - 1) * math.sqrt(2 / math.pi))
    torch.testing.assert_close(found.wasserstein, expected, atol=BIN, rtol=0)


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
