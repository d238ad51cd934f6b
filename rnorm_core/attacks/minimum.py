"""DeepFool, CW-L2, DDN and FMN: the smallest perturbation that fools. They take no eps; foolbox does the searching.

An image counts as fooled at eps when it is fooled and its perturbation is no larger than eps: `Trace.success(eps)`.
In the modes where predictions depend on the batch the search is a joint one, too; it keeps each image's best from
different moments, so that the result, scored together, may fool fewer images than the search believed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from rnorm_core.attacks.attack import Aim, Attack, View, look, take_aim
from rnorm_core.attacks.balls import L2
from rnorm_core.attacks.trace import Step, Trace
from rnorm_core.errors import UserError

if TYPE_CHECKING:
    from rnorm_core.data import Batch


@dataclass(frozen=True, eq=False)
class MinimumNorm(Attack):
    """`stream` yields the clean images and the result. `run` calls `on_step` for every call of the model in between,
    with the images that the search tries, so that progress can be shown and the search ended.
    """

    algorithm: str
    steps: int
    options: dict[str, Any]

    def stream(self, model: nn.Module, batch: "Batch", generator: Generator | None) -> Iterator[Step]:
        return self._search(model, batch, generator, None)

    def run(
        self,
        model: nn.Module,
        batch: "Batch",
        generator: Generator | None,
        on_step: Callable[[Step], object] | None = None,
    ) -> Trace:
        return self._collect(model, batch, self._search(model, batch, generator, on_step), on_step)

    def _search(
        self,
        model: nn.Module,
        batch: "Batch",
        generator: Generator | None,
        on_call: Callable[[Step], object] | None,
    ) -> Iterator[Step]:
        from rnorm_core.attacks import peer  # foolbox is imported here, when it is needed

        if any(weight.requires_grad for weight in model.parameters()):
            raise UserError(
                "The model's weights are not frozen: foolbox would leave gradients in them.",
                "Call model.requires_grad_(False).",
            )
        aim = take_aim(model, batch, self.targets)
        total = peer.calls(self.algorithm, self.steps, self.options) + 1
        yield self._step(aim, 0, total, look(model, aim, aim.clean), aim.clean)

        index = 0

        def watched(images: Tensor) -> Tensor:
            nonlocal index
            with torch.set_grad_enabled(images.requires_grad):
                logits = model(images)
            index = min(index + 1, total - 1)
            if on_call is not None:
                on_call(self._step(aim, index, total, _view(aim, logits.detach()), images.detach()))
            if self.algorithm == "ddn" and images.requires_grad:
                images.register_hook(lambda gradient: _revive(gradient, generator))
            return logits

        found = peer.search(self.algorithm, self.steps, self.options, watched, aim.clean, aim.labels, aim.targets)
        # CW returns a black image where it found nothing; rounding may leave [0, 1] by a little.
        found = torch.where((found == 0).flatten(1).all(1)[:, None, None, None], aim.clean, found).clamp(0, 1)
        yield self._step(aim, total, total, look(model, aim, found), found)


def _view(aim: Aim, logits: Tensor) -> View:
    loss = F.cross_entropy(logits, aim.classes, reduction="none")
    return View(loss, logits.softmax(1), None, loss)


def _revive(gradient: Tensor, generator: Generator | None) -> Tensor:
    """Where an image's gradient is exactly zero, a random direction: DDN would draw it from the global seed."""
    dead = (gradient == 0).flatten(1).all(1)
    if not dead.any():
        return gradient
    return torch.where(dead[:, None, None, None], L2().surface(gradient, 1.0, generator), gradient)
