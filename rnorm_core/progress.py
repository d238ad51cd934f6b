"""Progress of long work: a callback that experiments call, and that jobs, commands and tests pass to them."""

import logging
import threading
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Long work calls this at every step; an exception that it raises stops the work and reaches the caller.

    fraction: the finished share of the work, 0 to 1. text: the current step.
    partial:  the result so far, of the same type as the final result; None if there is nothing new.
    """

    def __call__(self, fraction: float, text: str, partial: Any = None) -> None: ...


def silent(fraction: float, text: str, partial: Any = None) -> None:
    """The callback that does nothing."""


listener: ContextVar[Callable[[str], None]] = ContextVar("listener", default=logging.getLogger(__name__).warning)


def say(note: str) -> None:
    """Tells whoever waits for the work that it goes on otherwise than asked for. A job shows it; else it is logged."""
    listener.get()(note)


Run = Callable[[Sequence[Callable[[], Any]]], list[Any]]


def in_order(tasks: Sequence[Callable[[], Any]]) -> list[Any]:
    return [task() for task in tasks]


runner: ContextVar[Run] = ContextVar("runner", default=in_order)  # a job sets one that uses idle workers


def run_parallel(progress: Progress, tasks: Sequence[Callable[[Progress], T]]) -> list[T]:
    """The results of independent tasks, which may run at the same time; each gets a progress of its own.

    `progress` hears the mean of their fractions and the latest text; a partial result is passed on as it is. An
    exception of a task reaches the caller.
    """
    fractions, lock = [0.0] * len(tasks), threading.Lock()

    def of(i: int) -> Callable[[], T]:
        def report(fraction: float, text: str, partial: Any = None) -> None:
            with lock:
                fractions[i] = fraction
                mean = sum(fractions) / len(fractions)
            progress(mean, text, partial)

        def task() -> T:
            result = tasks[i](report)
            fractions[i] = 1.0
            return result

        return task

    return runner.get()([of(i) for i in range(len(tasks))])


class AttackStep(Protocol):
    """The two fields of `attacks.Step` that are used here."""

    @property
    def index(self) -> int: ...

    @property
    def total(self) -> int: ...


class Parts:
    """Progress of work that is done in parts, one after the other. costs: the number of parts, or the cost of each.

    parts = Parts(progress, 2)
    parts.begin("BatchNorm: the attack")
    attack.run(model, batch, generator, parts.step)
    parts.end(partial_result)
    """

    def __init__(self, progress: Progress, costs: int | Sequence[float]) -> None:
        self.progress = progress
        self.costs = [1.0] * costs if isinstance(costs, int) else list(costs)
        self.done, self.text, self.runs, self.run = 0, "", 1, 0

    def begin(self, text: str, runs: int = 1) -> None:
        """Begins the next part, in which an attack runs `runs` times."""
        self.text, self.runs, self.run = text, runs, 0
        self.progress(self._fraction(0), text)

    def step(self, step: AttackStep) -> None:
        """Reports one step of an attack; called at every step, so that a stop is noticed soon."""
        self.run += step.index == 0
        within = min((self.run - 1 + step.index / max(step.total, 1)) / self.runs, 1)
        of = f"attack {self.run} of {self.runs}" if self.runs > 1 else f"step {step.index} of {step.total}"
        self.progress(self._fraction(within), f"{self.text}, {of}")

    def count(self, done: int, total: int) -> None:
        """Reports `done` of `total` in a part that counts something other than the steps of an attack."""
        self.progress(self._fraction(done / total), self.text)

    def finishing(self) -> None:
        """Says that the part is nearly done. Work after its last step calls this often, as it may stop only here."""
        self.progress(self._fraction(1), self.text)

    def within(self, fraction: float, text: str, partial: Any = None) -> None:
        """Reports the progress inside a part that is an experiment itself: pass this method to it as its `Progress`."""
        self.progress(self._fraction(fraction), text, partial)

    def end(self, partial: Any = None) -> None:
        self.done += 1
        self.progress(self._fraction(0), f"{self.text}: done", partial)

    def _fraction(self, within: float) -> float:
        before, here = sum(self.costs[: self.done]), sum(self.costs[self.done : self.done + 1])
        return (before + here * within) / sum(self.costs)
