"""APGD: losses and checkpoints by hand, the paper's algorithm in NumPy; and beside PGD on trained networks."""

import numpy as np
import pytest
import torch
from torch import nn

from rnorm_core import attacks, data, norms, zoo
from rnorm_core.attacks.apgd import checkpoints
from rnorm_core.attacks.losses import LOSSES, Aim
from rnorm_core.errors import UserError

# --- the losses, from their formulas ---------------------------------------------------------------------------------

LOGITS = torch.tensor([[3.0, 1.0, 0.0, -1.0], [3.0, 1.0, 0.0, -1.0], [0.5, 2.0, 4.0, 1.0]], dtype=torch.float64)
LABELS, TARGETS = torch.tensor([0, 1, 2]), torch.tensor([3, 0, 1])


def aim(targets=None) -> Aim:
    return Aim(torch.zeros((3, 3, 2, 2)), LABELS, targets, 3)


def test_margin():
    assert LOSSES["margin"](LOGITS, aim()).tolist() == [1 - 3, 3 - 1, 2 - 4]
    assert LOSSES["margin"](LOGITS, aim(TARGETS)).tolist() == [-1 - 3, 3 - 1, 2 - 4]


def test_difference_of_logits_ratio():
    """-(z_y - max_{i != y} z_i) / (z_1 - z_3), and -(z_y - z_t) / (z_1 - (z_3 + z_4) / 2)."""
    assert LOSSES["dlr"](LOGITS, aim()).tolist() == pytest.approx([-2 / 3, 2 / 3, -2 / 3])
    assert LOSSES["dlr"](LOGITS, aim(TARGETS)).tolist() == pytest.approx([-4 / 3.5, 2 / 3.5, -2 / 3.25])


@pytest.mark.parametrize("targets", [None, TARGETS], ids=["untargeted", "targeted"])
def test_the_ratio_is_the_same_at_every_scale_and_cross_entropy_is_not(targets):
    shown = aim(targets)
    torch.testing.assert_close(LOSSES["dlr"](1000 * LOGITS, shown), LOSSES["dlr"](LOGITS, shown))
    small, large = (
        torch.autograd.grad(LOSSES["ce"](z, shown).sum(), z)[0]
        for z in (LOGITS.clone().requires_grad_(), (1000 * LOGITS).requires_grad_())
    )
    assert small[0].abs().max() > 0.1
    assert large[0].abs().max() < 1e-12 or targets is not None


def test_cross_entropy_of_the_label_up_or_of_the_target_down():
    log_p = LOGITS.numpy() - np.log(np.exp(LOGITS.numpy()).sum(1, keepdims=True))
    assert LOSSES["ce"](LOGITS, aim()).tolist() == pytest.approx((-log_p[range(3), [0, 1, 2]]).tolist())
    assert LOSSES["ce"](LOGITS, aim(TARGETS)).tolist() == pytest.approx(log_p[range(3), [3, 0, 1]].tolist())


def test_equal_logits_have_a_gradient_that_is_a_number():
    for targets in (None, TARGETS):
        z = torch.zeros((3, 4)).requires_grad_()
        value = LOSSES["dlr"](z, aim(targets))
        assert value.tolist() == [0, 0, 0]
        assert torch.autograd.grad(value.sum(), z)[0].isfinite().all()


def test_the_ratio_wants_enough_classes(generator, make_batch):
    two = nn.Sequential(nn.Flatten(), nn.Linear(3072, 2)).requires_grad_(False).eval()
    batch = make_batch(torch.rand((2, 3, 32, 32), generator=generator()), torch.tensor([0, 1]))
    with pytest.raises(UserError, match=r"compares 3 classes.* 2"):
        attacks.make("apgd", loss="dlr").run(two, batch, generator())
    assert attacks.make("apgd", steps=5, loss="margin").run(two, batch, generator())


# --- the algorithm ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (100, (22, 41, 57, 70, 80, 87, 93, 99)),  # p = 0.22, 0.41, 0.57, 0.70, 0.80, 0.87, 0.93, 0.99
        (1000, (220, 410, 570, 700, 800, 870, 930, 990)),
        (20, (5, 9, 12, 14, 16, 18, 19)),  # rounded up; the last, 20, is the end
        (3, (1, 2)),
        (1, ()),
    ],
)
def test_checkpoints(steps, expected):
    assert checkpoints(steps) == expected


