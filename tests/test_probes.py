"""Probes: every number against NumPy on inputs caught by another hook; nothing is left behind in the network."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from rnorm_core import models, probes
from rnorm_core.norms import NORMS, DualBatchNorm2d, NoNorm, all_modes

MODES = [(norm, mode) for norm in NORMS for mode in all_modes(norm)]
WITH_FORMULA = [(norm, mode) for norm, mode in MODES if norm not in ("gn", "none")]


def network(norm: str, statistics: str | None = None, architecture: str = "vgg11", seed: int = 0) -> nn.Module:
    """A small network with population statistics of its own, in eval mode."""
    torch.manual_seed(seed)
    model = models.build(architecture, norm, width=1 / 16, statistics=statistics).train()
    for _ in range(3):
        model(torch.rand(8, 3, 32, 32))
    return model.eval()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.rand(6, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def caught(model: nn.Module, images: torch.Tensor) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """What goes into and comes out of each norm layer, (N, C, H, W), by a way that is not the probes'."""
    arrived, left = {}, {}

    def hook(name):
        def catch(module, inputs, output):
            arrived[name], left[name] = inputs[0].detach().numpy().copy(), output.detach().numpy().copy()

        return catch

    kinds = (nn.BatchNorm2d, nn.GroupNorm, NoNorm)
    norms = [(n, m) for n, m in model.named_modules() if isinstance(m, kinds) or type(m).__name__ == "RobustNorm2d"]
    duals = {n: m for n, m in model.named_modules() if isinstance(m, DualBatchNorm2d)}
    norms = [(n, m) for n, m in norms if n.rpartition(".")[0] not in duals] + list(duals.items())
    handles = [module.register_forward_hook(hook(name)) for name, module in norms]
    with torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    return arrived, left


def assert_numpy_agrees(layer: probes.Layer, x: np.ndarray) -> None:
    """x: (N, C, H, W)."""
    values = np.moveaxis(x, 1, 0).reshape(x.shape[1], -1).astype(np.float64)
    assert layer.count == values.shape[1]
    np.testing.assert_allclose(layer.mean, values.mean(1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.std, values.std(1), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(layer.minimum, values.min(1))
    np.testing.assert_allclose(layer.maximum, values.max(1))
    np.testing.assert_allclose(layer.range, np.ptp(values, 1), rtol=1e-6)
    edges = layer.edges.double().numpy()
    for channel, row in enumerate(values):
        open_ended = np.concatenate([[-np.inf], edges[1:-1, channel], [np.inf]])
        wanted = np.histogram(row, open_ended)[0].cumsum()
        # A value within rounding of an edge may be counted on its other side.
        assert np.abs(layer.histogram[:, channel].numpy().cumsum() - wanted).max() <= 1 + 1e-4 * len(row)


@pytest.mark.parametrize(("norm", "statistics"), MODES)
def test_all_numbers_are_numpys(norm, statistics, images):
    model = network(norm, statistics)
    arrived, _ = caught(model, images)
    recorded = probes.record(model, images)
    assert recorded.names == tuple(arrived)
    assert len(recorded.names) == 8
    assert (recorded.n, recorded.batch_size) == (6, 6)
    for layer in recorded.layers:
        assert layer.norm == norm
        assert_numpy_agrees(layer, arrived[layer.name])
        middle = (layer.edges[0] + layer.edges[-1]) / 2
        torch.testing.assert_close(middle, layer.mean, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(layer.edges[-1] - layer.edges[0], 16 * layer.std, rtol=1e-4, atol=1e-5)


def test_every_layer_of_a_residual_network_is_heard(images):
    names = probes.record(network("rn", architecture="resnet20"), images).names
    assert len(names) == 19
    assert names[:3] == ("stem.norm", "blocks.0.first.norm", "blocks.0.second.norm")


def test_channels_last_changes_nothing(images):
    model = network("bn")
    plain = probes.record(model, images)
    last = probes.record(model.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last))
    for one, other in zip(plain.layers, last.layers, strict=True):
        torch.testing.assert_close(one.mean, other.mean, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(one.std, other.std, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["bn", "rn"])
def test_some_images_are_looked_at_while_all_run(norm, images):
    model = network(norm, "batch")
    arrived, _ = caught(model, images)
    recorded = probes.record(model, images, only=[4, 1])
    assert (recorded.n, recorded.batch_size) == (2, 6)
    for layer in recorded.layers:
        assert_numpy_agrees(layer, arrived[layer.name][[4, 1]])
    alone = probes.record(model, images[[4, 1]])
    assert (recorded.layers[3].mean - alone.layers[3].mean).abs().max() > 1e-3, "neighbours matter in batch mode"
    both = probes.record_each(model, images, [None, [4, 1]])
    assert [r.n for r in both] == [6, 2]
    assert torch.equal(both[1].layers[3].histogram, recorded.layers[3].histogram)


@pytest.mark.parametrize("groups", [[[0, 2, 4], [1, 3, 5]], [[5], [1, 0], [3]]])
def test_groups_make_up_what_they_are_of(groups, images):
    """Merged recordings are the one recording of all their images, with other images left out of it."""
    model = network("rn", "batch")
    together = probes.record(model, images, only=[i for group in groups for i in group])
    merged = probes.merge(probes.record_each(model, images, groups, grid=together))
    assert (merged.n, merged.batch_size, merged.statistics) == (together.n, 6, together.statistics)
    for one, other in zip(merged.layers, together.layers, strict=True):
        assert (one.name, one.norm, one.count) == (other.name, other.norm, other.count)
        for field in ("mean", "std"):
            torch.testing.assert_close(getattr(one, field), getattr(other, field), rtol=1e-4, atol=1e-6)
        for field in ("minimum", "maximum", "range", "histogram", "edges"):
            assert torch.equal(getattr(one, field), getattr(other, field))
        assert torch.equal(one.applied.scale, other.applied.scale)


def test_a_grid_is_taken_over_and_its_ends_are_open(images):
    model = network("none")
    reference = probes.record(model, images)
    recorded = probes.record(model, 30 * images, grid=reference)
    for layer, wanted in zip(recorded.layers, reference.layers, strict=True):
        assert torch.equal(layer.edges, wanted.edges)
        assert torch.equal(layer.histogram.sum(0), torch.full((len(layer.mean),), layer.count))
        assert layer.histogram.dtype == (torch.int16 if layer.count < 2**15 else torch.int32)
    arrived, _ = caught(model, 30 * images)
    first = recorded.layers[0]
    assert_numpy_agrees(first, arrived[first.name])
    assert (first.histogram[0] + first.histogram[-1]).sum() > 100


@pytest.mark.parametrize(("norm", "statistics"), WITH_FORMULA)
def test_the_formula_that_was_applied(norm, statistics, images):
    model = network(norm, statistics)
    arrived, left = caught(model, images)
    for layer in probes.record(model, images, only=[2]).layers:
        applied = layer.applied
        assert applied is not None
        centre, scale, weight, bias = (
            t.numpy()[:, None, None] for t in (applied.centre, applied.scale, applied.weight, applied.bias)
        )
        y = weight * (arrived[layer.name] - centre) / scale + bias
        np.testing.assert_allclose(y, left[layer.name], rtol=1e-3, atol=1e-4)


def test_no_formula_where_a_layer_has_no_such_statistics(images):
    assert all(
        layer.applied is None for norm in ("gn", "none") for layer in probes.record(network(norm), images).layers
    )


# --- numbers on their own


def described(values: torch.Tensor, edges: torch.Tensor | None = None) -> probes.Layer:
    return probes.describe("layer", "none", values, edges)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e4, 1e-20])
def test_a_constant_channel_is_finite_and_dead(value):
    layer = described(torch.full((1, 777), value))
    assert layer.mean.item() == torch.tensor(value).item()
    assert layer.std.item() == layer.range.item() == 0
    assert layer.unit.item() > 0
    assert not layer.alive.item()
    numbers = torch.cat([layer.edges.flatten(), layer.unit])
    assert torch.isfinite(numbers).all()
    assert layer.histogram.sum().item() == 777


def test_a_small_spread_is_alive():
    layer = described(1 + 1e-3 * torch.rand(1, 500, generator=torch.Generator().manual_seed(0)))
    assert layer.alive.item()
    assert layer.unit.item() == layer.std.item()


# --- what stays behind


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_pre_hooks) + len(module._forward_hooks) for module in model.modules())


