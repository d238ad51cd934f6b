"""The attacks on the trained networks and real images; each test says what is missing when it cannot run."""

import pytest
import torch

from rnorm_core import attacks, data, engine, norms
from rnorm_core.errors import UserError

MODELS = ("cifar10-resnet20-bn", "cifar10-resnet20-rn", "cifar10-resnet20-none")


@pytest.fixture
def load():
    zoo = pytest.importorskip("rnorm_core.zoo", reason="the model zoo does not exist")

    def load(name: str, **options):
        if name not in zoo.names():
            pytest.skip(f"{name} is not in the zoo")
        return zoo.load(name, **options)

    return load


@pytest.mark.parametrize("name", MODELS)
def test_targets_are_reached_more_often_than_chance(load, generator, name):
    model, samples = load(name), data.samples("cifar10")
    targets = (samples.labels + torch.randint(1, 10, (20,), generator=generator(1))) % 10
    pgd = attacks.make("pgd", 4 / 255, 10, targets=targets).run(model, samples, generator())
    noise = attacks.make("noise", 4 / 255, targets=targets).run(model, samples, generator())
    assert pgd.fooled.float().mean() > 0.5
    assert noise.fooled.float().mean() < 0.3


def test_strengths_are_in_order(load, generator):
    """Noise fools fewest, PGD as many as FGSM and more; the minimum-norm attack agrees with PGD about one eps."""
    model, samples, eps = load(MODELS[0]), data.samples("cifar10"), 1 / 255
    rows = {"noise": {}, "fgsm": {}, "pgd": {"steps": 10}}
    count = {
        n: int(attacks.make(n, eps, **options).run(model, samples, generator()).fooled.sum())
        for n, options in rows.items()
    }
    assert count["noise"] < count["fgsm"] <= count["pgd"] + 1, count
    fmn = attacks.make("fmn", steps=40).run(model, samples, generator())
    assert abs(int(fmn.success(eps).sum()) - count["pgd"]) <= 3


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("variant", ["folded", "bf16", "compiled"])
@pytest.mark.parametrize("name", MODELS[:2])
def test_folded_rough_and_compiled_gradients_succeed_as_often(load, generator, monkeypatch, name, variant):
    """On 2,000 images, the same start: the difference in success is no more than chance explains.

    The two attacks see the same images, so the test is McNemar's: of the images that only one of them fools, each is as
    likely to be that one. Three standard errors of that difference, and never more than 1 % of the images.
    """
    try:
        batch = data.load("cifar10", count=2000, seed=0)
    except UserError as error:
        pytest.skip(f"the full test set is not at hand: {error}")
    if len(batch) < 2000:
        pytest.skip("the full test set is not at hand")
    # An attack folds every frozen network by itself; weights that are not frozen are attacked as they are.
    exact, other = load(name).requires_grad_(variant != "bf16"), load(name)
    if variant == "compiled":
        monkeypatch.delenv("ROBUSTNORM_ENGINE", raising=False)
        engine.prepare(other, 125)
    precision = "bf16" if variant == "bf16" else "fp32"
    only_exact = only_other = fooled = 0
    for start in range(0, 2000, 125):
        part = batch.select(range(start, start + 125))
        a = attacks.make("pgd", 1 / 255, 10).run(exact, part, generator(start)).fooled
        b = attacks.make("pgd", 1 / 255, 10, precision=precision).run(other, part, generator(start)).fooled
        only_exact, only_other = only_exact + int((a & ~b).sum()), only_other + int((b & ~a).sum())
        fooled += int(a.sum())
    assert 200 < fooled < 1900, "at this eps there should be a difference to see"
    difference = abs(only_exact - only_other)
    assert difference <= max(3 * (only_exact + only_other) ** 0.5, 3), (only_exact, only_other)
    assert difference <= 20


@pytest.mark.parametrize("name", MODELS[:2])
def test_by_its_exact_gradient_a_median_only_looks_robust(load, generator, name):
    """The zoo's networks with medians show an attack the mean's gradient; see `norms.straight_through`."""
    model, samples, fooled = load(name, statistics=norms.MEDIAN), data.samples("cifar10"), []
    for stand_in in (True, False):
        for layer in model.modules():
            if isinstance(layer, norms.BatchNorm2d | norms.RobustNorm2d):
                layer.straight_through = stand_in
        fooled.append(int(attacks.make("pgd", 2 / 255, 10).run(model, samples, generator()).fooled.sum()))
    assert fooled[0] >= fooled[1] + 4