class Curved(nn.Module):
    """z = a x + b x^2 in each pixel, summed per class: bent, so that steps can go too far. Numbers a, b (K, 3072)."""

    def __init__(self, classes: int = 5) -> None:
        super().__init__()
        g = torch.Generator().manual_seed(3)
        self.a = nn.Parameter(torch.randn((classes, 3072), generator=g).double(), requires_grad=False)
        self.b = nn.Parameter(6 * torch.randn((classes, 3072), generator=g).double(), requires_grad=False)

    def forward(self, x):
        x = x.flatten(1) - 0.5
        return x @ self.a.T + x.square() @ self.b.T


def by_hand(model: Curved, clean: np.ndarray, labels: list[int], eps: float, steps: int):
    """Algorithm 1 of the paper on images (n, 3072) whose summed cross entropy decides for all of them together.

    Returns x_1 ... x_{steps - 1}, the result, and how often the step was halved.
    """
    a, b = model.a.numpy(), model.b.numpy()

    def f(x):
        z = (x - 0.5) @ a.T + (x - 0.5) ** 2 @ b.T
        log_p = z - z.max(1, keepdims=True)
        log_p = log_p - np.log(np.exp(log_p).sum(1, keepdims=True))
        losses = -log_p[np.arange(len(x)), labels]
        d = np.exp(log_p) - np.eye(len(a))[labels]
        return losses.sum(), d @ a + 2 * (d @ b) * (x - 0.5), int((z.argmax(1) != labels).sum())

    def P(x):
        return np.clip(np.clip(x, clean - eps, clean + eps), 0, 1)

    w = [0, *checkpoints(steps)]
    eta, halvings = 2 * eps, 0
    xs, fs = [clean], [f(clean)[0]]
    f_max, x_max = fs[0], clean
    best = (f(clean)[2], fs[0], clean)
    eta_at, f_max_at = {0: eta}, {0: f_max}
    path, ups = [], 0
    for k in range(1, steps + 1):
        z = P(xs[-1] + eta * np.sign(f(xs[-1])[1]))
        new = z if k == 1 else P(xs[-1] + 0.75 * (z - xs[-1]) + 0.25 * (xs[-1] - xs[-2]))
        value, _, fools = f(new)
        ups += value > fs[-1]
        xs.append(new)
        fs.append(value)
        if value > f_max:
            f_max, x_max = value, new
        best = max(best, (fools, value, new), key=lambda point: point[:2])
        if k in w:
            j = w.index(k)
            eta_at[k], f_max_at[k] = eta, f_max
            # eta in force since the last checkpoint against the one in force before it
            unchanged = j == 1 or eta_at[w[j]] == eta_at[w[j - 1]]
            if ups < 0.75 * (w[j] - w[j - 1]) or (unchanged and f_max_at[w[j]] == f_max_at[w[j - 1]]):
                eta, halvings = eta / 2, halvings + 1
                xs[-1], fs[-1] = x_max, f_max
            ups = 0
        path.append(xs[-1])
    return path[:-1], best[2], halvings


@pytest.mark.parametrize("joint", [False, True], ids=["by image", "joint"])
def test_it_is_the_papers_algorithm(make_batch, generator, joint):
    model, n, eps, steps = Curved().eval(), 4, 12 / 255, 60
    if joint:
        model.statistics = "batch"  # says that its images are to be judged together
    images, labels = torch.rand((n, 3, 32, 32), generator=generator(5)), torch.tensor([0, 1, 2, 3])
    seen = []
    attack = attacks.make("apgd", eps, steps, random_start=False)
    trace = attack.run(model, make_batch(images, labels), generator(), seen.append)
    clean = images.double().flatten(1).numpy()
    halvings = []
    for group in [list(range(n))] if joint else [[i] for i in range(n)]:
        path, best, halved = by_hand(model, clean[group], labels[group].tolist(), eps, steps)
        for step, expected in zip(seen[1:-1], path, strict=True):
            np.testing.assert_allclose(step.adversarial[group].flatten(1).numpy(), expected, rtol=0, atol=1e-10)
        np.testing.assert_allclose(trace.adversarial[group].flatten(1).numpy(), best, rtol=0, atol=1e-10)
        halvings.append(halved)
    assert trace.joint is joint
    assert 2 <= min(halvings) < len(checkpoints(steps)), halvings


