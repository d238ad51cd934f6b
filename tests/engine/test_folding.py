"""Which networks are folded for an attack, and that a folded copy is never out of date."""

import copy
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import nn

from rnorm_core import attacks, engine, models
from rnorm_core.data import Batch
from rnorm_core.engine import fingerprint
from rnorm_core.norms import NORMS, BatchNorm2d, DualBatchNorm2d, RobustNorm2d, looks_at_batch, modes

NORM_LAYERS = BatchNorm2d, RobustNorm2d, DualBatchNorm2d
TRACKED = [(norm, mode) for norm in NORMS for mode in modes(norm) if not looks_at_batch(mode)]


def is_folded(model: nn.Module) -> bool:
    return not any(isinstance(layer, NORM_LAYERS) for layer in engine.passes(model, 6).network.modules())


@pytest.mark.parametrize(("norm", "mode"), TRACKED)
@pytest.mark.parametrize("architecture", ["resnet20", "vgg11"])
def test_tracked_networks_are_folded_and_stay_the_same(network, images, norm, mode, architecture):
    model = network(norm, mode, architecture).double()
    before = copy.deepcopy(model.state_dict())
    passes = engine.passes(model, 6)
    assert is_folded(model)
    score = engine.CrossEntropy(torch.arange(6), 5)
    found, expected = passes.ascend(images.double(), score), engine.Eager(model).ascend(images.double(), score)
    for name in found._fields:
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(passes.logits(images.double()), model(images.double()), rtol=1e-9, atol=1e-9)
    assert found.logits.dtype == torch.float64
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert (passes.network is model) == (norm in ("gn", "none")), "there is nothing to fold"


def test_the_attack_is_the_same_as_on_the_network_itself(network, images):
    """In float64 every sign of a gradient is the same, so the images are equal to the last step."""
    labels = torch.arange(6)
    batch = Batch(images, labels, tuple("abcdefghij"), tuple("abcdef"), "made for a test", "cifar10")
    model = network("rn").double()
    model.name, model.statistics, model.weight_hash = "small", "tracked", "abc"
    for name, options in {"pgd": {"steps": 5}, "apgd": {"steps": 5}, "square": {"steps": 5}, "noise": {}}.items():
        attack = attacks.make(name, 8 / 255, **options)
        found = attack.run(model, batch, torch.Generator().manual_seed(0))
        # weights that are not frozen are attacked as they are
        plain = attack.run(copy.deepcopy(model).requires_grad_(True), batch, torch.Generator().manual_seed(0))
        torch.testing.assert_close(found.adversarial, plain.adversarial, rtol=0, atol=1e-12)
        torch.testing.assert_close(found.probabilities, plain.probabilities, rtol=1e-9, atol=1e-9)
        assert (found.model, found.statistics, found.weight_hash) == ("small", "tracked", "abc")
        assert found.engine == "eager"


def wrapped(model):
    return nn.Sequential(model)


def unfrozen(model):
    next(model.parameters()).requires_grad_(True)
    return model


def hooked(model):
    model.stem.norm.register_forward_hook(lambda *_: None)
    return model


def listened(model):
    model.blocks[0].register_forward_pre_hook(lambda *_: None)
    return model


def another_part(model):
    class Own(nn.ReLU):
        pass

    model.blocks.append(Own())
    return model


def another_forward(model):
    model.classifier.forward = lambda x: x
    return model


def half_trained(model):
    model.stem.norm.train()
    return model


def of_the_batch(model):
    model.stem.norm.mode = "batch"
    return model


@pytest.mark.parametrize(
    "change", [wrapped, unfrozen, hooked, listened, another_part, another_forward, half_trained, of_the_batch]
)
def test_what_may_have_an_effect_of_its_own_is_attacked_as_it_is(network, change):
    model = change(network())
    assert fingerprint(model) is None
    assert engine.passes(model, 6).network is model


def test_a_module_with_hooks_everywhere_is_attacked_as_it_is(network):
    model, seen = network(), []
    with nn.modules.module.register_module_forward_hook(lambda module, *_: seen.append(module)):
        assert engine.passes(model, 6).network is model
    assert is_folded(model)


@pytest.mark.parametrize("statistics", ["batch", "tracked-mean"])
def test_statistics_of_the_batch_are_not_folded(network, statistics):
    model = network("rn", statistics)
    assert engine.passes(model, 6).network is model


def shifted(model):
    with torch.no_grad():
        model.stem.conv.weight.add_(0.1)


def shifted_without_a_trace(model):
    model.blocks[1].second.norm.weight.data.mul_(1.5)


def shifted_by_numpy(model):
    model.stem.norm.running_mean.numpy()[0] += 1


def replaced(model):
    model.classifier.weight = nn.Parameter(2 * model.classifier.weight, requires_grad=False)


def loaded(model):
    model.load_state_dict({key: 1.5 * value for key, value in model.state_dict().items()})


def other_eps(model):
    model.stem.norm.eps = 1.0


def other_stride(model):
    model.blocks[3].first.conv.padding = (1, 1)
    model.pixels.mean.add_(0.1)


@pytest.mark.parametrize(
    "change", [shifted, shifted_without_a_trace, shifted_by_numpy, replaced, loaded, other_eps, other_stride]
)
def test_a_changed_network_is_folded_anew(network, images, change):
    model = network()
    before = engine.passes(model, 6).logits(images)
    change(model)
    found = engine.passes(model, 6).logits(images)
    torch.testing.assert_close(found, model(images), rtol=1e-4, atol=1e-3)
    assert not torch.allclose(found, before, atol=1e-3)


def test_the_other_branch_of_a_dual_norm_is_another_network(network, images):
    model = network("dualbn")
    before = engine.passes(model, 6).logits(images)
    for layer in model.modules():
        if isinstance(layer, DualBatchNorm2d):
            layer.mode = "adversarial-branch"
    found = engine.passes(model, 6).logits(images)
    torch.testing.assert_close(found, model(images), rtol=1e-4, atol=1e-3)
    assert not torch.allclose(found, before, atol=1e-3)


def test_equal_networks_share_one_copy_which_is_kept_for_a_while(network, monkeypatch):
    calls = []
    monkeypatch.setattr("rnorm_core.engine.folding.fold", lambda model: calls.append(1) or models.fold(model))
    model = network("rn")
    with torch.no_grad():
        model.stem.conv.weight.add_(0.25)  # no other test has folded this one
    with ThreadPoolExecutor(4) as pool:
        copies = list(pool.map(lambda _: engine.passes(copy.deepcopy(model), 6).network, range(8)))
    assert len(calls) == 1
    assert all(one is copies[0] for one in copies)


def test_copies_that_nobody_uses_are_dropped(network):
    from rnorm_core.engine import folding

    model = network()
    for i in range(folding.KEPT + 2):
        with torch.no_grad():
            model.stem.conv.weight.add_(i)
        engine.passes(model, 6)
    assert len(folding._kept) == folding.KEPT
