"""Layers that are given other statistics: against networks that hold these numbers in their buffers."""

import copy

import pytest
import torch
from torch import nn

from rnorm_core import models, probes
from rnorm_core.norms import STATISTICS, BatchNorm2d, RobustNorm2d, modes


def pictures(seed: int, n: int = 6) -> torch.Tensor:
    return torch.rand((n, 3, 32, 32), generator=torch.Generator().manual_seed(seed)) ** (1 + seed % 3)


def network(norm: str, mode: str) -> nn.Module:
    """With population statistics and affine parameters that are nobody's defaults."""
    torch.manual_seed(1)
    model = models.build("resnet20", norm, width=0.25, statistics=mode).train()
    for seed in range(3, 6):
        model(pictures(seed))
    for layer in model.modules():
        if isinstance(layer, BatchNorm2d | RobustNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias, std=0.3)
    return model.requires_grad_(False).eval()


def holding(norm: str, model: nn.Module, given: dict[str, probes.Statistics], names) -> nn.Module:
    """The same network in the model's mode, but with these layers tracked and the given numbers in their buffers."""
    twin = copy.deepcopy(model)
    for name in names:
        layer = twin.get_submodule(name)
        layer.mode = "tracked"
        layer.running_mean.copy_(given[name].mean)
        getattr(layer, "running_var" if norm == "bn" else "running_range").copy_(given[name].spread)
    return twin


def hooks(model: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in model.modules())


@pytest.mark.parametrize("take", probes.TAKES)
@pytest.mark.parametrize("mode", STATISTICS)
@pytest.mark.parametrize("norm", ["bn", "rn"])
@pytest.mark.parametrize("some", [None, "first", "middle"])
def test_patched_layers_do_what_tracked_ones_with_these_numbers_do(norm, mode, take, some):
    """Exactly: not a bit differs."""
    model, other, images = network(norm, mode), pictures(8), pictures(7)
    given = probes.statistics(model, other, take)
    names = {None: list(given), "first": list(given)[:1], "middle": list(given)[5:9]}[some]
    with probes.patched(model, given, None if some is None else names) as inside, torch.no_grad():
        found = inside(images)
    assert torch.equal(found, holding(norm, model, given, names)(images))
    if mode != "tracked" or take == "batch":
        assert not torch.allclose(found, model(images))


@pytest.mark.parametrize("mode", STATISTICS)
@pytest.mark.parametrize("norm", ["bn", "rn"])
def test_a_layers_own_statistics_change_nothing(norm, mode):
    """Exactly, for one layer and for all."""
    model, images = network(norm, mode), pictures(7)
    own, before = probes.statistics(model, images), model(images)
    for layers in (None, *([name] for name in own)):
        with probes.patched(model, own, layers):
            assert torch.equal(model(images), before)


