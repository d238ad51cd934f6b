"""Poisoned neighbours: some images of a batch are perturbed so that others of it, which nobody touches, are misread.

Possible only where predictions depend on the batch: with tracked statistics the gradient of a victim's loss with
respect to its neighbours is zero, and nothing that is done to them changes what is said of the victim. Source: Wu et
al. 2023 (arXiv 2301.12576), the distribution-invading attack.

Not in the catalogue, whose attacks treat all images of a batch alike.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from rnorm_core.attacks.attack import Aim, Attack, look, take_aim
from rnorm_core.attacks.balls import BALLS, PIXELS
from rnorm_core.attacks.catalogue import room_to_turn
from rnorm_core.attacks.trace import Step, Trace
from rnorm_core.errors import UserError

if TYPE_CHECKING:
    from rnorm_core.data import Batch


@dataclass(frozen=True, eq=False)
class Poison(Attack):
    """Steepest ascent on the victims' summed loss, with steps that only the poisoned images take; from `make`.

    victims, poisoned: places in the batch. Images that are neither stay as they are, too. eps and step_size are in
    pixel units. In the Trace the victims' pixels are those of the clean batch, bit by bit; `make(**trace.spec)` makes
    the same attack again.
    """

    eps: float
    steps: int
    step_size: float
    random_start: bool
    victims: tuple[int, ...]
    poisoned: tuple[int, ...]

    def stream(self, model: nn.Module, batch: "Batch", generator: Generator | None) -> Iterator[Step]:
        aim = take_aim(model, batch, None)
        if max(*self.victims, *self.poisoned) >= len(batch):
            raise UserError(
                f"A batch of {len(batch)} images has no image at place {max(*self.victims, *self.poisoned)}.",
                "choose victims and neighbours among the images of the batch.",
            )
        clean = aim.clean
        moves = _marked(self.poisoned, clean)[:, None, None, None]
        climb = _loss_of(_marked(self.victims, clean))
        view = look(model, aim, clean, gradient=not self.random_start, climb=climb)
        yield self._step(aim, 0, self.steps, view, clean)
        x = clean
        if self.random_start:
            x = torch.where(moves, (clean + self.ball.inside(clean, self.eps, generator)).clamp(0, 1), clean)
            view = look(model, aim, x, gradient=True, climb=climb)
        for t in range(1, self.steps + 1):
            assert view.gradient is not None
            stepped = x.add(self.ball.steepest(view.gradient), alpha=self.step_size)
            x = torch.where(moves, (clean + self.ball.project(stepped - clean, self.eps)).clamp(0, 1), clean)
            view = look(model, aim, x, gradient=t < self.steps, climb=climb)
            yield self._step(aim, t, self.steps, view, x)


def make(
    victims: Sequence[int],
    poisoned: Sequence[int],
    eps: float = 8 / 255,
    steps: int = 20,
    *,
    step_size: float | None = None,
    random_start: bool = True,
    norm: str = "linf",
    name: str = "poison",
) -> Poison:
    """The attack on the images at `victims` by those at `poisoned`, places from 0 in the batch that it will be run on.

    step_size: by default the steps together could walk 2.5 times to the edge of the ball, as for PGD.
    UserError for places that are both or neither, or for numbers that make no attack.
    """
    fix = "choose at least one victim and one neighbour, each image once."
    places = [*victims, *poisoned]
    if not victims or not poisoned or len(set(places)) < len(places) or min(places) < 0:
        raise UserError(f"Victims {list(victims)} and poisoned neighbours {list(poisoned)} make no attack.", fix)
    if norm not in BALLS or name != "poison":
        raise UserError(f"There is no attack {name!r} in the norm {norm!r}.", f"choose one of {', '.join(BALLS)}.")
    if not 0 <= eps <= BALLS[norm].widest or steps < 1:
        raise UserError(
            f"eps {eps!r} and {steps!r} steps make no attack.", "eps is in pixel units, from 0; take one step or more."
        )
    step_size = room_to_turn(eps, steps) if step_size is None else step_size
    victims, poisoned = tuple(map(int, victims)), tuple(map(int, poisoned))
    spec: dict[str, Any] = {
        "name": name, "victims": list(victims), "poisoned": list(poisoned), "eps": eps, "steps": steps,
        "step_size": step_size, "random_start": random_start, "norm": norm,
    }  # fmt: skip
    return Poison(spec, BALLS[norm], None, 1, eps, steps, step_size, random_start, victims, poisoned)


def flipped(trace: Trace) -> Tensor:
    """Bool (V,): which victims of a `Poison` were right, and are wrong now."""
    was_right = trace.clean_probabilities.argmax(1) == trace.labels
    return (was_right & trace.fooled)[trace.spec["victims"]]


def influence(model: nn.Module, batch: "Batch", victims: Sequence[int]) -> Tensor:
    """(N,): the largest slope, over the pixels of each image, of the victims' summed loss. On the CPU.

    What a neighbour can do to the victims, to first order; exactly 0 where predictions do not depend on the batch.
    """
    aim = take_aim(model, batch, None)
    gradient = look(model, aim, aim.clean, gradient=True, climb=_loss_of(_marked(victims, aim.clean))).gradient
    assert gradient is not None
    return gradient.abs().amax(PIXELS).cpu()


def _marked(places: Sequence[int], images: Tensor) -> Tensor:
    mark = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    mark[list(places)] = True
    return mark


def _loss_of(victims: Tensor) -> Callable[[Tensor, Aim], Tensor]:
    """What is climbed: the cross entropy of the images that bool (N,) marks, 0 for the others."""

    def score(logits: Tensor, aim: Aim) -> Tensor:
        return F.cross_entropy(logits, aim.labels, reduction="none").where(victims, 0)

    return score
