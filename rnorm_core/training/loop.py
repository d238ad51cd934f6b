"""The training loop: epochs, a checkpoint after each one, and the curve."""

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
    """The loss became NaN or infinite in `epoch` (from 1)."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        super().__init__(
            f"The loss is not a number any more in epoch {epoch}; the last checkpoint is from before that epoch.",
            "train with a lower peak learning rate (--lr).",
        )


def train(
    model: nn.Module,
    images: TrainingImages,
    recipe: Recipe,
    seed: int,
    checkpoint_path: Path,
    identity: dict,
    *,
    on_epoch: Callable[[dict], None] = lambda row: None,
    on_step: Callable[[int, int, float], None] = lambda step, total, loss: None,
    evaluate: Callable[[nn.Module], dict] = lambda model: {},
    stop: Callable[[dict], bool] = lambda row: False,
) -> list[dict]:
    """Trains `model` in place and returns the curve: one row per epoch.

    Continues from the checkpoint at `checkpoint_path`, if there is one. UserError if it belongs to another training;
    `identity` describes the training: architecture, norm, data, ... Diverged if the loss becomes NaN or infinite. A row
    holds epoch (from 1), train_loss and train_accuracy (both over the training images as the network sees them:
    augmented, and attacked if the recipe has an attack), lr, seconds, and the values of `evaluate(model)`. After
    adversarial training it also holds adversarial_train_accuracy, over the attacked images alone.

    The training ends after the first epoch whose row makes `stop(row)` true; the learning rate is then where it is.
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
        if curve and stop(curve[-1]):  # also where a checkpoint has got there
            break
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
    """One step of the optimizer: (loss, number of images classified as labelled for each kind of image)."""
    for group in optimizer.param_groups:
        group["lr"] = lr
    by_kind = logits_to_train(model, x, labels, recipe, generator)
    losses = [F.cross_entropy(logits, labels, label_smoothing=recipe.label_smoothing) for logits in by_kind.values()]
    loss = torch.stack(losses).mean()
    optimizer.zero_grad()
    loss.backward()
    if recipe.clip:
        nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    optimizer.step()
    return loss.detach(), {kind: (logits.argmax(1) == labels).sum() for kind, logits in by_kind.items()}


def _resume(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, identity: dict) -> list[dict]:
    if not path.exists():
        return []
    tensors, progress = checkpoint.read(path)
    saved = progress.get("identity", {})
    if saved | {"recipe": _defaults() | saved.get("recipe", {})} != identity:
        raise UserError(
            f"The checkpoint {path} belongs to another training: {saved} instead of {identity}.",
            "use the options of that training, delete the checkpoint, or name another folder with --work.",
        )
    checkpoint.restore(tensors, model, optimizer)
    return progress["curve"]


def _defaults() -> dict:
    """Values of the recipe's fields that older checkpoints lack."""
    return _plain({field.name: field.default for field in fields(Recipe) if field.default is not MISSING})


def _plain(recipe: dict) -> dict:
    """The recipe as it is after a round trip through JSON: lists instead of tuples."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in recipe.items()}
