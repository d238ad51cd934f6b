"""Statistics estimated anew: against NumPy, layer by layer; nothing but the buffers changes."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from rnorm_core import models
from rnorm_core.norms import BatchNorm2d, DualBatchNorm2d, RobustNorm2d, convert_norm
from rnorm_core.training.recalibrate import recalibrate


def batches(*sizes: int) -> list[torch.Tensor]:
    """Each with a brightness of its own, so that between the batches there is variance as well."""
    generator = torch.Generator().manual_seed(2)
    return [torch.rand(n, 3, 16, 16, generator=generator) * 0.5 + 0.1 * i for i, n in enumerate(sizes)]


def network(norm: str, **options) -> nn.Module:
    torch.manual_seed(1)
    return models.build("resnet20", norm, width=0.25, **options)


def arrived(model: nn.Module, layer: nn.Module, parts: list[torch.Tensor]) -> list[np.ndarray]:
    """What comes to a layer from each batch, float64 (values, C), in a copy that is in training mode."""
    twin = copy.deepcopy(model).train()
    name = next(name for name, module in model.named_modules() if module is layer)
    caught = []
    twin.get_submodule(name).register_forward_pre_hook(lambda _, inputs: caught.append(inputs[0].detach()))
    for part in parts:
        twin(part)
    return [x.double().numpy().transpose(0, 2, 3, 1).reshape(-1, x.shape[1]) for x in caught]


@pytest.mark.parametrize("sizes", [(8, 8, 8), (8, 3)], ids=["equal", "unequal"])
@pytest.mark.parametrize("norm", ["bn", "rn"])
def test_every_layer_has_what_numpy_finds(norm, sizes):
    model, parts = network(norm), batches(*sizes)
    assert recalibrate(model, iter(parts)) is model
    layers = [layer for layer in model.modules() if isinstance(layer, BatchNorm2d | RobustNorm2d)]
    assert len(layers) == 19
    for layer in (layers[0], layers[7], layers[-1]):
        found = arrived(model, layer, parts)
        everything = np.concatenate(found)
        np.testing.assert_allclose(layer.running_mean, everything.mean(0), rtol=1e-4, atol=1e-5)
        if norm == "bn":  # of all values at once: more than the batches' own variances
            np.testing.assert_allclose(layer.running_var, everything.var(0), rtol=1e-4, atol=1e-6)
        else:
            ranges = np.average([np.ptp(x, 0) for x in found], axis=0, weights=[len(x) for x in found])
            np.testing.assert_allclose(layer.running_range, ranges, rtol=1e-4)
        assert layer.num_batches_tracked == len(sizes)


def test_variance_between_batches_counts():
    """By hand: two batches of one channel, at 0 and 2 with no variance of their own, have variance 1 together."""
    model = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), BatchNorm2d(1))
    nn.init.ones_(model[0].weight)
    recalibrate(model, [torch.zeros(2, 1, 1, 1), torch.full((2, 1, 1, 1), 2.0)])
    assert (model[1].running_mean.item(), model[1].running_var.item()) == (1, 1)


def test_a_range_is_the_mean_of_the_batches_ranges():
    model = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), RobustNorm2d(1))
    nn.init.ones_(model[0].weight)
    recalibrate(model, [torch.tensor([0.0, 1.0]).view(2, 1, 1, 1), torch.tensor([10.0, 13.0]).view(2, 1, 1, 1)])
    assert (model[1].running_mean.item(), model[1].running_range.item()) == (6, 2)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("norm", ["bn", "rn"])
def test_nothing_but_the_buffers_changes(norm, training):
    model = network(norm, statistics="tracked-mean").train(training)
    model.blocks[0].eval()
    model(batches(4)[0]).sum().backward()
    before = {
        name: (p.detach().clone(), None if p.grad is None else p.grad.clone()) for name, p in model.named_parameters()
    }
    modes = [(module.training, getattr(module, "mode", None)) for module in model.modules()]
    state = copy.deepcopy(model.state_dict())
    recalibrate(model, batches(8, 8))
    for name, p in model.named_parameters():
        assert torch.equal(p, before[name][0])
        assert p.grad is before[name][1] is None or torch.equal(p.grad, before[name][1])
    assert [(module.training, getattr(module, "mode", None)) for module in model.modules()] == modes
    assert not any(module._forward_pre_hooks for module in model.modules())
    changed = {
        key.rpartition(".")[2] for key, value in model.state_dict().items() if not torch.equal(value, state[key])
    }
    other = "running_var" if norm == "bn" else "running_range"
    assert changed == {"running_mean", other, "num_batches_tracked"}


def test_of_a_dual_norm_the_branch_in_use_is_replaced():
    model = network("dualbn", statistics="adversarial-branch")
    before = copy.deepcopy(model.state_dict())
    recalibrate(model, batches(8))
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert changed
    assert all(".adversarial." in key for key in changed)
    assert sum(isinstance(layer, DualBatchNorm2d) for layer in model.modules()) * 3 == len(changed)


def test_a_converted_network_is_itself_again():
    """A range has no counterpart in BatchNorm: converted, a network answers anew only once it is recalibrated."""
    model, parts = convert_norm(network("bn"), "rn"), batches(16, 16)
    nn.init.normal_(model.classifier.weight)
    in_training = copy.deepcopy(model).train()(parts[0])
    before = (model.eval()(parts[0]) - in_training).abs().mean()
    recalibrate(model, parts)
    assert (model.eval()(parts[0]) - in_training).abs().mean() < 0.5 * before


@pytest.mark.parametrize("norm", ["bn", "rn"])
def test_a_failed_batch_writes_nothing(norm):
    model = network(norm).train()
    before = copy.deepcopy(model.state_dict())
    for wrong in (torch.rand(2, 4, 16, 16), torch.full((2, 3, 16, 16), torch.nan)):
        with pytest.raises((RuntimeError, ValueError)):
            recalibrate(model, [*batches(4), wrong])
        assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
        assert all(module.training for module in model.modules())
        assert not any(module._forward_pre_hooks for module in model.modules())


def test_torchs_own_norm_is_refused_and_nothing_is_written():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), RobustNorm2d(4))
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=r"1 is torch's BatchNorm2d; call norms\.convert_norm\(model, 'bn'\) first"):
        recalibrate(model, batches(8))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    recalibrate(convert_norm(model, "bn"), batches(8))
    assert model[1].running_mean.abs().max() > 0


def test_nothing_to_recalibrate():
    with pytest.raises(ValueError, match="no batch came"):
        recalibrate(network("bn"), [])
    with pytest.raises(ValueError, match="no norm of the model keeps statistics"):
        recalibrate(network("gn"), batches(2))