@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("targeted", [False, True], ids=["untargeted", "targeted"])
def test_the_result_is_the_best_point_of_each_image(net, make_patterns, generator, loss, targeted):
    """One that fools before one that does not, then the one with the highest loss."""
    many, model, seen = make_patterns(30, 6), net(), []
    targets = (many.labels + 2) % 10 if targeted else None
    attack = attacks.make("apgd", 1 / 255, 12, loss=loss, random_start=False, targets=targets)
    trace = attack.run(model, many, generator(), seen.append)
    shown = Aim(many.images, many.labels, targets, 9)
    points = [step.adversarial for step in seen]
    scores = torch.stack([LOSSES[loss](model(x), shown) for x in points])
    fools = torch.stack([shown.fooled(model(x).softmax(1)) for x in points])
    for i in range(30):
        # the last iterate is not shown, so that the result may be better than all others
        best = max((bool(fools[t, i]), float(scores[t, i])) for t in range(len(seen) - 1))
        assert (bool(fools[-1, i]), float(scores[-1, i]) + 1e-5) >= best
    assert 0 < trace.fooled.sum() < 30, "at this eps there should be a difference to see"


def test_a_joint_search_never_mixes_images_of_different_points(net, make_patterns, generator):
    """Everything it shows is a batch that the model has seen as it is."""
    model, seen, asked = net("batch"), [], []

    class Watched(nn.Module):
        statistics = "batch"

        def forward(self, x):
            asked.append(x.detach().clone())
            return model(x)

    trace = attacks.make("apgd", 1 / 255, 15).run(Watched().eval(), make_patterns(20, 6), generator(), seen.append)
    for images in [trace.adversarial, *(step.adversarial for step in seen)]:
        assert any(torch.equal(images, x) for x in asked)
    assert {len(x) for x in asked} == {20}


@pytest.mark.parametrize("loss", LOSSES)
def test_stopping_early_fools_the_same_images_with_fewer_passes(net, make_patterns, generator, loss):
    model, batch, seen = net(), make_patterns(30, 6), []

    class Counted(nn.Module):
        def forward(self, x):
            seen.append(len(x))
            return model(x)

    found, passes = {}, {}
    for early in (False, True):
        seen.clear()
        attack = attacks.make("apgd", 1 / 255, 15, loss=loss, restarts=3, early_stop=early)
        found[early] = attack.run(Counted().eval(), batch, generator())
        passes[early] = sum(seen)
        assert attacks.make(**attack.spec).spec == attack.spec
    assert found[True].fooled.equal(found[False].fooled)
    assert 0 < found[True].fooled.sum() < 30, "at this eps there should be a difference to see"
    assert passes[True] < passes[False]
    left = ~found[True].fooled
    torch.testing.assert_close(found[True].adversarial[left], found[False].adversarial[left])


def test_nothing_stops_early_where_predictions_depend_on_the_batch(net, make_patterns, generator):
    with pytest.raises(UserError, match=r"stop early.*tracked"):
        attacks.make("apgd", 1 / 255, 5, early_stop=True).run(net("batch"), make_patterns(4, 6), generator())


# --- on trained networks ---------------------------------------------------------------------------------------------


def as_strong_as_pgd(name: str, mode: str, batch, generator, steps: int, slack: int) -> None:
    """At equal steps and from random starts of the same seed, APGD fools as many images, `slack` aside."""
    eps = (8 if zoo.card(name).recipe["name"].startswith("adv") else 1) / 255
    model = zoo.load(name, mode, fold=True)
    fooled = {"pgd": 0, "apgd": 0}
    for start in range(0, len(batch), 128):
        part = batch.select(range(start, min(start + 128, len(batch))))
        for kind in fooled:
            fooled[kind] += int(attacks.make(kind, eps, steps).run(model, part, generator(start)).fooled.sum())
    assert fooled["apgd"] >= fooled["pgd"] - slack, fooled
    assert fooled["pgd"] > len(batch) / 5, "at this eps there should be a difference to see"


# One of each norm, and the adversarially trained.
FEW = [
    name
    for name in zoo.names()
    if (card := zoo.card(name)).architecture == "resnet20" and card.seed == 0 and card.power in (None, 0.2)
]
NETS = [(name, mode) for name in FEW for mode in norms.modes(zoo.card(name).norm)]


@pytest.mark.parametrize("name", FEW)
def test_as_strong_as_pgd_on_the_samples(generator, name):
    mode = norms.modes(zoo.card(name).norm)[0]
    as_strong_as_pgd(name, mode, data.samples(zoo.card(name).dataset), generator, steps=10, slack=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("name", "mode"), NETS)
def test_as_strong_as_pgd(generator, name, mode):
    dataset = zoo.card(name).dataset
    if not any(source.complete for source in data.available(dataset)):
        pytest.skip(f"{dataset}'s full test set is not here (CIFAR_ROOT or the Hugging Face cache)")
    as_strong_as_pgd(name, mode, data.load(dataset, count=256), generator, steps=20, slack=2)
