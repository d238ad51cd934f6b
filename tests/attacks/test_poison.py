"""Poisoned neighbours flip an untouched victim where statistics are the batch's, and never where they are tracked."""

import json

import pytest
import torch
from torch.nn import functional as F

from rnorm_core import attacks
from rnorm_core.attacks import poison
from rnorm_core.errors import UserError

EPS = 8 / 255
NEIGHBOURS = tuple(range(1, 8))


def attack(**changes):
    return poison.make(**({"victims": [0], "poisoned": NEIGHBOURS, "eps": EPS, "steps": 10} | changes))


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_victims_and_bystanders_are_untouched_and_neighbours_stay_in_the_ball(net, batch, generator, norm):
    made, seen = attack(eps=0.5 if norm == "l2" else EPS, norm=norm), []
    trace = made.run(net("batch"), batch, generator(), seen.append)
    assert [step.index for step in seen] == list(range(11))
    for step in seen:
        rest = [0, *range(8, len(batch))]
        assert torch.equal(step.adversarial[rest], batch.images[rest])
        assert step.adversarial.min() >= 0
        assert step.adversarial.max() <= 1
        assert (made.ball.size(step.adversarial - batch.images) <= made.eps + 3e-6).all()
    assert (trace.sizes[-1, 1:8] > 0.5 * made.eps).all()


def test_an_untouched_victim_is_misclassified_with_batch_statistics_alone(net, make_patterns, generator):
    batch, flips = make_patterns(8, 5), {}
    for mode in ("batch", "tracked"):
        model = net(mode)
        traces = [
            attack(victims=[v], poisoned=[i for i in range(8) if i != v], eps=16 / 255, steps=20).run(
                model, batch, generator()
            )
            for v in range(8)
        ]
        flips[mode] = sum(int(poison.flipped(trace).sum()) for trace in traces)
        for v, trace in enumerate(traces):
            assert (trace.losses[-1, v] > trace.losses[0, v]) == (mode == "batch")
            if mode == "tracked":  # the neighbours have moved, and it says the very same of the victim
                assert trace.sizes[-1].count_nonzero() == 7
                assert torch.equal(trace.adversarial_probabilities[v], trace.clean_probabilities[v])
    assert flips["batch"] >= 3
    assert flips["tracked"] == 0


def test_what_poisons_a_batch_is_harmless_with_tracked_statistics(net, batch, generator):
    """The very images that raise the victim's loss in batch mode, looked at in tracked mode."""
    trace = attack().run(net("batch"), batch, generator())
    tracked = net("tracked")
    assert torch.equal(tracked(trace.adversarial)[0], tracked(batch.images)[0])


def test_the_gradient_is_zero_with_tracked_statistics_and_autograds_with_the_batchs(net, batch):
    assert (poison.influence(net("tracked"), batch, [0])[1:] == 0).all()
    assert poison.influence(net("tracked"), batch, [0])[0] > 0
    images, model = batch.images.clone().requires_grad_(), net("batch")
    F.cross_entropy(model(images)[:1], batch.labels[:1]).backward()
    found = poison.influence(model, batch, [0])
    torch.testing.assert_close(found, images.grad.abs().amax((1, 2, 3)))
    assert (found[1:] > 0).all()


def test_medians_have_a_slope_too_and_the_attack_climbs_it(net, batch, generator):
    model = net("batch-median")
    assert (poison.influence(model, batch, [0])[1:] > 0).all()  # through the variance, not through the median alone
    trace = attack().run(model, batch, generator())
    assert trace.losses[-1, 0] > trace.losses[0, 0]
    assert torch.equal(trace.adversarial[0], batch.images[0])


@pytest.mark.parametrize("name", ["pgd", "apgd"])
def test_attacks_of_the_catalogue_are_joint_with_medians(net, batch, generator, name):
    """They climb what the network computes: the images that fool it were scored in its own mode, in this batch."""
    model = net("batch-median")
    trace = attacks.make(name, EPS, 5).run(model, batch, generator())
    assert trace.right.sum() < trace.right_before.sum()
    torch.testing.assert_close(model(trace.adversarial).softmax(1), trace.adversarial_probabilities)


def test_from_the_clean_images_tracked_statistics_move_nothing(net, batch, generator):
    trace = attack(random_start=False).run(net("tracked"), batch, generator())
    assert torch.equal(trace.adversarial, batch.images)


def test_a_first_step_climbs_the_victims_loss_and_no_others(net, batch, generator):
    """By hand: one step from the clean images is the sign of the gradient of the victims' loss."""
    images, model = batch.images.clone().requires_grad_(), net("batch")
    F.cross_entropy(model(images)[[0, 9]], batch.labels[[0, 9]], reduction="sum").backward()
    expected = batch.images.clone()
    expected[3] = (batch.images[3] + EPS / 2 * images.grad[3].sign()).clamp(0, 1)
    made = attack(victims=[0, 9], poisoned=[3], steps=1, step_size=EPS / 2, random_start=False)
    trace = made.run(model, batch, generator())
    torch.testing.assert_close(trace.adversarial, expected, atol=1e-7, rtol=0)


def test_the_trace_makes_the_attack_again(net, batch, generator):
    trace = attack().run(net("batch"), batch, generator(3))
    again = poison.make(**json.loads(json.dumps(trace.spec))).run(net("batch"), batch, generator(3))
    assert torch.equal(trace.adversarial, again.adversarial)


@pytest.mark.parametrize(
    "wrong",
    [
        {"victims": []}, {"poisoned": []}, {"victims": [1]}, {"victims": [0, 0]}, {"victims": [-1]}, {"eps": -1},
        {"eps": float("nan")}, {"steps": 0}, {"norm": "l1"},
    ],
)  # fmt: skip
def test_what_makes_no_attack_is_refused(wrong):
    with pytest.raises(UserError, match=r"No attack is possible|There is no attack"):
        attack(**wrong)


def test_a_place_beyond_the_batch_is_refused(net, batch):
    with pytest.raises(UserError, match="no image with the index 40"):
        attack(poisoned=[40]).run(net("batch"), batch, None)