@pytest.mark.parametrize(("norm", "statistics"), MODES)
def test_nothing_stays_behind(norm, statistics, images):
    model = network(norm, statistics)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    probes.record(model, images)
    assert hooks(model) == 0
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_hooks_are_removed_when_the_network_fails(images):
    model = network("bn")
    with pytest.raises(RuntimeError):
        probes.record(model, images[:, :2])
    assert hooks(model) == 0
    model.features[8].conv.weight = nn.Parameter(torch.rand(1, 1, 3, 3))
    with pytest.raises(RuntimeError):  # after some layers have been heard
        probes.record(model, images)
    assert hooks(model) == 0


def test_hooks_are_removed_when_the_listener_fails(images):
    model = network("bn")

    def hear(name, module, x):
        raise KeyError(name)

    with pytest.raises(KeyError), probes.listening(model, hear):
        model(images)
    assert hooks(model) == 0


def test_two_threads_do_not_hear_each_other():
    models_, batches = [network("rn", "batch", seed=s) for s in (0, 1)], [torch.rand(3, 3, 32, 32) for _ in range(2)]
    wanted = [probes.record(model, batch) for model, batch in zip(models_, batches, strict=True)]
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            (i % 2, pool.submit(probes.record, network("rn", "batch", seed=i % 2), batches[i % 2])) for i in range(8)
        ]
    for which, job in jobs:
        found = job.result()
        assert found.names == wanted[which].names
        for one, other in zip(found.layers, wanted[which].layers, strict=True):
            assert one.count == other.count
            torch.testing.assert_close(one.mean, other.mean, rtol=1e-4, atol=1e-5)


# --- refusals


def test_a_model_in_training_mode_is_refused(images):
    model = network("bn").train()
    before = model.features[0].norm.running_mean.clone()
    with pytest.raises(ValueError, match="eval"):
        probes.record(model, images)
    assert torch.equal(model.features[0].norm.running_mean, before)


@pytest.mark.parametrize("only", [[], [6], [-1]])
def test_images_that_are_not_there_are_refused(only, images):
    with pytest.raises(ValueError, match="0 to 5"):
        probes.record(network("bn"), images, only=only)


def test_a_grid_of_another_network_is_refused(images):
    model = network("bn")
    reference = probes.record(model, images)
    for other in (network("rn"), network("bn", architecture="resnet20"), models.fold(model)):
        with pytest.raises(ValueError, match="other norm layers"):
            probes.record(other, images, grid=reference)


def test_a_network_without_places_to_look_at_is_refused(images):
    with pytest.raises(ValueError, match="no norm layer"):
        probes.record(nn.Conv2d(3, 4, 3), images)


def test_a_network_without_names_is_unnamed(images):
    recorded = probes.record(network("bn"), images)
    assert (recorded.model, recorded.statistics, recorded.weight_hash) == ("unnamed", "tracked", "")
    with pytest.raises(KeyError):
        recorded.layer("nowhere")
