"""What every attack shares: an aim checked once, a look at the model, and the collecting of steps into a Trace."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from rnorm_core.attacks.balls import Ball
from rnorm_core.attacks.best import beats
from rnorm_core.attacks.trace import Step, Trace, fooled
from rnorm_core.errors import UserError
from rnorm_core.norms import RobustNorm2d, looks_at_batch

if TYPE_CHECKING:
    from rnorm_core.data import Batch

FINITE = "use weights that give finite answers on ordinary images."


class NotANumber(UserError, FloatingPointError):
    """A model's answer, or its gradient, is not a number: an attack that went on would look like robustness."""


@dataclass(frozen=True, eq=False)
class Aim:
    """What is attacked, on the model's device and in its precision: images (N, 3, 32, 32), labels and targets (N,)."""

    clean: Tensor
    labels: Tensor
    targets: Tensor | None
    highest: int  # the largest class named, known on the CPU so that checking it never waits for a GPU

    @property
    def classes(self) -> Tensor:
        """(N,) the classes whose cross entropy is driven up (labels) or down (targets)."""
        return self.labels if self.targets is None else self.targets

    @property
    def sign(self) -> float:
        return 1.0 if self.targets is None else -1.0

    def fooled(self, probabilities: Tensor) -> Tensor:
        """Bool (N,) from probabilities (N, K): what `Trace.fooled` says."""
        return fooled(probabilities, self.labels, self.targets)

    def select(self, index: Tensor) -> "Aim":
        targets = None if self.targets is None else self.targets[index]
        return Aim(self.clean[index], self.labels[index], targets, self.highest)


class View(NamedTuple):
    """What the model says of N images: loss (N,), the cross entropy; probabilities (N, K); score (N,), what the attack
    climbs, the loss unless it named something else; and, where asked, the gradient of the score.
    """

    loss: Tensor
    probabilities: Tensor
    gradient: Tensor | None
    score: Tensor


class Path(NamedTuple):
    """One restart: its losses and sizes (T, N), probabilities (T, N, K) and where it ended (N, 3, 32, 32)."""

    losses: Tensor
    sizes: Tensor
    probabilities: Tensor
    adversarial: Tensor


