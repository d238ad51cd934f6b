"""One channel of one layer: against closed forms, NumPy, and the layers themselves."""

import math

import numpy as np
import pytest
import torch

from rnorm_core import models, probes
from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure import channel_values
from rnorm_core.norms import STATISTICS, BatchNorm2d, RobustNorm2d


def values(n=6, seed=0):
    return 0.4 + 1.7 * torch.randn((n, 5, 7), generator=torch.Generator().manual_seed(seed))


def test_spread_is_numpys():
    found, x = channel_values.spread(values()), values().double().numpy()
    assert found.n == x.size
    for ours, theirs in zip(
        (found.mean, found.std, found.minimum, found.maximum, found.range),
        (x.mean(), x.std(), x.min(), x.max(), np.ptp(x)), strict=True,
    ):  # fmt: skip
        assert ours == pytest.approx(theirs, rel=1e-12)
    with pytest.raises(ValueError, match="no values"):
        channel_values.spread(torch.zeros(0))


def test_popovicius_bound_is_reached_by_two_equal_halves_and_by_nothing_else():
    assert channel_values.spread(torch.tensor([-1.0, -1, 3, 3])).of_bound == 1
    for seed in range(20):
        assert 0 < channel_values.spread(values(seed=seed)).of_bound < 1
    assert math.isnan(channel_values.spread(torch.ones(3)).of_bound)


@pytest.mark.parametrize("power", [None, 0, 0.2, 1])
def test_normalised_is_what_a_layer_does(power):
    x = values()[:, None]
    layer = BatchNorm2d(1, statistics="batch") if power is None else RobustNorm2d(1, power=power, statistics="batch")
    torch.testing.assert_close(channel_values.normalised(x, power), layer.eval()(x).detach(), rtol=1e-5, atol=1e-5)


def test_scale_by_power():
    found = channel_values.spread(torch.tensor([0.0, 16.0]))
    assert [found.scale(p, 0) for p in (0, 0.25, 0.5, 1)] == [1, 2, 4, 16]
    assert found.scale(None, 0) == 8
    assert channel_values.POWERS[0] == 0
    assert channel_values.POWERS[-1] == 1


def test_an_outlier_does_what_algebra_says():
    """One value d deviations off: var' = n / (n + 1) * var * (1 + d**2 / (n + 1))."""
    x, sizes = values(), (0, 5, 50)
    n, before = x.numel(), channel_values.spread(x)
    for d, found in zip(sizes, channel_values.outliers(x, sizes, 0.2), strict=True):
        assert found.std_factor == pytest.approx(math.sqrt(n / (n + 1) * (1 + d * d / (n + 1))), rel=1e-9)
        top = max(before.maximum, before.mean + d * before.std)
        assert found.scale_factor == pytest.approx(((top - before.minimum) / before.range) ** 0.2, rel=1e-9)
        assert found.size == d
    with pytest.raises(UserError, match="All values"):
        channel_values.outliers(torch.ones(4), (1,), 0.2)


def test_growth_by_hand():
    x = torch.tensor([[0.0, 1.0], [4.0, 5.0], [1.0, 1.0], [0.0, 2.0], [9.0, 9.0]]).view(5, 1, 2)
    one, two, five = channel_values.growth(x, (1, 2, 5))
    assert (one.batches, one.range, one.range_low, one.range_high) == (5, (1 + 1 + 0 + 2 + 0) / 5, 0, 2)
    assert (two.batches, two.range, two.range_low, two.range_high) == (2, (5 + 2) / 2, 2, 5)
    assert (five.batches, five.range) == (1, 9)
    assert five.std == pytest.approx(float(x.double().std(correction=0)))
    assert two.std_high == pytest.approx(float(x[:2].double().std(correction=0)))
    assert two.powered(0.5) == pytest.approx((math.sqrt(3.5), math.sqrt(2), math.sqrt(5)))
    with pytest.raises(UserError, match="from 1 to 5"):
        channel_values.growth(x, (6,))


def test_the_range_grows_with_the_batch_and_the_deviation_does_not():
    found = channel_values.growth(torch.randn((64, 8, 8), generator=torch.Generator().manual_seed(1)), (1, 8, 64))
    assert found[0].range < found[1].range < found[2].range
    assert found[0].std == pytest.approx(found[2].std, rel=0.02)


@pytest.mark.parametrize("mode", STATISTICS)
@pytest.mark.parametrize("norm", ["bn", "rn"])
def test_a_channel_is_what_arrives_and_what_the_layer_does(norm, mode):
    torch.manual_seed(1)
    model = models.build("resnet20", norm, width=0.25, statistics=mode).eval()
    images = torch.rand((4, 3, 32, 32), generator=torch.Generator().manual_seed(2))
    name, caught = list(probes.norm_layers(model))[4], []
    layer = model.get_submodule(name)
    torch.nn.init.uniform_(layer.weight)
    torch.nn.init.uniform_(layer.bias)
    handle = layer.register_forward_hook(lambda _, x, y: caught.append((x[0], y)))
    found = channel_values.channel(model, images, name, 2)
    handle.remove()
    ((x, y),) = caught
    assert torch.equal(found.values, x[:, 2])
    torch.testing.assert_close(
        found.weight * (found.values - found.centre) / found.scale + found.bias, y[:, 2].detach(), rtol=1e-4, atol=1e-5
    )
    assert (found.norm, found.power, found.statistics) == (norm, 0.2 if norm == "rn" else None, mode)
    assert not layer._forward_hooks
    assert not layer._forward_pre_hooks


@pytest.mark.parametrize(("layer", "number", "said"), [("stem", 0, "no layer"), (None, 99, "no channel 99")])
def test_what_is_not_there_is_refused(layer, number, said):
    model = models.build("resnet20", "bn", width=0.25).eval()
    name = layer or next(iter(probes.norm_layers(model)))
    with pytest.raises(UserError, match=said):
        channel_values.channel(model, torch.rand(2, 3, 32, 32), name, number)
