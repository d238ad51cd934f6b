"""Poisoned neighbours: some images of a batch are perturbed so that other images of the batch are misclassified.

The pixels of these other images, the victims, do not change. The attack works only where predictions depend on the
batch: with tracked statistics the gradient of a victim's loss with respect to its neighbours' pixels is zero. Source:
Wu et al. 2023 (arXiv 2301.12576), the distribution-invading attack.

Poison is not in the catalogue, because the attacks of the catalogue treat all images of a batch alike.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from rnorm_core import engine
from rnorm_core.attacks.attack import Attack
from rnorm_core.attacks.balls import BALLS, PIXELS
from rnorm_core.attacks.catalogue import room_to_turn
from rnorm_core.attacks.look import look, take_aim
from rnorm_core.attacks.losses import Aim
from rnorm_core.attacks.trace import Step, Trace
from rnorm_core.errors import UserError

if TYPE_CHECKING:
    from rnorm_core.data import Batch


@dataclass(frozen=True, eq=False)
class Poison(Attack):
    """Steepest ascent on the sum of the victims' losses. Only the poisoned images take steps. Built by `make`.

    victims, poisoned: indices in the batch. All other images stay unchanged. eps and step_size are in pixel units. In
    the Trace the victims' pixels equal those of the clean batch, bit by bit; `make(**trace.spec)` makes the same attack
    again.
    """

    eps: float
    steps: int
    step_size: float
    random_start: bool
    victims: tuple[int, ...]
    poisoned: tuple[int, ...]

    def stream(self, model: nn.Module, batch: "Batch", generator: Generator | None) -> Iterator[Step]:
        passes = engine.passes(model)
        aim = take_aim(passes, batch, None)
        if max(*self.victims, *self.poisoned) >= len(batch):
            raise UserError(
                f"A batch of {len(batch)} images has no image with the index {max(*self.victims, *self.poisoned)}.",
                "choose victims and neighbours by their index in the batch, from 0.",
            )
        clean = aim.clean
        moves = _marked(self.poisoned, clean)[:, None, None, None]
        climb = _loss_of(_marked(self.victims, clean))
        view = look(passes, aim, clean, gradient=not self.random_start, climb=climb)
        yield self._step(aim, 0, self.steps, view, clean)
        x = clean
        if self.random_start:
            x = torch.where(moves, (clean + self.ball.inside(clean, self.eps, generator)).clamp(0, 1), clean)
            view = look(passes, aim, x, gradient=True, climb=climb)
        for t in range(1, self.steps + 1):
            assert view.gradient is not None
            stepped = x.add(self.ball.steepest(view.gradient), alpha=self.step_size)
            x = torch.where(moves, (clean + self.ball.project(stepped - clean, self.eps)).clamp(0, 1), clean)
            view = look(passes, aim, x, gradient=t < self.steps, climb=climb)
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
    """An attack on the images at `victims` that perturbs the images at `poisoned`; both are indices in the batch.

    eps: in pixel units. step_size: in pixel units, by default 2.5 eps / steps, as for PGD. UserError if there is no
    victim or no poisoned image, if an index occurs twice, or if eps, steps or norm is not valid.
    """
    fix = "choose at least one victim and at least one neighbour, and name each image once."
    places = [*victims, *poisoned]
    if not victims or not poisoned or len(set(places)) < len(places) or min(places) < 0:
        raise UserError(
            f"No attack is possible with victims {list(victims)} and poisoned neighbours {list(poisoned)}.", fix
        )
    if norm not in BALLS or name != "poison":
        raise UserError(
            f"There is no attack {name!r} in the norm {norm!r}.", f"choose one of the norms {', '.join(BALLS)}."
        )
    if not 0 <= eps <= BALLS[norm].widest or steps < 1:
        raise UserError(
            f"No attack is possible with eps = {eps!r} and {steps!r} steps.",
            f"choose an eps from 0 to {BALLS[norm].widest:.4g} (in pixel units) and at least one step.",
        )
    step_size = room_to_turn(eps, steps) if step_size is None else step_size
    victims, poisoned = tuple(map(int, victims)), tuple(map(int, poisoned))
    spec: dict[str, Any] = {
        "name": name, "victims": list(victims), "poisoned": list(poisoned), "eps": eps, "steps": steps,
        "step_size": step_size, "random_start": random_start, "norm": norm,
    }  # fmt: skip
    return Poison(spec, BALLS[norm], None, 1, eps, steps, step_size, random_start, victims, poisoned)


def flipped(trace: Trace) -> Tensor:
    """Bool (V,): the victims of a `Poison` that were classified correctly before the attack and wrongly after it."""
    return (trace.right_before & ~trace.right)[trace.spec["victims"]]


def influence(model: nn.Module, batch: "Batch", victims: Sequence[int]) -> Tensor:
    """(N,), on the CPU: for each image the largest absolute gradient of the victims' summed loss over its pixels.

    To first order this is the influence of the image on the victims. It is exactly 0 where predictions do not depend on
    the batch.
    """
    passes = engine.passes(model)
    aim = take_aim(passes, batch, None)
    gradient = look(passes, aim, aim.clean, gradient=True, climb=_loss_of(_marked(victims, aim.clean))).gradient
    assert gradient is not None
    return gradient.abs().amax(PIXELS).cpu()


def _marked(places: Sequence[int], images: Tensor) -> Tensor:
    mark = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    mark[list(places)] = True
    return mark


def _loss_of(victims: Tensor) -> Callable[[Tensor, Aim], Tensor]:
    """A score for `look`: the cross entropy of the images where bool (N,) `victims` is true, 0 for the others."""

    def score(logits: Tensor, aim: Aim) -> Tensor:
        return F.cross_entropy(logits, aim.labels, reduction="none").where(victims, 0)

    return score
