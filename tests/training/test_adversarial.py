"""Adversarial training: the attacks as computed by hand, what they leave alone, which images move the statistics."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from rnorm_core.norms import DualBatchNorm2d, batch_statistics
from rnorm_core.training import checkpoint, loop
from rnorm_core.training.adversarial import logits_to_train, perturb
from rnorm_core.training.loop import train
from rnorm_core.training.recipe import RECIPES, recipe

FAST, PGD = (replace(RECIPES[name], precision="fp32") for name in ("adv", "adv-pgd"))
KINDS = ["adversarial", "clean", "both"]


def generator(seed: int = 3) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def batch(n: int = 16, size: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.rand(n, 3, size, size, generator=generator(0)), torch.arange(n) % 10


def buffers(model: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in model.named_buffers()}


def same(one: dict, other: dict) -> bool:
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


# --- the attack ------------------------------------------------------------------------------------------------------


class Linear(nn.Module):
    """Two classes, so that the sign of the loss's gradient is the same everywhere: known without computing it."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(2, 3 * 4 * 4, generator=generator(8)))

    def forward(self, x):
        return x.flatten(1) @ self.weight.T


@pytest.mark.parametrize(
    "plan", [FAST, PGD, replace(PGD, attack_steps=2, attack_eps_255=40)], ids=["n-fgsm", "pgd", "2"]
)
def test_it_is_the_attack_as_numpy_computes_it(plan):
    model, x, labels = Linear(), torch.rand(9, 3, 4, 4, generator=generator(1)), torch.arange(9) % 2
    weight, clean = model.weight.detach().numpy().astype(np.float64), x.numpy().astype(np.float64)
    upwards = np.sign(np.where(labels.numpy()[:, None] == 0, weight[1] - weight[0], weight[0] - weight[1]))
    upwards = upwards.reshape(clean.shape)
    start = torch.rand(x.shape, generator=generator()).numpy().astype(np.float64)
    expected = np.clip(clean + (2 * start - 1) * plan.attack_start_255 / 255, 0, 1)
    for _ in range(plan.attack_steps):
        expected = expected + plan.attack_step_255 / 255 * upwards
        if plan.attack_projected:
            expected = np.clip(expected, clean - plan.attack_eps_255 / 255, clean + plan.attack_eps_255 / 255)
        expected = np.clip(expected, 0, 1)
    found = perturb(model, x, labels, plan, generator())
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)
    assert not found.requires_grad


def test_pgd_stays_in_its_ball_and_n_fgsm_goes_beyond(build):
    x, labels = batch()
    x = x.round()  # black and white: everything is at an edge of [0, 1]
    model = build("bn").train()
    for plan, least, most in ((PGD, 7.9, 8), (FAST, 16, 24)):
        moved = perturb(model, x, labels, plan, generator())
        assert (moved.min(), moved.max()) == (0, 1)
        assert least < 255 * (moved - x).abs().max() <= most + 1e-3


def test_more_steps_raise_the_loss_more(build):
    x, labels = batch(32)
    model = build("bn").train()
    nn.init.normal_(model.classifier.weight)
    losses = []
    for steps in (0, 1, 7):
        moved = perturb(model, x, labels, replace(PGD, attack_steps=steps), generator())
        with batch_statistics(model), torch.no_grad():
            losses.append(nn.functional.cross_entropy(model(moved), labels).item())
    assert losses[0] + 0.5 < losses[1] < losses[2] - 0.5


@pytest.mark.parametrize("norm", ["bn", "rn", "gn", "none", "dualbn"])
@pytest.mark.parametrize("precision", ["bf16", "fp32"])
def test_the_attack_leaves_the_network_as_it_was(build, norm, precision):
    model, (x, labels) = build(norm).train(), batch()
    model(x).sum().backward()
    gradients = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    modes = [(getattr(layer, "mode", None), layer.training) for layer in model.modules()]
    before = buffers(model)
    perturb(model, x, labels, replace(PGD, precision=precision), generator())
    assert same(buffers(model), before)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert parameter.grad is gradient is None or torch.equal(parameter.grad, gradient)
        assert parameter.requires_grad
    assert [(getattr(layer, "mode", None), layer.training) for layer in model.modules()] == modes


@pytest.mark.parametrize("norm", ["bn", "rn"])
def test_with_batch_statistics_the_network_is_as_in_training(build, norm):
    model, (x, _) = build(norm), batch()
    nn.init.normal_(model.classifier.weight)
    expected = copy.deepcopy(model).train()(x)
    with batch_statistics(model.eval()):
        assert torch.equal(model(x), expected)
    assert not torch.allclose(model(x), expected, atol=1e-2)


def test_with_batch_statistics_modes_come_back_after_an_error(build):
    model = build("bn").train()
    with pytest.raises(KeyError), batch_statistics(model):
        raise KeyError
    assert all(layer.training and layer.mode == "tracked" for layer in model.modules() if hasattr(layer, "mode"))


# --- what is trained on, and what moves the statistics ---------------------------------------------------------------


