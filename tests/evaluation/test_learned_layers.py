import numpy as np
import pytest
import torch

from rnorm_core import models, norms, zoo
from rnorm_core.evaluation.measure.learned_layers import learned, read


def network(norm: str, **options):
    """With numbers of its own in every norm layer."""
    model = models.build("resnet20", norm, width=0.25, **options).eval()
    generator = torch.Generator().manual_seed(0)
    for key, value in model.state_dict().items():
        if "norm" in key and value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=generator) + (0.5 if "running" in key else -0.5))
    return model


def test_batchnorm():
    model = network("bn")
    first, *rest = read(model)
    layer = model.get_submodule(first.name)
    assert (first.name, first.channels, len(rest)) == ("stem.norm", 4, 18)
    np.testing.assert_allclose(first.gamma, layer.weight.detach().numpy())
    np.testing.assert_allclose(first.mean, layer.running_mean.numpy())
    np.testing.assert_allclose(first.spread, layer.running_var.double().sqrt().numpy(), rtol=1e-6)
    np.testing.assert_allclose(first.scale, (layer.running_var.double() + layer.eps).sqrt().numpy(), rtol=1e-6)


def test_robustnorm():
    model = network("rn", power=0.5)
    last = read(model)[-1]
    layer = model.get_submodule(last.name)
    assert (last.name, last.channels) == ("blocks.8.second.norm", 16)
    np.testing.assert_allclose(last.spread, layer.running_range.numpy())
    np.testing.assert_allclose(last.scale, layer.running_range.double().sqrt().numpy() + layer.eps, rtol=1e-6)


@pytest.mark.parametrize("norm", ["bn", "rn"])
def test_gain_is_the_slope_of_the_layer(norm):
    model = network(norm).double()
    found = read(model)[3]
    layer = model.get_submodule(found.name)
    x = torch.randn(2, found.channels, 3, 3, dtype=torch.float64)
    slope = (layer(x + 1) - layer(x)).abs().amax((0, 2, 3))
    np.testing.assert_allclose(found.gain, slope.detach().numpy(), rtol=1e-6)


def test_norms_that_have_less():
    assert read(network("none")) == ()
    grouped = read(network("gn"))
    assert len(grouped) == 19
    assert grouped[0].gamma is not None
    assert grouped[0].channels == 4
    assert (grouped[0].mean, grouped[0].spread, grouped[0].scale, grouped[0].gain) == (None,) * 4


@pytest.mark.parametrize("mode", norms.modes("dualbn"))
def test_a_dual_norm_shows_the_branch_of_its_mode(mode):
    model = network("dualbn", statistics=mode)
    found = read(model)
    branch = model.stem.norm.clean if mode == "clean-branch" else model.stem.norm.adversarial
    assert len(found) == 19
    assert found[0].name == "stem.norm"
    np.testing.assert_allclose(found[0].gamma, branch.weight.detach().numpy())
    np.testing.assert_allclose(found[0].mean, branch.running_mean.numpy())


def test_numbers_are_copies_that_nobody_can_change():
    model = network("bn")
    gamma = read(model)[0].gamma
    before = gamma.copy()
    model.get_submodule("stem.norm").weight.data.zero_()
    np.testing.assert_array_equal(gamma, before)
    with pytest.raises(ValueError, match="read-only"):
        gamma[0] = 1


@pytest.mark.usefixtures("small_zoo")
def test_a_model_of_the_zoo():
    found = learned("cifar10-small-rn")
    assert found is learned("cifar10-small-rn")
    state = zoo.load("cifar10-small-rn").state_dict()
    np.testing.assert_allclose(found[2].spread, state[f"{found[2].name}.running_range"].numpy())
