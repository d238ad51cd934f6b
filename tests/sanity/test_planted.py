"""Fakes do what they say, call themselves fakes, and can be used like any model."""

import pytest
import torch

from rnorm_core import attacks, evaluation
from rnorm_core.errors import UserError
from rnorm_core.sanity import CHECKS, PLANTED, plant


@pytest.mark.parametrize("key", PLANTED)
def test_a_fake_says_so_and_keeps_what_is_known(net, key):
    model = net("batch")
    model.name, model.weight_hash = "cifar10-small", "ab" * 32
    fake = plant(key, model)
    assert fake.name.startswith("FAKE defence (")
    assert fake.name.endswith("around cifar10-small")
    assert (fake.weight_hash, attacks.statistics_of(fake)) == ("ab" * 32, "batch")
    assert model.name == "cifar10-small"
    assert set(PLANTED[key].caught_by) <= CHECKS.keys()


@pytest.mark.parametrize("key", PLANTED)
def test_attacks_and_evaluation_take_it(net, batch, key, generator):
    fake = plant(key, net())
    clean = evaluation.accuracy(fake, batch)
    assert clean.model == fake.name
    assert clean.value > 0.5  # still a classifier
    trace = attacks.make("pgd", 8 / 255, 3).run(fake, batch, generator())
    assert trace.model == fake.name


def test_quantised_pixels(net, batch):
    fake, model = plant("quantised", net()), net()
    rounded = (batch.images * 15).round() / 15
    assert torch.equal(fake(batch.images), model(rounded))
    assert len(rounded.unique()) <= 16


def test_saturated_answers_stay_the_same(net, batch):
    logits, said = net()(batch.images), plant("saturated", net())(batch.images)
    assert torch.equal(said.argmax(1), logits.argmax(1))
    assert torch.allclose(said, 1000 * logits)


def test_crowded_noise_is_the_neighbours(net, batch):
    fake = plant("crowded", net())
    one, two = batch.images[:4], torch.cat([batch.images[:3], batch.images[9:10]])
    assert torch.equal(fake(one), fake(one))
    assert not torch.allclose(fake(one)[:3], fake(two)[:3], atol=1e-2)


def test_an_unknown_fake_is_an_error(net):
    with pytest.raises(UserError, match="no planted defence"):
        plant("honest", net())
