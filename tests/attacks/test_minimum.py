"""The minimum-norm attacks: what they find, their ticks, and foolbox's traps."""

import pytest
import torch
from torch import nn

from rnorm_core import attacks
from rnorm_core.attacks import CATALOGUE
from rnorm_core.attacks.balls import BALLS
from rnorm_core.errors import UserError

MINIMUM = [name for name, entry in CATALOGUE.items() if entry.family == "minimum-norm"]
L2 = [name for name in MINIMUM if CATALOGUE[name].norm == "l2"]


@pytest.fixture
def line(generator):
    """A linear two-class model in float64: the smallest perturbation is |margin| / dual norm of the weights."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 2)).double()
    weight = torch.randn((2, 3072), generator=generator(3)).double() / 50
    model[1].weight.data, model[1].bias.data = weight, torch.zeros(2).double()
    return model.requires_grad_(False).eval()


@pytest.mark.parametrize("name", MINIMUM)
def test_finds_the_distance_to_a_plane(line, make_batch, generator, name):
    images = 0.5 + 0.05 * torch.randn((8, 3, 32, 32), generator=generator(4))
    logits = line(images.double())
    batch = make_batch(images, logits.argmax(1))
    w = line[1].weight[0] - line[1].weight[1]
    dual = w.abs().sum() if CATALOGUE[name].norm == "linf" else w.norm()
    distance = (logits[:, 0] - logits[:, 1]).abs() / dual
    trace = attacks.make(name, steps=200).run(line, batch, generator())
    assert trace.fooled.all()
    ratio = trace.sizes[-1] / distance
    assert (ratio >= 1 - 1e-6).all(), "nothing smaller exists"
    assert ratio.max() < 1.35, ratio


@pytest.mark.parametrize("name", MINIMUM)
def test_the_trace_is_honest(net, batch, generator, name):
    model = net()
    trace = attacks.make(name).run(model, batch, generator())
    assert trace.adversarial.min() >= 0
    assert trace.adversarial.max() <= 1
    size = BALLS[CATALOGUE[name].norm].size(trace.adversarial - batch.images)
    torch.testing.assert_close(trace.sizes[-1], size)
    assert trace.sizes.shape == trace.losses.shape == (2, 12)
    assert torch.equal(trace.fooled, model(trace.adversarial).argmax(1) != batch.labels)
    assert trace.fooled.float().mean() > 0.9
    middle = float(size.median())
    assert torch.equal(trace.success(middle), trace.fooled & (size <= middle))
    assert 0 < trace.success(middle).sum() < 12
    assert "eps" not in trace.spec


def test_the_l2_attacks_agree(net, make_patterns, generator):
    """Different searches for one number: medians close together, and fixed-eps PGD at that eps fools about half."""
    model, many = net(), make_patterns(32, 6)
    medians = {name: attacks.make(name).run(model, many, generator()).sizes[-1].median().item() for name in L2}
    assert max(medians.values()) < 1.3 * min(medians.values()), medians
    pgd = attacks.make("pgd-l2", 1.05 * min(medians.values()), 40).run(model, many, generator())
    assert 0.35 < pgd.fooled.float().mean() < 0.75


def test_linf_fmn_agrees_with_pgd(net, make_patterns, generator):
    model, many = net(), make_patterns(32, 6)
    median = attacks.make("fmn").run(model, many, generator()).sizes[-1].median().item()
    fooled = attacks.make("pgd", median, 40).run(model, many, generator()).fooled.float().mean()
    assert 0.35 < fooled < 0.75


@pytest.mark.parametrize("name", [name for name in MINIMUM if CATALOGUE[name].targeted])
def test_targets_are_reached(net, batch, generator, name):
    targets = (batch.labels + 3) % 10
    targets[0] = batch.labels[0]
    trace = attacks.make(name, targets=targets).run(net(), batch, generator())
    assert trace.fooled[1:].float().mean() > 0.7
    assert not trace.fooled[0]
    assert torch.equal(trace.fooled[1:], (trace.adversarial_probabilities.argmax(1) == targets)[1:])


@pytest.mark.parametrize("name", MINIMUM)
def test_every_call_of_the_model_is_a_tick(net, batch, generator, name):
    class Counted(nn.Sequential):
        calls = 0

        def forward(self, x):
            self.calls += 1
            return super().forward(x)

    model, steps = Counted(*net()).requires_grad_(False).eval(), []
    trace = attacks.make(name, steps=6).run(model, batch, generator(), steps.append)
    assert len(steps) == model.calls > 5
    assert [s.index for s in steps[:-1]] == list(range(len(steps) - 1))
    assert steps[-1].index == steps[-1].total >= len(steps) - 1
    assert torch.equal(steps[-1].adversarial, trace.adversarial)
    assert not any(s.adversarial.requires_grad or s.loss.requires_grad for s in steps)
    assert len(list(attacks.make(name, steps=6).stream(model, batch, generator()))) == 2


@pytest.mark.parametrize("name", MINIMUM)
def test_what_was_not_found_is_not_a_black_image(net, batch, generator, name):
    """With one step there is next to nothing to be found; foolbox's CW then returns zeros."""
    options = {"binary_search_steps": 1, "initial_const": 1e-6} if name == "cw" else {}
    trace = attacks.make(name, steps=1, **options).run(net(), batch, generator())
    assert (trace.adversarial.flatten(1).amax(1) > 0).all()
    assert (trace.sizes[-1] < 5).all()


def test_a_dead_gradient_is_revived_from_the_generator(batch, generator):
    """DDN draws a direction where the gradient is zero; foolbox would draw it from the global seed."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)).requires_grad_(False).eval()
    model[1].weight.zero_()
    results = []
    for seed in (0, 0, 1):
        seen: list = []
        attacks.make("ddn", steps=3).run(model, batch, generator(seed), seen.append)
        results.append(seen[3].adversarial)
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


@pytest.mark.parametrize("name", MINIMUM)
def test_refuses_weights_that_would_gather_gradients(net, batch, generator, name):
    model = net().requires_grad_(True)
    with pytest.raises(UserError, match="not frozen"):
        attacks.make(name).run(model, batch, generator())


def test_joint_modes_are_named(net, batch, generator):
    model = net("batch")
    trace = attacks.make("ddn", steps=20).run(model, batch, generator())
    assert trace.joint
    torch.testing.assert_close(trace.adversarial_probabilities, model(trace.adversarial).softmax(1))
