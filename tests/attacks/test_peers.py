"""Our gradient attacks against foolbox's, and MI-FGSM also against its paper's formula in NumPy."""

import copy
import math

import numpy as np
import pytest
import torch
from torch import nn

from rnorm_core import attacks, data, engine, models
from rnorm_core.attacks.balls import BALLS

EPS, STEPS, STEP_SIZE = 4 / 255, 6, 1 / 255

# name, our options, foolbox's class, its options
ROWS = [
    ("fgsm", {}, "LinfFastGradientAttack", {}),
    ("bim", {"steps": STEPS, "step_size": STEP_SIZE}, "LinfBasicIterativeAttack", {"steps": STEPS}),
    ("pgd", {"steps": STEPS, "step_size": STEP_SIZE}, "LinfProjectedGradientDescentAttack", {"steps": STEPS}),
    ("pgd-l2", {"steps": STEPS, "step_size": 0.1}, "L2ProjectedGradientDescentAttack", {"steps": STEPS}),
    (
        "mi-fgsm",
        {"steps": STEPS, "step_size": STEP_SIZE, "accumulate": "sign", "momentum": 0.9},
        "LinfMomentumIterativeFastGradientMethod",
        {"steps": STEPS, "momentum": 0.9},
    ),
]


@pytest.fixture(scope="module")
def samples():
    return data.samples("cifar10")


@pytest.fixture(scope="module")
def resnet(samples):
    """ResNet-20 with the statistics of the samples: real images, real depth, no training needed."""
    torch.manual_seed(0)
    model = models.build("resnet20", "bn", width=0.25)
    model(samples.images)
    return model.requires_grad_(False).eval()


@pytest.fixture
def foolbox(monkeypatch):
    monkeypatch.setenv("GIT_PYTHON_REFRESH", "quiet")
    return pytest.importorskip("foolbox")


def theirs(foolbox, model, images, criterion, start, kind, options, eps, step_size):
    attack = getattr(foolbox.attacks, kind)(**options)
    if start is not None:
        import eagerpy

        attack.get_random_start = lambda x0, eps: eagerpy.astensor(start)
    if step_size is not None:
        attack.abs_stepsize = step_size
    return attack.run(foolbox.PyTorchModel(model, bounds=(0, 1), device="cpu"), images, criterion, epsilon=eps)


@pytest.mark.parametrize("targeted", [False, True], ids=["untargeted", "targeted"])
@pytest.mark.parametrize("precision", [torch.float32, torch.float64], ids=["fp32", "fp64"])
@pytest.mark.parametrize(("name", "ours", "kind", "options"), ROWS, ids=[row[0] for row in ROWS])
def test_equals_foolbox(foolbox, resnet, samples, generator, name, ours, kind, options, precision, targeted):
    if targeted and name == "fgsm":
        pytest.skip("foolbox's FGSM cannot aim at a class")
    model = copy.deepcopy(resnet).to(precision)
    images = samples.images.to(precision)
    eps = 0.4 if name == "pgd-l2" else EPS
    targets = (samples.labels + 3) % 10 if targeted else None
    start = None
    if name.startswith("pgd"):
        ball = BALLS["l2" if name == "pgd-l2" else "linf"]
        start = images + ball.inside(images, eps, generator(5))
    criterion = (
        foolbox.criteria.Misclassification(samples.labels)
        if targets is None
        else foolbox.criteria.TargetedMisclassification(targets)
    )
    network = engine.passes(model, len(images)).network  # ours folds the norms; foolbox gets the folded network, too
    expected = theirs(foolbox, network, images, criterion, start, kind, options, eps, ours.get("step_size"))
    trace = attacks.make(name, eps, targets=targets, **ours).run(model, samples, generator(5))
    assert (expected - images).abs().max() > 1 / 255, "foolbox's attack did nothing; the comparison would be empty"
    assert trace.adversarial.dtype == precision
    if name == "pgd-l2":
        # Its norms are summed in another order. Without signs that stays small; but in float32, on some machines, it
        # puts an activation on the other side of a ReLU's kink, and an image goes a slightly different way.
        tolerance = 2e-3 if precision == torch.float32 else 1e-14
        torch.testing.assert_close(trace.adversarial, expected, rtol=0, atol=tolerance)
    else:
        assert torch.equal(trace.adversarial, expected)


@pytest.mark.parametrize("name", ["fgsm", "bim", "pgd", "mi-fgsm"])
def test_folded_is_the_same_attack_in_float64(resnet, samples, generator, name):
    whole = copy.deepcopy(resnet).double()
    folded = models.fold(copy.deepcopy(resnet).double()).requires_grad_(False).eval()
    steps = {} if name == "fgsm" else {"steps": STEPS}
    a, b = (attacks.make(name, EPS, **steps).run(model, samples, generator()) for model in (whole, folded))
    torch.testing.assert_close(a.adversarial, b.adversarial, rtol=0, atol=1e-12)


def test_mi_fgsm_is_its_papers_formula(make_batch, generator):
    """Dong et al., algorithm 1, on a linear softmax classifier whose gradient is written out: no autograd involved."""
    steps, eps, mu = 7, 8 / 255, 0.8
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)).double().requires_grad_(False).eval()
    images = torch.rand((5, 3, 32, 32), generator=generator())
    labels = torch.tensor([0, 3, 9, 1, 1])
    weight, bias = (p.numpy() for p in model.parameters())

    clean = images.double().numpy().reshape(5, -1)
    x, g = clean.copy(), np.zeros_like(clean)
    for _ in range(steps):
        z = x @ weight.T + bias
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        gradient = (p - np.eye(10)[labels.numpy()]) @ weight
        g = mu * g + gradient / np.abs(gradient).sum(1, keepdims=True)
        x = np.clip(x + eps / steps * np.sign(g), np.maximum(clean - eps, 0), np.minimum(clean + eps, 1))

    trace = attacks.make("mi-fgsm", eps, steps, momentum=mu).run(model, make_batch(images, labels), generator())
    np.testing.assert_allclose(trace.adversarial.reshape(5, -1).numpy(), x, rtol=0, atol=1e-12)


def test_the_papers_momentum_is_not_foolboxs(net, batch, generator):
    """foolbox adds up signs, the paper adds up gradients of unit length: if these agreed, the option would be empty."""
    a, b = (attacks.make("mi-fgsm", accumulate=how).run(net(), batch, generator()) for how in ("l1", "sign"))
    assert (a.adversarial != b.adversarial).float().mean() > 0.01


def test_l2_start_is_uniform_in_the_ball(generator):
    """In n dimensions the radius to the power n is uniform."""
    n = 12
    ball = BALLS["l2"]
    delta = ball.inside(torch.zeros((4000, 3, 2, 2)), 2.0, generator())
    u = (ball.size(delta) / 2.0) ** n
    assert u.max() <= 1
    assert abs(u.mean() - 0.5) < 4 * math.sqrt(1 / 12 / 4000)
    assert abs(delta.mean()) < 0.02
