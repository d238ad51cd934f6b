"""Any attack, with somebody told of its steps: for code that runs attacks without knowing who waits for them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Generator, nn

from rnorm_core.attacks.attack import Attack
from rnorm_core.attacks.trace import Step, Trace

if TYPE_CHECKING:
    from rnorm_core.data import Batch


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
        def told(step: Step) -> None:
            self.on_step(step)
            if on_step is not None:
                on_step(step)

        # Not by `stream`: an attack may run in another way than step by step.
        return self.attack.run(model, batch, generator, told)


def watched(attack: Attack, on_step: Callable[[Step], object]) -> Attack:
    """The same attack; `on_step` is called for each of its steps, and what it raises ends the attack."""
    return _Watched(attack.spec, attack.ball, attack.targets, attack.restarts, attack, on_step)
