"""One call of a model (`look`) and its output (View)."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnorm_core.attacks.losses import Aim, ce
from rnorm_core.engine import CrossEntropy, Eager, Score, check_classes
from rnorm_core.errors import UserError
from rnorm_core.norms import RobustNorm2d, looks_at_batch

if TYPE_CHECKING:
    from rnorm_core.data import Batch

FINITE = "use weights that give finite answers on ordinary images."


class NotANumber(UserError, FloatingPointError):
    """A model's output or its gradient is not finite. The attack stops: otherwise the model would look robust."""


class View(NamedTuple):
    """A model's output for N images.

    loss: (N,), the cross entropy. probabilities: (N, K). score: (N,), the loss or the attack's other score, see `look`.
    gradient: of the score with respect to the images, or None if it was not requested.
    """

    loss: Tensor
    probabilities: Tensor
    gradient: Tensor | None
    score: Tensor


def take_aim(passes: Eager, batch: "Batch", targets: Tensor | None) -> Aim:
    """Checks model, batch and targets (N,), and moves the images to the model's device and precision.

    An unknown label (-1) is replaced by the model's own clean prediction, which costs one forward pass. UserError if
    the model is in training mode, or if the batch or the targets do not fit.
    """
    if passes.network.training:
        raise UserError(
            "The model is in training mode: attacking it would change its statistics.", "Call model.eval()."
        )
    images, labels = batch.images, batch.labels
    if not len(images):
        raise UserError("There is no image to attack.", "Choose at least one image.")
    if not (images.amin() >= 0 and images.amax() <= 1):  # written in this form, the condition is also true for NaN
        raise UserError(
            "Some pixels are outside [0, 1].", "Divide 8-bit pixels by 255; the models normalise the images themselves."
        )
    if targets is not None and len(targets) != len(images):
        raise UserError(
            f"There are {len(targets)} targets for {len(images)} images.", "Give one target class per image."
        )
    named = labels if targets is None else torch.cat([labels.cpu(), targets])
    weight = next(passes.network.parameters(), images)
    precision = weight.dtype if weight.dtype in (torch.float32, torch.float64) else images.dtype
    images = images.to(weight.device, precision)
    labels = labels.to(weight.device, torch.int64)
    targets = None if targets is None else targets.to(weight.device)
    aim = Aim(images, labels, targets, int(named.max()), passes.name)
    if (labels >= 0).all():
        return aim
    own = look(passes, replace(aim, labels=labels.clamp(min=0), targets=None), images).probabilities.argmax(1)
    return replace(aim, labels=torch.where(labels < 0, own, labels))


def look(
    passes: Eager,
    aim: Aim,
    images: Tensor,
    *,
    gradient: bool = False,
    precision: str = "fp32",
    climb: Callable[[Tensor, Aim], Tensor] | None = None,
) -> View:
    """One forward pass and, if `gradient`, one backward pass to the images; the weights' `.grad` does not change.

    climb: a function of logits (N, K) and the aim that returns the score (N,), by default the cross entropy; see
    `losses`. The gradient is that of the *sum* of the scores, so an image's gradient does not depend on the batch size.
    precision "bf16" applies only to calls with a gradient. Calls without a gradient decide whether an image is fooled
    and always use full precision. UserError if a label or target is not a class of the model.
    """
    score = _score(aim, climb)
    if gradient:
        logits, value, slope = passes.ascend(images, score, precision)
    else:
        logits, slope = passes.logits(images), None
        value = score(logits)
    loss = value if climb is None else F.cross_entropy(logits, aim.classes, reduction="none")
    return View(loss, logits.softmax(1), slope, value)


def _score(aim: Aim, climb: Callable[[Tensor, Aim], Tensor] | None) -> Score:
    """The score for the engine, with its own type for the cross entropy: a compiled graph knows no other score."""
    if climb is None or climb is ce:
        return CrossEntropy(aim.classes, aim.highest, 1.0 if climb is None else aim.sign)
    return partial(_checked, climb, aim)


def _checked(climb: Callable[[Tensor, Aim], Tensor], aim: Aim, logits: Tensor) -> Tensor:
    check_classes(aim.highest, logits.shape[1])
    return climb(logits, aim)


def statistics_of(model: nn.Module) -> str:
    """The statistics mode of a model: its attribute `statistics`; else the first mode among its layers that depends on
    the batch (`norms.looks_at_batch`); else "tracked".
    """
    mode = getattr(model, "statistics", None)
    if isinstance(mode, str):
        return mode
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d | RobustNorm2d):
            mode = "batch" if layer.running_mean is None else getattr(layer, "mode", "tracked")
            if looks_at_batch(mode):
                return mode
    return "tracked"