@dataclass(frozen=True, eq=False)
class Attack(ABC):
    """An attack ready to run, from `attacks.make`; it holds no state and may be run by several threads at once."""

    spec: dict[str, Any]
    ball: Ball
    targets: Tensor | None
    restarts: int

    @abstractmethod
    def stream(self, model: nn.Module, batch: "Batch", generator: Generator | None) -> Iterator[Step]:
        """One Step per iteration, the first for the clean images.

        Random numbers come from `generator` (on the CPU) alone. With restarts each is shown in turn; `run` keeps the
        best. Raises UserError when model, batch and targets do not fit together.
        """

    def run(
        self,
        model: nn.Module,
        batch: "Batch",
        generator: Generator | None,
        on_step: Callable[[Step], object] | None = None,
    ) -> Trace:
        """The whole attack. `on_step` is called for every step; what it raises ends the attack and reaches the caller.

        Of several restarts the best is kept: per image the one that fools, then the one with the better loss. Where
        predictions depend on the batch (Trace.joint) images of different restarts cannot be mixed: there one restart
        is kept for the whole batch, the one that fools most images, then the one with the better total loss.
        """
        return self._collect(model, batch, self.stream(model, batch, generator), on_step)

    def _collect(
        self, model: nn.Module, batch: "Batch", steps: Iterable[Step], on_step: Callable[[Step], object] | None
    ) -> Trace:
        statistics = statistics_of(model)
        start, labels, targets, best = None, batch.labels, None, None
        series: list[tuple[Tensor, Tensor, Tensor]] = []
        for step in steps:
            if on_step is not None:
                on_step(step)
            if start is None:
                start = step
                labels = labels.to(step.loss.device)
                labels = torch.where(labels < 0, step.probabilities.argmax(1), labels)
                targets = None if self.targets is None else self.targets.to(labels.device)
                continue
            series.append((step.loss, step.size, step.probabilities))
            if step.index % (step.total // self.restarts) == 0:  # a restart ends here
                losses, sizes, probabilities = (torch.stack(values) for values in zip(*series, strict=True))
                path, series = Path(losses, sizes, probabilities, step.adversarial), []
                if best is not None:
                    path = _choose(_better(path, best, labels, targets, looks_at_batch(statistics)), path, best)
                best = path
        assert start is not None
        assert best is not None
        if not best.adversarial.isfinite().all():
            raise NotANumber(
                "The gradient of this model is not a number somewhere; the attack cannot follow it.", FINITE
            )
        if not best.probabilities[-1].isfinite().all():  # it has a largest entry, and that means nothing
            raise NotANumber("The answer of this model is not a number somewhere; nothing follows from it.", FINITE)
        return Trace(
            spec=self.spec,
            model=getattr(model, "name", "unnamed"),
            statistics=statistics,
            weight_hash=getattr(model, "weight_hash", ""),
            ids=tuple(batch.ids),
            clean=start.adversarial.cpu(),
            adversarial=best.adversarial.cpu(),
            labels=labels.cpu(),
            targets=None if targets is None else targets.cpu(),
            clean_probabilities=start.probabilities.cpu(),
            adversarial_probabilities=best.probabilities[-1].cpu(),
            losses=torch.cat([start.loss[None], best.losses]).cpu(),
            probabilities=torch.cat([start.probabilities[None], best.probabilities]).cpu(),
            sizes=torch.cat([start.size[None], best.sizes]).cpu(),
            joint=looks_at_batch(statistics),
        )

    def _step(self, aim: Aim, index: int, total: int, view: View, images: Tensor, restart: int = 0) -> Step:
        size = self.ball.size(images - aim.clean)
        return Step(index, total, restart, view.loss, view.probabilities, size, images)


def take_aim(model: nn.Module, batch: "Batch", targets: Tensor | None) -> Aim:
    """Check that model, batch and targets (N,) fit together, and bring the images to the model's device and precision.

    Where a label is unknown (-1) the model's own clean prediction takes its place, which costs one forward pass.
    """
    if model.training:
        raise UserError(
            "The model is in training mode: attacking it would change its statistics.", "Call model.eval()."
        )
    images, labels = batch.images, batch.labels
    if not len(images):
        raise UserError("There is no image to attack.", "Choose at least one image.")
    if not (images.amin() >= 0 and images.amax() <= 1):  # put this way round, not-a-number fails too
        raise UserError(
            "The images do not lie in [0, 1].", "Divide 8-bit pixels by 255; models normalise by themselves."
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
    """One forward pass and, where asked, one backward pass to the images alone: the weights' `.grad` is never touched.

    climb: logits (N, K) and the aim -> score (N,), in place of the cross entropy; see `losses`.
    The gradient is that of the *sum* of the scores, so that an image's does not depend on the size of its batch.
    precision "bf16" is for looks that take a gradient; those that only look, and so decide, are in full precision.
    """
    images = images.detach().requires_grad_(gradient)
    rough = gradient and precision == "bf16"
    with torch.set_grad_enabled(gradient):
        with torch.autocast(images.device.type, torch.bfloat16, enabled=rough):
            logits = model(images)
        if logits.dtype in (torch.bfloat16, torch.float16):
            logits = logits.float()
        if aim.highest >= logits.shape[1]:
            raise UserError(
                f"Class {aim.highest} is named, but this model knows the classes 0 to {logits.shape[1] - 1}.",
                "Use labels and targets of the data set that the model was trained on.",
            )
        loss = F.cross_entropy(logits, aim.classes, reduction="none")
        score = loss if climb is None else climb(logits, aim)
        towards = torch.autograd.grad(score.sum(), images)[0] if gradient else None
    return View(loss.detach(), logits.detach().softmax(1), towards, score.detach())


def statistics_of(model: nn.Module) -> str:
    """The statistics mode a model predicts in: what it says of itself, or the first mode found among its layers
    that looks at the batch, or "tracked". `norms.looks_at_batch` says what follows from it."""
    said = getattr(model, "statistics", None)
    if isinstance(said, str):
        return said
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d | RobustNorm2d):
            mode = "batch" if layer.running_mean is None else getattr(layer, "mode", "tracked")
            if looks_at_batch(mode):
                return mode
    return "tracked"


def _better(new: Path, old: Path, labels: Tensor, targets: Tensor | None, joint: bool) -> Tensor:
    """Bool (N,): where the new restart is to be kept. See `Attack.run`."""
    new_fools = fooled(new.probabilities[-1], labels, targets)
    old_fools = fooled(old.probabilities[-1], labels, targets)
    gain = (new.losses[-1] - old.losses[-1]) * (1 if targets is None else -1)
    return beats(new_fools, old_fools, gain, joint)


def _choose(where: Tensor, new: Path, old: Path) -> Path:
    """Per image, `new` where the mask (N,) is true."""
    return Path(
        torch.where(where, new.losses, old.losses),
        torch.where(where, new.sizes, old.sizes),
        torch.where(where[:, None], new.probabilities, old.probabilities),
        torch.where(where[:, None, None, None], new.adversarial, old.adversarial),
    )
