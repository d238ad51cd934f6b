"""Adversarial training: the training images are attacked before the network is trained on them."""

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from rnorm_core.norms import BRANCHES, DualBatchNorm2d, batch_statistics
from rnorm_core.training.recipe import Recipe


def logits_to_train(
    model: nn.Module, x: Tensor, labels: Tensor, recipe: Recipe, generator: Generator
) -> dict[str, Tensor]:
    """Kind of image, "clean" or "adversarial" -> float32 logits (N, classes) of the network in training mode.

    The loss is the mean over the kinds. If the recipe has no attack, all images are clean; if it has one, all images
    are adversarial (Madry et al. 2018). A network with dual norms is trained on both, each kind through its own branch
    (AdvProp, Xie et al. 2020). The recipe determines which images update the running statistics.
    """
    if not recipe.attack_eps_255:
        return {"clean": _run(model, x, recipe)}
    clean, adversarial = BRANCHES
    if _branch(model, adversarial):
        moved = perturb(model, x, labels, recipe, generator)
        logits = {"adversarial": _run(model, moved, recipe)}
        _branch(model, clean)
        return {"clean": _run(model, x, recipe)} | logits
    moved = perturb(model, x, labels, recipe, generator)
    if recipe.statistics_from != "adversarial":
        with torch.no_grad():
            _run(model, x, recipe)
    if recipe.statistics_from == "clean":
        with batch_statistics(model):
            return {"adversarial": _run(model, moved, recipe)}
    return {"adversarial": _run(model, moved, recipe)}


def perturb(model: nn.Module, x: Tensor, labels: Tensor, recipe: Recipe, generator: Generator) -> Tensor:
    """Images (N, 3, H, W) in [0, 1], changed to raise the loss for their labels (N,); they stay in [0, 1].

    The numbers of the recipe select one of two attacks. PGD (Madry et al. 2018): steps of a quarter of eps from a
    random point of the ball, projected. N-FGSM (de Jorge et al. 2022): one step of eps from a random point of a ball
    twice as large, not projected. The norms use the batch's statistics during the attack; no buffer and no gradient of
    the weights changes. Random numbers come from `generator`, on the CPU, so they are the same on every device.
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
    """Switches all dual norms to this branch; False if the network has none."""
    duals = [layer for layer in model.modules() if isinstance(layer, DualBatchNorm2d)]
    for layer in duals:
        layer.mode = mode
    return bool(duals)


def _run(model: nn.Module, x: Tensor, recipe: Recipe) -> Tensor:
    with torch.autocast(x.device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
        logits = model(x)
    return logits.float()