@pytest.mark.parametrize("norm", ["bn", "rn"])
@pytest.mark.parametrize("statistics_from", KINDS)
def test_running_statistics_come_from_where_the_recipe_says(build, norm, statistics_from):
    (x, labels), plan = batch(), replace(FAST, statistics_from=statistics_from)
    model, expected = build(norm).train(), build(norm).train()
    moved = perturb(expected, x, labels, plan, generator())
    for images in {"clean": [x], "adversarial": [moved], "both": [x, moved]}[statistics_from]:
        expected(images)
    found = logits_to_train(model, x, labels, plan, generator())
    assert same(buffers(model), buffers(expected))
    assert list(found) == ["adversarial"]
    with batch_statistics(expected):
        torch.testing.assert_close(found["adversarial"], expected(moved))
    found["adversarial"].logsumexp(1).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_a_dual_norm_sees_each_kind_of_image_in_its_own_branch(build):
    (x, labels), plan = batch(), recipe("adv", "dualbn", precision="fp32")
    assert plan.statistics_from == "both"
    model, expected = build("dualbn").train(), build("dualbn").train()

    def use(mode: str) -> nn.Module:
        for layer in expected.modules():
            if isinstance(layer, DualBatchNorm2d):
                layer.mode = mode
        return expected

    moved = perturb(use("adversarial-branch"), x, labels, plan, generator())
    wanted = {"clean": use("clean-branch")(x), "adversarial": use("adversarial-branch")(moved)}
    found = logits_to_train(model, x, labels, plan, generator())
    for kind, logits in wanted.items():
        torch.testing.assert_close(found[kind], logits)
    assert same(buffers(model), buffers(expected))
    assert not torch.equal(model.stem.norm.clean.running_mean, model.stem.norm.adversarial.running_mean)
    sum(logits.logsumexp(1).sum() for logits in found.values()).backward()
    assert all(p.grad is not None for p in model.parameters())
    assert model.stem.norm.mode == "clean-branch"


def test_a_clean_recipe_trains_on_clean_images(build):
    (x, labels), model = batch(), build("dualbn").train()
    expected = copy.deepcopy(model)
    found = logits_to_train(model, x, labels, replace(RECIPES["fast"], precision="fp32"), generator())
    torch.testing.assert_close(found["clean"], expected(x))
    assert list(found) == ["clean"]


# --- the training ----------------------------------------------------------------------------------------------------


@pytest.fixture
def brief():
    """brief(norm, **changes): adversarial training in 2 epochs of 4 steps."""
    return lambda norm, **changes: recipe("adv", norm, **({"epochs": 2, "small_epochs": 1, "batch_size": 32} | changes))


class Interrupted(Exception):
    pass


@pytest.mark.parametrize(
    ("norm", "changes"),
    [("bn", {}), ("rn", {"statistics_from": "clean"}), ("none", {}), ("dualbn", {"attack_steps": 2})],
    ids=["bn", "rn", "none", "dualbn"],
)
def test_a_resumed_training_equals_an_uninterrupted_one(build, images, brief, tmp_path, norm, changes):
    plan, whole = brief(norm, **changes), build(norm)
    expected = train(whole, images(), plan, 4, tmp_path / "whole", {})

    def stop(row):
        if row["epoch"] == 1:
            raise Interrupted

    with pytest.raises(Interrupted):
        train(build(norm), images(), plan, 4, tmp_path / "cut", {}, on_epoch=stop)
    again = build(norm, seed=99)
    torch.rand(7)
    curve = train(again, images(), plan, 4, tmp_path / "cut", {})
    assert [row | {"seconds": 0} for row in curve] == [row | {"seconds": 0} for row in expected]
    assert same(again.state_dict(), whole.state_dict())
    assert (tmp_path / "cut").stat().st_size == (tmp_path / "whole").stat().st_size


@pytest.mark.parametrize("norm", ["rn", "dualbn"])
def test_the_curve_says_how_many_adversarial_images_were_right(build, images, brief, tmp_path, norm):
    *_, last = train(build(norm), images(), brief(norm, epochs=1), 0, tmp_path / "c", {})
    assert 0 <= last["adversarial_train_accuracy"] <= 1
    assert (last["adversarial_train_accuracy"] == last["train_accuracy"]) is (norm == "rn")
    clean = train(build(norm), images(), brief(norm, attack_eps_255=0, epochs=1), 0, tmp_path / "clean", {})
    assert "adversarial_train_accuracy" not in clean[-1]


def test_a_checkpoint_from_before_there_was_adversarial_training_goes_on(build, images, short, tmp_path, monkeypatch):
    def old(path, model, optimizer, progress):
        plan = {key: value for key, value in progress["identity"]["recipe"].items() if "attack" not in key}
        del plan["statistics_from"]
        save(path, model, optimizer, progress | {"identity": progress["identity"] | {"recipe": plan}})

    save = checkpoint.save
    with monkeypatch.context() as patch:
        patch.setattr(loop.checkpoint, "save", old)
        train(build(), images(), short(epochs=1), 0, tmp_path / "c", {})
    rows = []
    train(build(), images(), short(epochs=1), 0, tmp_path / "c", {}, on_epoch=rows.append)
    assert rows == []


def test_the_shipped_recipes():
    fast, slow = recipe("adv", "bn"), recipe("adv-pgd", "bn")
    assert (fast.attack_eps_255, fast.attack_steps, fast.attack_step_255, fast.attack_start_255) == (8, 1, 8, 16)
    assert (slow.attack_eps_255, slow.attack_steps, slow.attack_step_255, slow.attack_start_255) == (8, 7, 2, 8)
    assert slow.attack_projected
    assert not fast.attack_projected
    assert fast.statistics_from == slow.statistics_from == "adversarial"
    assert recipe("fast", "dualbn").statistics_from == "clean"
    assert recipe("fast", "bn").attack_eps_255 == 0
