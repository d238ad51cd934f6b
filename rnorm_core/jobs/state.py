"""The state of a job, and how its work is stopped."""

from dataclasses import dataclass
from typing import Any, Literal

Status = Literal["waiting", "running", "done", "failed", "left"]


class Cancelled(Exception):
    """Raised by `job.progress` when no ticket is left (do not catch it), and by `ticket.result()` after leaving."""


@dataclass(frozen=True)
class State:
    """The state of a job at one moment.

    status:   "waiting" for a free worker, "running", "done", "failed", or "left" (the ticket left or was dropped).
    fraction: the finished share of the work, 0 to 1.
    partial:  the latest partial result, None before the first one and after the end.
    error:    the exception of the work, if it failed.
    ahead:    while the job is waiting: the number of people who come first.
    notes:    what the work has said, see `progress.say`.
    sharing:  while it is running: the number of other people with whom it takes turns.
    """

    status: Status
    fraction: float
    text: str
    partial: Any = None
    error: BaseException | None = None
    ahead: int = 0
    sharing: int = 0
    notes: tuple[str, ...] = ()

    @property
    def done(self) -> bool:
        """Whether the job is over: `ticket.result()` then returns or raises at once."""
        return self.status not in ("waiting", "running")
