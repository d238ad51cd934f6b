"""PreciseBN by k: against networks recalibrated one by one, and distances computed by hand."""

import copy
import math

import pytest
import torch
from torch import nn

from rnorm_core import attacks, evaluation, models, probes
from rnorm_core.data import CLASSES, Batch, ImageChoice
from rnorm_core.errors import UserError
from rnorm_core.experiments import precise_bn
from rnorm_core.experiments.precise_bn import counts, distance, estimate, median
from rnorm_core.norms import BatchNorm2d, RobustNorm2d
from rnorm_core.training.recalibrate import recalibrate
from rnorm_core.zoo import Variant


def pictures(n: int, seed: int) -> torch.Tensor:
    return torch.rand((n, 3, 32, 32), generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=["bn", "rn"])
def load(request):
    torch.manual_seed(1)
    made = models.build("resnet20", request.param, width=0.25).train()
    made(pictures(8, 1))
    made.requires_grad_(False).eval()
    return lambda: copy.deepcopy(made)


@pytest.fixture
def batch():
    labels = torch.arange(10).repeat(2)[:12]
    return Batch(pictures(12, 2), labels, CLASSES["cifar10"], tuple(map(str, range(12))), "random", "cifar10")


def test_accuracies_are_those_of_recalibrated_networks(load, batch):
    pool, attack = pictures(16, 3), attacks.make("fgsm", eps=1 / 255)
    found = estimate(load, pool, batch, (1, 4), size=4, attack=attack, batch_size=6, seed=2)
    assert [e.k for e in (found.moving, *found.by_count)] == [0, 1, 4]
    for e in (found.moving, *found.by_count):
        model = recalibrate(load(), pool.split(4)[: e.k]) if e.k else load()
        assert torch.equal(e.clean.hits, evaluation.accuracy(model, batch, None, 6).hits)
        assert torch.equal(e.attacked.hits, evaluation.accuracy(model, batch, attack, 6, seed=2).hits)


def test_distances_are_between_the_buffers(load, batch):
    pool = pictures(16, 3)
    found = estimate(load, pool, batch, size=4)
    assert [e.k for e in found.by_count] == [1, 2, 4]
    assert set(found.moving.from_moving.mean) == {0.0}
    assert set(found.by_count[-1].from_most.spread) == {0.0}
    name = found.layers[7]
    moving, new = (m.get_submodule(name) for m in (load(), recalibrate(load(), pool.split(4)[:2])))
    scales = [n.running_var.sqrt() if isinstance(n, BatchNorm2d) else n.running_range for n in (moving, new)]
    mean = ((new.running_mean - moving.running_mean) / scales[0]).square().mean().sqrt()
    spread = (scales[1] / scales[0]).log().square().mean().sqrt()
    assert found.by_count[1].from_moving.mean[7] == pytest.approx(mean.item(), rel=1e-4)
    assert found.by_count[1].from_moving.spread[7] == pytest.approx(spread.item(), rel=1e-4)
    assert found.by_count[1].attacked is None


def test_more_batches_come_nearer_to_the_most(load, batch):
    found = estimate(load, pictures(64, 3), batch, (1, 4, 16), size=4)
    far = [median(e.from_most.mean) for e in found.by_count]
    assert far[0] > far[1] > far[2] == 0


@pytest.mark.parametrize(("norm", "spreads", "scale", "ratio"), [("bn", (4.0, 16.0), 2, 2), ("rn", (4.0, 16.0), 4, 4)])
def test_distance_by_hand(norm, spreads, scale, ratio):
    """Means 6 apart; the scale is the variance's root, or the range. A channel without spread is left out."""
    model = nn.Sequential((BatchNorm2d if norm == "bn" else RobustNorm2d)(2))
    reference, ours = (
        {"0": probes.Statistics(torch.tensor([mean, mean]), torch.tensor([spread, 0.0]))}
        for mean, spread in zip((1.0, 7.0), spreads, strict=True)
    )
    found = distance(model, ours, reference)
    assert found.mean == (pytest.approx(6 / scale),)
    assert found.spread == (pytest.approx(math.log(ratio)),)


def test_a_pool_that_is_too_small_is_refused(load, batch):
    assert counts(7, 8) == ()
    assert counts(50, 8) == (1, 2, 4, 6)
    for chosen in (None, (9,), (0, 1)):
        with pytest.raises(UserError, match="are not"):
            estimate(load, pictures(7 if chosen is None else 64, 3), batch, chosen, size=8)


@pytest.mark.parametrize("mode", ["batch", "tracked-mean"])
def test_a_network_that_keeps_no_statistics_is_refused(batch, mode):
    with pytest.raises(UserError, match="nothing to estimate"):
        estimate(
            lambda: models.build("resnet20", "bn", width=0.25, statistics=mode).eval(), pictures(8, 3), batch, size=8
        )


def test_the_experiment_estimates_from_images_that_are_not_scored(small_zoo, monkeypatch):
    monkeypatch.setattr("rnorm_core.evaluation.tables.laboratories.STEPS", 2)
    network, images = Variant.of("cifar10-resnet20-bn"), ImageChoice.of_samples(count=8)
    request = precise_bn.Request(network, network.in_mode("batch"), images, 4, batch_size=4)
    partials = []
    result = precise_bn.run(request, lambda fraction, text, partial=None: partials.append(partial))
    everything = images.load(12)
    assert everything.ids[:8] == images.load().ids
    attack = attacks.make("pgd", 4 / 255, 2)
    expected = estimate(
        lambda: network.load(fold=False), everything.images[8:], images.load(), (1, 2, 3), size=4, attack=attack
    )
    assert result.estimates == {network: expected}
    shown = [[one.k for one in partial.estimates[network].by_count] for partial in partials if partial is not None]
    assert shown == [[1], [1, 2, 3], [1, 2, 3]]
