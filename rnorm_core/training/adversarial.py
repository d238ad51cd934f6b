"""Adversarial training: before a network is trained on images, they are moved against it."""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from rnorm_core.norms import BRANCHES, DualBatchNorm2d, batch_statistics
from rnorm_core.training.recipe import Recipe


def logits_to_train(
    model: nn.Module, x: Tensor, labels: Tensor, recipe: Recipe, generator: Generator
) -> dict[str, Tensor]:
    """What the network, in training mode, says of the images it is to be trained on: float32 logits (N, classes).

    By kind of image, "clean" and "adversarial"; the loss is the mean over the kinds. Clean images alone without an
    attack; with one adversarial images alone (Madry et al. 2018), unless the network has dual norms: then both kinds,
    each through its own branch (AdvProp, Xie et al. 2020). The running statistics move as the recipe says.
    """
    if not recipe.attack_eps_255:
        return {"clean": _run(model, x, recipe)}
    clean, adversarial = BRANCHES
    if _branch(model, adversarial):
        moved = perturb(model, x, labels, recipe, generator)
        found = {"adversarial": _run(model, moved, recipe)}
        _branch(model, clean)
        return {"clean": _run(model, x, recipe)} | found
    moved = perturb(model, x, labels, recipe, generator)
    if recipe.statistics_from != "adversarial":
        with torch.no_grad():
            _run(model, x, recipe)
    if recipe.statistics_from == "clean":
        with batch_statistics(model):
            return {"adversarial": _run(model, moved, recipe)}
    return {"adversarial": _run(model, moved, recipe)}


def perturb(model: nn.Module, x: Tensor, labels: Tensor, recipe: Recipe, generator: Generator) -> Tensor:
    """Images (N, 3, H, W) in [0, 1], moved to raise the loss on their labels (N,); they stay in [0, 1].

    One algorithm, two attacks: with steps of a quarter of eps from within the ball, projected, PGD (Madry et al.
    2018); with one step of eps from within twice the ball, not projected, N-FGSM (de Jorge et al. 2022). Norms use the
    batch's statistics meanwhile; no buffer and no gradient of the network's weights changes. Random numbers come from
    `generator`, on the CPU, so that they are the same everywhere.
    """
    eps, size, radius = (k / 255 for k in (recipe.attack_eps_255, recipe.attack_step_255, recipe.attack_start_255))
    start = torch.rand(x.shape, generator=generator).to(x.device)
    moved = (x + (2 * start - 1) * radius).clamp(0, 1)
    with batch_statistics(model):
        for _ in range(recipe.attack_steps):
            moved.requires_grad_()
            loss = F.cross_entropy(_run(model, moved, recipe), labels, reduction="sum")
            gradient = torch.autograd.grad(loss, moved)[0]
            moved = moved.detach() + size * gradient.sign()
            if recipe.attack_projected:
                moved = x + (moved - x).clamp(-eps, eps)
            moved = moved.clamp(0, 1)
    return moved


def _branch(model: nn.Module, mode: str) -> bool:
    """Sends everything through this branch of dual norms; False if there are none."""
    duals = [layer for layer in model.modules() if isinstance(layer, DualBatchNorm2d)]
    for layer in duals:
        layer.mode = mode
    return bool(duals)


def _run(model: nn.Module, x: Tensor, recipe: Recipe) -> Tensor:
    with torch.autocast(x.device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
        logits = model(x)
    return logits.float()
