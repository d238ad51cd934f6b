"""One call of a model (`look`): the attacked images and their classes (Aim), and the model's output (View)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnorm_core.attacks.trace import fooled
from rnorm_core.errors import UserError
from rnorm_core.norms import RobustNorm2d, looks_at_batch

if TYPE_CHECKING:
    from rnorm_core.data import Batch

FINITE = "use weights that give finite answers on ordinary images."


class NotANumber(UserError, FloatingPointError):
    """A model's output or its gradient is not finite. The attack stops: otherwise the model would look robust."""


@dataclass(frozen=True, eq=False)
class Aim:
    """The images (N, 3, 32, 32) to attack, on the model's device and in its precision, with labels and targets (N,)."""

    clean: Tensor
    labels: Tensor
    targets: Tensor | None
    highest: int  # the largest class, kept on the CPU so that the check never waits for a GPU

    @property
    def classes(self) -> Tensor:
        """(N,) the classes of the cross entropy, which is increased (labels) or decreased (targets)."""
        return self.labels if self.targets is None else self.targets

    @property
    def sign(self) -> float:
        return 1.0 if self.targets is None else -1.0

    def fooled(self, probabilities: Tensor) -> Tensor:
        """Bool (N,) from probabilities (N, K): True where an image is fooled, as in `Trace.fooled`."""
        return fooled(probabilities, self.labels, self.targets)

    def select(self, index: Tensor) -> "Aim":
        targets = None if self.targets is None else self.targets[index]
        return Aim(self.clean[index], self.labels[index], targets, self.highest)


class View(NamedTuple):
    """A model's output for N images.

    loss: (N,), the cross entropy. probabilities: (N, K). score: (N,), the loss or the attack's other score, see `look`.
    gradient: of the score with respect to the images, or None if it was not requested.
    """

    loss: Tensor
    probabilities: Tensor
    gradient: Tensor | None
    score: Tensor


def take_aim(model: nn.Module, batch: "Batch", targets: Tensor | None) -> Aim:
    """Checks model, batch and targets (N,), and moves the images to the model's device and precision.

    An unknown label (-1) is replaced by the model's own clean prediction, which costs one forward pass. UserError if
    the model is in training mode, or if the batch or the targets do not fit.
    """
    if model.training:
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
    highest = int(named.max())
    weight = next(model.parameters(), images)
    precision = weight.dtype if weight.dtype in (torch.float32, torch.float64) else images.dtype
    images = images.to(weight.device, precision)
    labels = labels.to(weight.device, torch.int64)
    aim = Aim(images, labels, None if targets is None else targets.to(weight.device), highest)
    if (labels >= 0).all():
        return aim
    own = look(model, Aim(images, labels.clamp(min=0), None, highest), images).probabilities.argmax(1)
    return Aim(images, torch.where(labels < 0, own, labels), aim.targets, highest)


def look(
    model: nn.Module,
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
    images = images.detach().requires_grad_(gradient)
    reduced = gradient and precision == "bf16"
    with torch.set_grad_enabled(gradient):
        with torch.autocast(images.device.type, torch.bfloat16, enabled=reduced):
            logits = model(images)
        if logits.dtype in (torch.bfloat16, torch.float16):
            logits = logits.float()
        if aim.highest >= logits.shape[1]:
            raise UserError(
                f"A label or target is class {aim.highest}, but this model has the classes 0 to {logits.shape[1] - 1}.",
                "Use labels and targets of the data set that the model was trained on.",
            )
        loss = F.cross_entropy(logits, aim.classes, reduction="none")
        score = loss if climb is None else climb(logits, aim)
        slope = torch.autograd.grad(score.sum(), images)[0] if gradient else None
    return View(loss.detach(), logits.detach().softmax(1), slope, score.detach())


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
