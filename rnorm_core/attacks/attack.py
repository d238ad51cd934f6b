"""The base class of all attacks: `stream`, `run`, and the code that collects steps into a Trace."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import torch
from torch import Generator, Tensor, nn

from rnorm_core.attacks.balls import Ball, Scaled
from rnorm_core.attacks.best import improves
from rnorm_core.attacks.look import FINITE, NotANumber, View, statistics_of
from rnorm_core.attacks.losses import Aim
from rnorm_core.attacks.trace import Step, Trace, fooled
from rnorm_core.norms import looks_at_batch

if TYPE_CHECKING:
    from rnorm_core.data import Batch


class Path(NamedTuple):
    """One restart: losses and sizes (T, N), probabilities (T, N, K), and the images (N, 3, 32, 32) of its last step."""

    losses: Tensor
    sizes: Tensor
    probabilities: Tensor
    adversarial: Tensor


@dataclass(frozen=True, eq=False)
class Attack(ABC):
    """An attack, as `attacks.make` returns it. It has no state, so several threads may run it at once."""

    spec: dict[str, Any]
    ball: Ball
    targets: Tensor | None
    restarts: int
    measures_by_ball: ClassVar[bool] = True  # eps is used by the methods of `ball` alone

    @abstractmethod
    def stream(self, model: nn.Module, batch: "Batch", generator: Generator | None) -> Iterator[Step]:
        """Yields one Step for the clean images, then one per iteration.

        All random numbers come from `generator` (on the CPU). All restarts are yielded, one after the other; `run`
        keeps the best. UserError if model, batch and targets do not fit together.
        """

    def run(
        self,
        model: nn.Module,
        batch: "Batch",
        generator: Generator | None,
        on_step: Callable[[Step], object] | None = None,
    ) -> Trace:
        """Runs the whole attack. `on_step` is called for every step; an exception in it ends the attack.

        `run` keeps the best of several restarts for each image: a restart that fools the model comes first, then a
        better loss (higher, or lower for a target). If predictions depend on the batch (Trace.joint), images of
        different restarts cannot be mixed. Then one restart is kept for the whole batch: the one that fools most
        images, then the one with the better total loss. UserError as for `stream`; NotANumber if a gradient or an
        output of the model is not finite.
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
        if not best.probabilities[-1].isfinite().all():  # argmax of NaN still returns a class, but a meaningless one
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
            engine=start.engine,
        )

    def _step(self, aim: Aim, index: int, total: int, view: View, images: Tensor, restart: int = 0) -> Step:
        size = self.ball.size(images - aim.clean)
        return Step(index, total, restart, view.loss, view.probabilities, size, images, aim.engine)


def at_sizes(attack: Attack, sizes: Sequence[float], *, index: int = 0, of: int = 1) -> Attack:
    """An attack on copies of one image, one for each size: copy e is attacked with radius `sizes[e]` times eps.

    attack:    of radius 1, as from `make(name, 1.0, ...)`, so that sizes are in pixel units.
    index, of: the image's place in a batch of `of` images. All copies share the random start that the image would have
               in an attack on that batch, scaled. In float64 a copy takes the way of the single attack, up to rounding.
    Only for predictions that do not depend on the batch. ValueError for an attack that has no such form (Square and
    minimum-norm attacks).
    """
    if not attack.measures_by_ball or isinstance(attack.ball, Scaled):
        raise ValueError(f"{attack.spec['name']} cannot attack copies of one image at several sizes.")
    ball = Scaled(attack.ball, torch.tensor(list(sizes), dtype=torch.float64), index, of)
    return replace(attack, spec={**attack.spec, "eps": list(sizes)}, ball=ball)


@dataclass(frozen=True, eq=False)
class _Watched(Attack):
    attack: Attack
    on_step: Callable[[Step], object]

    def stream(self, model: nn.Module, batch: "Batch", generator: Generator | None) -> Iterator[Step]:
        for step in self.attack.stream(model, batch, generator):
            self.on_step(step)
            yield step

    def run(
        self,
        model: nn.Module,
        batch: "Batch",
        generator: Generator | None,
        on_step: Callable[[Step], object] | None = None,
    ) -> Trace:
        def both(step: Step) -> None:
            self.on_step(step)
            if on_step is not None:
                on_step(step)

        # `run`, not `stream`: some attacks do more in `run` than collect steps.
        return self.attack.run(model, batch, generator, both)


def watched(attack: Attack, on_step: Callable[[Step], object]) -> Attack:
    """The same attack, which also calls `on_step` at each step. For code that reports no progress of its attacks."""
    return _Watched(attack.spec, attack.ball, attack.targets, attack.restarts, attack, on_step)


def _better(new: Path, old: Path, labels: Tensor, targets: Tensor | None, joint: bool) -> Tensor:
    """Bool (N,): True where the new restart is better, see `Attack.run`."""
    new_fools = fooled(new.probabilities[-1], labels, targets)
    old_fools = fooled(old.probabilities[-1], labels, targets)
    gain = (new.losses[-1] - old.losses[-1]) * (1 if targets is None else -1)
    return improves(new_fools, old_fools, gain, joint)


def _choose(where: Tensor, new: Path, old: Path) -> Path:
    """For each image the restart `new` where the mask (N,) is true, else `old`."""
    return Path(
        torch.where(where, new.losses, old.losses),
        torch.where(where, new.sizes, old.sizes),
        torch.where(where[:, None], new.probabilities, old.probabilities),
        torch.where(where[:, None, None, None], new.adversarial, old.adversarial),
    )
