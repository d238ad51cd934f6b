"""DeepFool, CW-L2, DDN and FMN: they search for the smallest perturbation that fools the model. They take no eps and
run in foolbox.

An attack succeeds at eps if the image is fooled and its perturbation is at most eps: `Trace.success(eps)`. In the modes
where predictions depend on the batch, the search runs on the whole batch jointly. But it keeps the best iteration of
each image separately. So the resulting batch may fool fewer images than the search counted.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from rnorm_core import engine
from rnorm_core.attacks.attack import Attack
from rnorm_core.attacks.balls import L2
from rnorm_core.attacks.look import View, look, take_aim
from rnorm_core.attacks.losses import Aim
from rnorm_core.attacks.trace import Step, Trace
from rnorm_core.errors import UserError

if TYPE_CHECKING:
    from rnorm_core.data import Batch


@dataclass(frozen=True, eq=False)
class MinimumNorm(Attack):
    """`stream` yields the clean images and the result. `run` also calls `on_step` at every call of the model in
    between, with the current images of the search, to show progress and to allow a stop.
    """

    algorithm: str
    steps: int
    options: dict[str, Any]
    measures_by_ball = False

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
                "The model's weights are not frozen: foolbox would write gradients into them.",
                "Call model.requires_grad_(False).",
            )
        passes = engine.passes(model)
        aim = take_aim(passes, batch, self.targets)
        total = peer.calls(self.algorithm, self.steps, self.options) + 1
        yield self._step(aim, 0, total, look(passes, aim, aim.clean), aim.clean)

        index = 0

        def watched(images: Tensor) -> Tensor:
            nonlocal index
            with torch.set_grad_enabled(images.requires_grad):
                logits = passes.network(images)
            index = min(index + 1, total - 1)
            if on_call is not None:
                on_call(self._step(aim, index, total, _view(aim, logits.detach()), images.detach()))
            if self.algorithm == "ddn" and images.requires_grad:
                images.register_hook(lambda gradient: _revive(gradient, generator))
            return logits

        result = peer.search(self.algorithm, self.steps, self.options, watched, aim.clean, aim.labels, aim.targets)
        # CW returns a black image if it has no solution; rounding may exceed [0, 1] slightly.
        result = torch.where((result == 0).flatten(1).all(1)[:, None, None, None], aim.clean, result).clamp(0, 1)
        yield self._step(aim, total, total, look(passes, aim, result), result)


def _view(aim: Aim, logits: Tensor) -> View:
    loss = F.cross_entropy(logits, aim.classes, reduction="none")
    return View(loss, logits.softmax(1), None, loss)


def _revive(gradient: Tensor, generator: Generator | None) -> Tensor:
    """The gradient (N, 3, 32, 32), with a random direction from `generator` for images with zero gradient.

    Without this, DDN would draw the direction with torch's global seed.
    """
    dead = (gradient == 0).flatten(1).all(1)
    if not dead.any():
        return gradient
    return torch.where(dead[:, None, None, None], L2().surface(gradient, 1.0, generator), gradient)