@pytest.mark.parametrize("norm", ["bn", "rn"])
def test_clean_statistics_are_those_of_a_clean_pass(norm):
    """By hand, at a layer in the middle: what arrives there, its mean, and its variance or range."""
    model, images, arrived = network(norm, "batch"), pictures(7), []
    name = list(probes.norm_layers(model))[6]
    found = probes.statistics(model, images)[name]
    model.get_submodule(name).register_forward_pre_hook(lambda _, inputs: arrived.append(inputs[0]))
    model(images)
    values = arrived[0].double().movedim(1, 0).flatten(1)
    spread = values.var(1, correction=0) if norm == "bn" else values.amax(1) - values.amin(1)
    torch.testing.assert_close(found.mean.double(), values.mean(1), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(found.spread.double(), spread, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("norm", ["bn", "rn"])
def test_what_a_mode_takes(norm):
    images, kept = pictures(7), "running_var" if norm == "bn" else "running_range"
    taken = {mode: probes.statistics(network(norm, mode), images) for mode in STATISTICS}
    first = next(iter(taken["batch"]))
    layer = network(norm, "tracked").get_submodule(first)
    assert torch.equal(taken["tracked"][first].mean, layer.running_mean)
    assert torch.equal(taken["tracked"][first].spread, getattr(layer, kept))
    assert torch.equal(taken["tracked-mean"][first].mean, layer.running_mean)
    assert torch.equal(taken["tracked-mean"][first].spread, taken["batch"][first].spread)
    of_batch = probes.statistics(network(norm, "tracked"), images, "batch")
    assert torch.equal(of_batch[first].mean, taken["batch"][first].mean)


def test_a_channel_that_is_constant_is_the_bias_in_either_direction():
    """A range of 0 is no scale to divide other images by: RobustNorm answers with the bias there, patched or not."""
    model = nn.Sequential(nn.Conv2d(3, 2, 1), RobustNorm2d(2, statistics="batch"))
    nn.init.zeros_(model[0].weight[:1].data)
    with torch.no_grad():
        model[0].weight[0] = 0
        model[1].bias += 0.25
    model.requires_grad_(False).eval()
    given = probes.statistics(model, pictures(7))
    for images in (pictures(7), pictures(8)):
        with probes.patched(model, given):
            found = model(images)
        assert (found[:, 0] == 0.25).all()
        assert found.isfinite().all()


def test_nothing_is_left_behind():
    model, images = network("bn", "batch"), pictures(7)
    given, before, state = probes.statistics(model, pictures(8)), model(images), copy.deepcopy(model.state_dict())

    def stopped() -> None:
        with probes.patched(model, given):
            model(images)
            assert hooks(model) == len(given)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert hooks(model) == 0
    assert torch.equal(model(images), before)
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    with pytest.raises(ValueError, match="No statistics can be given"), probes.patched(model, given, ["stem"]):
        pass
    assert hooks(model) == 0


def test_gradients_flow_through_patched_layers():
    model, images = network("rn", "batch").double(), pictures(7, 2).double().requires_grad_()
    given = probes.statistics(model, pictures(8, 2).double())
    twin = holding("rn", model, given, given)
    weights = torch.rand((2, 10), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    with probes.patched(model, given):
        (found,) = torch.autograd.grad((model(images) * weights).sum(), images)
    (expected,) = torch.autograd.grad((twin(images) * weights).sum(), images)
    torch.testing.assert_close(found, expected)


def test_of_a_dual_norm_the_branch_in_use_is_patched():
    torch.manual_seed(1)
    clean, adversarial = (models.build("resnet20", "dualbn", width=0.25, statistics=m).eval() for m in modes("dualbn"))
    for model in (clean, adversarial):
        given = probes.statistics(model, pictures(8), "batch")
        assert list(given) == list(probes.norm_layers(model))
        before = model(pictures(7))
        with probes.patched(model, given):
            assert not torch.allclose(model(pictures(7)), before)


@pytest.mark.parametrize("norm", ["gn", "none"])
def test_norms_without_statistics_of_a_batch_are_refused(norm):
    model = models.build("resnet20", norm, width=0.25).eval()
    with pytest.raises(ValueError, match="no BatchNorm or RobustNorm layer"):
        probes.statistics(model, pictures(7))


def test_training_mode_and_unknown_kinds_are_refused():
    model = network("bn", "batch")
    given = probes.statistics(model, pictures(7))
    with pytest.raises(ValueError, match="`take`"):
        probes.statistics(model, pictures(7), "both")
    with pytest.raises(ValueError, match="training mode"), probes.patched(model.train(), given):
        pass
    assert hooks(model) == 0


@pytest.mark.parametrize("norm", ["bn", "rn"])
def test_switched_layers_take_what_arrives(norm):
    """All of them: the network in batch mode, exactly. Some: as if these had been built in that mode."""
    model, images = network(norm, "tracked"), pictures(7)
    names = list(probes.norm_layers(model))
    with probes.switched(model, names):
        assert torch.equal(model(images), network(norm, "batch")(images))
    some = network(norm, "tracked")
    for name in names[3:5]:
        some.get_submodule(name).mode = "batch"
    with probes.switched(model, names[3:5]):
        assert torch.equal(model(images), some(images))
    assert torch.equal(model(images), network(norm, "tracked")(images))
    with pytest.raises(ValueError, match="no statistics to switch"), probes.switched(model, ["stem"]):
        pass
