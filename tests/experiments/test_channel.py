"""The experiment about one channel: its attack, the images it mixes, and what is computed once."""

import pytest
import torch

from rnorm_core import attacks, evaluation, zoo
from rnorm_core.data import ImageChoice
from rnorm_core.evaluation.measure import channel_values
from rnorm_core.experiments import channel as experiment
from rnorm_core.experiments.channel import ALL, NONE, ONE, Request
from rnorm_core.zoo import Variant

pytestmark = pytest.mark.usefixtures("small_zoo")
BN, LAYER = "cifar10-resnet20-bn", "blocks.0.second.norm"


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr("rnorm_core.evaluation.tables.laboratories.STEPS", 2)


def request_of(eps_255: float = 8) -> Request:
    return Request(Variant.of(BN, "tracked"), ImageChoice.of_samples(count=8, seed=3), eps_255, "cpu")


def test_the_attack_is_the_one_that_is_scored_elsewhere():
    result, batch = experiment.run(request_of()), request_of().images.load()
    model, attack = zoo.load(BN, device="cpu", fold=True), attacks.make("pgd", 8 / 255, 2)
    clean = evaluation.accuracy(model, batch, batch_size=8, seed=3)
    attacked = evaluation.accuracy(model, batch, attack, 8, seed=3)
    assert result.fooled is not None
    assert torch.equal(clean.hits & ~attacked.hits, result.fooled)


def test_the_clean_batch_is_the_partial_result():
    seen = []
    result = experiment.run(request_of(), lambda *call: seen.append(call))
    partial = [call[2] for call in seen if len(call) > 2 and call[2] is not None]
    assert [(p.attacked, p.request) for p in partial] == [(None, request_of())]
    assert partial[0].batch is result.batch
    fractions = [call[0] for call in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1


def test_none_one_or_all_images_are_attacked():
    result = experiment.run(request_of())
    clean = result.batch.images
    changed = {which: (result.images(which) != clean).flatten(1).any(1) for which in (NONE, ONE, ALL)}
    assert not changed[NONE].any()
    assert changed[ONE].nonzero().flatten().tolist() == [result.one]
    assert changed[ALL].all()
    assert torch.equal(result.images(ONE)[result.one], result.images(ALL)[result.one])
    assert float((result.images(ALL) - clean).abs().max()) <= 8 / 255 + 1e-6
    without = experiment.run(request_of(0))
    assert without.fooled is None
    assert torch.equal(without.images(ALL), clean)


def test_a_channel_is_computed_once_for_a_result(monkeypatch):
    result, calls, real = experiment.run(request_of(0)), [], channel_values.channel
    monkeypatch.setattr(channel_values, "channel", lambda *args: calls.append(args) or real(*args))
    first, second = (experiment.received(result, NONE, LAYER, 2) for _ in range(2))
    assert first is second
    assert len(calls) == 1
    expected = real(zoo.load(BN, "tracked", "cpu"), result.batch.images, LAYER, 2)
    assert torch.equal(first.values, expected.values)


def test_batches_are_halved_while_there_are_two():
    assert [experiment.batch_sizes(n) for n in (8, 20, 128)] == [
        (1, 2, 4, 8), (1, 2, 4, 8, 20), (1, 2, 4, 8, 16, 32, 64, 128),
    ]  # fmt: skip
