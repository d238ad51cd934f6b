"""The training loop: epochs, a checkpoint after each, and the curve."""

import time
from collections.abc import Callable
from dataclasses import MISSING, asdict, fields
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnorm_core.errors import UserError
from rnorm_core.models import fastest_layout
from rnorm_core.training import checkpoint
from rnorm_core.training.adversarial import logits_to_train
from rnorm_core.training.augment import TrainingImages
from rnorm_core.training.recipe import Recipe


class Diverged(UserError):
    """The loss is not a number any more; `epoch`, from 1, is the one in which that happened."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        super().__init__(
            f"The loss is not a number any more in epoch {epoch}; the last checkpoint is from before it.",
            "train with a lower peak learning rate (--lr).",
        )


def train(
    model: nn.Module,
    images: TrainingImages,
    recipe: Recipe,
    seed: int,
    checkpoint_path: Path,
    identity: dict,
    on_epoch: Callable[[dict], None] = lambda row: None,
    on_step: Callable[[int, int, float], None] = lambda step, total, loss: None,
    evaluate: Callable[[nn.Module], dict] = lambda model: {},
) -> list[dict]:
    """Trains `model` in place and returns the curve: one row per epoch.

    Continues from `checkpoint_path` if it is there, and refuses one of another training (`identity` names what is
    trained: architecture, norm, data, ...). A row holds epoch (from 1), train_loss, train_accuracy (both over the
    images as they were trained on: augmented, and adversarial where the recipe says so), lr, seconds, and what
    `evaluate` adds; after adversarial training also adversarial_train_accuracy, over the adversarial images alone.
    """
    if len(images) < recipe.batch_size:
        raise UserError(f"{len(images)} images do not fill a batch of {recipe.batch_size}.", "train on more images.")
    device = images.labels.device
    model.to(device, memory_format=fastest_layout(model))  # pyright: ignore[reportCallIssue]  (not in torch's stub)
    optimizer = torch.optim.SGD(
        model.parameters(), recipe.peak_lr, recipe.momentum, weight_decay=recipe.weight_decay, nesterov=recipe.nesterov
    )
    identity = identity | {"recipe": _plain(asdict(recipe)), "seed": seed}
    curve = _resume(checkpoint_path, model, optimizer, identity)
    steps = len(images) // recipe.batch_size
    for epoch in range(len(curve), recipe.epochs):
        began = time.monotonic()
        model.train()
        total_loss, correct = torch.zeros((), device=device), dict[str, Tensor]()
        generator = torch.Generator().manual_seed(2**32 + seed * 1_000_003 + epoch)  # of the attack
        for i, (x, labels) in enumerate(images.epoch(recipe, epoch, seed)):
            lr = recipe.lr_at(epoch * steps + i, steps)
            loss, hits = _step(model, optimizer, x, labels, recipe, lr, generator)
            total_loss += loss
            correct = {kind: correct.get(kind, 0) + right for kind, right in hits.items()}
            if i % 20 == 19:
                on_step(epoch * steps + i + 1, recipe.epochs * steps, float(loss))
        shares = {kind: float(right) / (steps * recipe.batch_size) for kind, right in correct.items()}
        row = {
            "epoch": epoch + 1,
            "train_loss": round(float(total_loss) / steps, 5),
            "train_accuracy": round(sum(shares.values()) / len(shares), 5),
            "lr": round(lr, 6),
            "seconds": round(time.monotonic() - began, 1),
        }
        if "adversarial" in shares:
            row["adversarial_train_accuracy"] = round(shares["adversarial"], 5)
        if not torch.isfinite(total_loss):
            raise Diverged(epoch + 1)
        curve.append(row | evaluate(model))
        checkpoint.save(checkpoint_path, model, optimizer, {"identity": identity, "curve": curve})
        on_epoch(curve[-1])
    return curve


def _step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    x: Tensor,
    labels: Tensor,
    recipe: Recipe,
    lr: float,
    generator: torch.Generator,
) -> tuple[Tensor, dict[str, Tensor]]:
    """(loss, how many were right by kind of image)."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    found = logits_to_train(model, x, labels, recipe, generator)
    losses = [F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing) for logits in found.values()]
    loss = torch.stack(losses).mean()
    optimizer.zero_grad()
    loss.backward()
    if recipe.clip:
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    optimizer.step()
    return loss.detach(), {kind: (logits.argmax(1) == labels).sum() for kind, logits in found.items()}


def _resume(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, identity: dict) -> list[dict]:
    if not path.exists():
        return []
    tensors, progress = checkpoint.read(path)
    found = progress.get("identity", {})
    if found | {"recipe": _defaults() | found.get("recipe", {})} != identity:
        raise UserError(
            f"The checkpoint {path} belongs to another training: {found} instead of {identity}.",
            "make the choices it was begun with, delete it, or name another folder with --work.",
        )
    checkpoint.restore(tensors, model, optimizer)
    return progress["curve"]


def _defaults() -> dict:
    """What a recipe's fields were in checkpoints from before there were such fields."""
    return _plain({field.name: field.default for field in fields(Recipe) if field.default is not MISSING})


def _plain(recipe: dict) -> dict:
    """As JSON gives it back."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in recipe.items()}
