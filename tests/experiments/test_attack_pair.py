"""One attack on two small random networks: what is crafted where, and what each network makes of it."""

from dataclasses import replace

import pytest
import torch

from rnorm_core import data, models, pixels
from rnorm_core.experiments import attack_pair
from rnorm_core.experiments.attack_pair import Request
from rnorm_core.zoo import Variant


@pytest.fixture
def variants(monkeypatch):
    """Two small networks with random weights; Variant.load gives a fresh one each time."""

    def load(variant: Variant, device: str):
        torch.manual_seed(len(variant.model))
        model = models.build("resnet20", variant.norm, width=0.25, statistics=variant.statistics)
        model.eval().requires_grad_(False)
        model.name, model.statistics, model.weight_hash = variant.model, variant.statistics, variant.weight_hash
        return model

    monkeypatch.setattr(Variant, "load", load)
    return Variant("left-bn", "tracked", "a" * 64, "bn", "BatchNorm, left-bn"), Variant(
        "right-rn", "batch", "b" * 64, "rn", "RobustNorm, right-rn"
    )


@pytest.fixture
def batch():
    return data.samples("cifar10").select([0, 1])


def request_of(variants, batch, **changes) -> Request:
    labels = tuple(batch.labels.tolist())
    return replace(Request(*variants, ids=batch.ids, labels=labels, steps=3, seed=5), **changes)


class Recorder:
    """A progress callback that keeps what it is given."""

    def __init__(self):
        self.fractions, self.texts = [], []

    def __call__(self, fraction, text, partial=None):
        self.fractions.append(fraction)
        self.texts.append(text)


def test_each_outcome_is_the_attack_anybody_can_run(variants, batch):
    request = request_of(variants, batch)
    result = attack_pair.run(request, batch=batch)
    assert result.request == request
    for variant, outcome in zip(variants, result.outcomes, strict=True):
        alone = request.make_attack().run(variant.load("cpu"), batch, torch.Generator().manual_seed(5))
        assert torch.equal(outcome.trace.adversarial, alone.adversarial)
        assert outcome.variant == variant
        assert outcome.crafted_here
        expected = variant.load("cpu")(pixels.after_png(alone.adversarial)).softmax(1)
        torch.testing.assert_close(outcome.saved, expected)
    assert [outcome.trace.joint for outcome in result.outcomes] == [False, True]


@pytest.mark.parametrize("attack", ["pgd", "deepfool"])
@pytest.mark.parametrize("here", ["left", "right"])
def test_a_transfer_has_the_others_images(variants, batch, here, attack):
    """At every step of an attack with an eps, at start and end of one that searches for the smallest change."""
    eps = 8 / 255 if attack == "pgd" else None
    result = attack_pair.run(request_of(variants, batch, craft=here, attack=attack, eps=eps), batch=batch)
    attacked, other = result.outcomes if here == "left" else result.outcomes[::-1]
    assert [outcome.variant for outcome in result.outcomes] == list(variants)
    assert attacked.crafted_here
    assert not other.crafted_here
    assert torch.equal(attacked.trace.adversarial, other.trace.adversarial)
    assert other.trace.model == other.variant.model
    assert other.trace.weight_hash == other.variant.weight_hash
    assert other.trace.joint == (other.variant.statistics == "batch")
    assert other.trace.probabilities.shape == attacked.trace.probabilities.shape
    model = other.variant.load("cpu")
    torch.testing.assert_close(other.trace.clean_probabilities, model(batch.images).softmax(1))
    torch.testing.assert_close(other.trace.adversarial_probabilities, model(attacked.trace.adversarial).softmax(1))


def test_progress_counts_the_steps_of_both_attacks(variants, batch):
    recorder = Recorder()
    attack_pair.run(request_of(variants, batch), recorder, batch=batch)
    assert recorder.fractions == sorted(recorder.fractions)
    assert recorder.fractions[-1] == 1
    assert recorder.texts[0] == f"{variants[0].label}: step 0 of 3"


def test_a_transfer_of_many_queries_has_the_answers_to_each(variants, batch):
    recorder, one = Recorder(), batch.select([0])
    request = request_of(variants, one, attack="square", eps=2 / 255, steps=350, craft="left")
    attacked, other = attack_pair.run(request, recorder, batch=one).outcomes
    assert len(recorder.texts) == 351
    alone = request.make_attack().run(attacked.variant.load("cpu"), one, torch.Generator().manual_seed(5))
    assert torch.equal(attacked.trace.adversarial, alone.adversarial)
    assert len(other.trace.probabilities) == 351
    expected = other.variant.load("cpu")(alone.adversarial).softmax(1)
    torch.testing.assert_close(other.trace.probabilities[-1], expected)


def test_equal_variants_can_be_attacked_and_transferred(variants, batch):
    left, _ = variants
    one, other = attack_pair.run(request_of((left, left), batch, craft="right"), batch=batch).outcomes
    torch.testing.assert_close(one.trace.probabilities, other.trace.probabilities)


def test_a_target_is_the_target_of_every_image(variants, batch):
    result = attack_pair.run(request_of(variants, batch, target=6), batch=batch)
    assert [outcome.trace.spec["targets"] for outcome in result.outcomes] == [[6, 6], [6, 6]]


def test_what_progress_raises_stops_the_attack(variants, batch):
    def stop(fraction, text, partial=None):
        raise InterruptedError

    with pytest.raises(InterruptedError):
        attack_pair.run(request_of(variants, batch), stop, batch=batch)


def test_other_images_than_the_requests_are_refused(variants, batch):
    request = request_of(variants, batch)
    for wrong in (batch.select([1, 0]), replace(batch, labels=batch.labels + 1)):
        with pytest.raises(ValueError, match="the request is for images"):
            attack_pair.run(request, batch=wrong)
