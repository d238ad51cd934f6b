"""Long work, computed once for all who ask: progress, cancel, result. Threads; knows neither Streamlit nor torch.

A *spec* says what is computed (hashable; equal specs are one computation). Whoever asks gets a *ticket*; the
computation itself is a *job*. The last asker to leave cancels the job. An asker that vanishes (a closed browser)
leaves by silence: reading `ticket.state` is its heartbeat. There is no reaper thread: a worker looks for silent askers
whenever it reports progress and before it begins a job, which are the only moments at which work can be stopped.
When the interpreter ends, all jobs are cancelled and given a moment to notice.

    def work(job):
        return attack.run(model, batch, generator, on_step=lambda s: job.progress(s.index / s.total, "attacking"))

    ticket = jobs.start(("pgd", model.name, batch.ids, 8), work)
    while not (state := ticket.state).done: ...        # state.fraction, state.text, state.partial
    ticket.result()                                    # or ticket.leave()
"""

import atexit
import dataclasses
import logging
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

T = TypeVar("T")
LAST_WAIT = 10.0  # seconds that the end of the interpreter waits for work: time for the longest step between two ticks
Status = Literal["waiting", "running", "done", "failed", "left"]
_log = logging.getLogger(__name__)


class Cancelled(Exception):
    """Raised by `job.progress` once nobody waits (work lets it pass), and by `ticket.result()` after leaving."""


@dataclass(frozen=True)
class State:
    """One look at a job.

    status:   "waiting" for a free worker, "running", "done", "failed", or "left" (this asker left or fell silent).
    fraction: 0 to 1.
    partial:  the latest partial result the work has shown, None before the first and after the end.
    error:    what the work raised, if it failed.
    """

    status: Status
    fraction: float
    text: str
    partial: Any = None
    error: BaseException | None = None

    @property
    def done(self) -> bool:
        """Nothing more will come: `ticket.result()` answers at once, with the result or by raising."""
        return self.status not in ("waiting", "running")


class Job(Generic[T]):
    """One computation, as its work sees it: `progress` is all that work calls."""

    def __init__(self, jobs: "Jobs", spec: Hashable, work: Callable[["Job[T]"], T]) -> None:
        self.spec = spec
        self._jobs = jobs
        self._work: Callable[[Job[T]], T] | None = work
        self._askers: set[Ticket[T]] = set()
        self._cancelled = False
        self._state = State("waiting", 0.0, "Waiting for a free worker")
        self._value: T | None = None
        self._traceback: TracebackType | None = None  # of the error, as it was raised

    def progress(self, fraction: float, text: str, partial: Any = None) -> None:
        """Show how far the work is (0 to 1) and what it does; `partial` stays until the next one that is not None.

        Raises Cancelled when the last asker has left: so this is also where work is stopped.
        """
        with self._jobs._changed:
            self._jobs._drop_silent(self)
            if self._cancelled:
                raise Cancelled(f"nobody waits for {self.spec!r} any more")
            partial = self._state.partial if partial is None else partial
            self._state = State("running", min(max(fraction, 0.0), 1.0), text, partial)


class Ticket(Generic[T]):
    """One asker's hold on a job."""

    def __init__(self, jobs: "Jobs", job: Job[T]) -> None:
        self._jobs = jobs
        self._job = job
        self._left = False
        self._blocked = 0  # calls of result() that wait right now: such an asker is not silent
        self._seen = jobs._clock()

    @property
    def spec(self) -> Hashable:
        return self._job.spec

    @property
    def state(self) -> State:
        """How the job stands. Looking is the heartbeat: whoever polls this need not call `touch`."""
        with self._jobs._changed:
            self.touch()
            return State("left", 0.0, "Stopped") if self._left else self._job._state

    def touch(self) -> None:
        """Say that this asker is still there. Does not undo having left."""
        self._seen = self._jobs._clock()

    def result(self, timeout: float | None = None) -> T:
        """The result, waiting for it at most `timeout` seconds (None: as long as it takes).

        Raises what the work raised, Cancelled if this asker has left, TimeoutError.
        """
        with self._jobs._changed:
            self._blocked += 1
            try:
                over = self._jobs._changed.wait_for(lambda: self._left or self._job._state.done, timeout)
            finally:
                self._blocked -= 1
                self.touch()
            if not over:
                raise TimeoutError(f"{self.spec!r} is still {self._job._state.status} after {timeout} s")
            if self._left:
                raise Cancelled(f"this asker has left {self.spec!r}")
            if error := self._job._state.error:
                raise error.with_traceback(self._job._traceback)  # without those of earlier askers
            return self._job._value  # type: ignore[return-value]  # set, as the job is done

    def leave(self) -> None:
        """Wait no longer; the last asker to leave cancels the job. Without effect once the job is over."""
        with self._jobs._changed:
            self._jobs._leave(self)


class Jobs:
    """All computations of one server.

    workers:    how many run at once; the others wait in the order in which they were asked for. A cancelled job holds
                its worker until its next `progress`.
    keep:       how many finished results stay for the next asker, least recently asked for dropped first ...
    keep_bytes: ... and how large they may be together (arrays and tensors are counted, see `size`).
    patience:   seconds without a heartbeat after which an asker counts as gone.
    """

    def __init__(
        self,
        workers: int = 2,
        keep: int = 64,
        keep_bytes: int = 256 * 2**20,
        patience: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._keep, self._keep_bytes, self._patience, self._clock = (
            workers,
            keep,
            keep_bytes,
            patience,
            clock,
        )
        self._changed = threading.Condition(threading.RLock())  # guards everything below, and every job and ticket
        self._live: dict[Hashable, Job] = {}  # waiting or running, and not cancelled
        self._queue: deque[Job] = deque()
        self._workers = 0
        self._threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self._closed = False
        self._kept: OrderedDict[Hashable, tuple[Job, int]] = OrderedDict()  # finished, with their size in bytes

    def start(self, spec: Hashable, work: Callable[[Job[T]], T]) -> Ticket[T]:
        """Ask for `work(job)`: joins the running job of an equal spec, or its kept result, or queues a new one.

        After `close` the ticket is one that has left.
        """
        with self._changed:
            if self._closed:
                ticket = Ticket(self, Job(self, spec, work))
                ticket._left = True
                return ticket
            if spec in self._kept:
                self._kept.move_to_end(spec)
                return Ticket(self, self._kept[spec][0])
            job = self._live.get(spec)
            if job is None:
                job = Job(self, spec, work)
                if self._workers < self._limit:  # the new thread waits for the lock, so it finds the job queued
                    thread = threading.Thread(target=self._serve, name="rnorm-job", daemon=True)
                    self._threads.add(thread)
                    thread.start()
                    self._workers += 1
                self._live[spec] = job
                self._queue.append(job)
            ticket = Ticket(self, job)
            job._askers.add(ticket)
            return ticket

    def close(self, timeout: float) -> None:
        """Cancel everything, take nothing new, and wait at most `timeout` seconds for the workers to go home.

        An interpreter that ends while a thread is inside native code (torch) would abort.
        """
        with self._changed:
            self._closed = True
            for job in list(self._live.values()):
                for ticket in list(job._askers):
                    self._leave(ticket)
            threads = list(self._threads)
        end = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _serve(self) -> None:
        """A worker's life: it ends when the queue is empty, and `start` makes a new one when needed."""
        while job := self._next():
            self._run(job)

    def _next(self) -> Job | None:
        with self._changed:
            while self._queue:
                job = self._queue[0]
                self._drop_silent(job)
                if not job._cancelled:  # a cancelled one has left the queue already
                    self._queue.popleft()
                    job._state = State("running", 0.0, "Starting")
                    return job
            self._workers -= 1
            return None

    def _run(self, job: Job) -> None:
        value, error = None, None
        try:
            value = job._work(job)  # type: ignore[misc]  # dropped only below
        except BaseException as raised:  # every kind goes to the askers; a worker outlives its jobs
            error = raised
        with self._changed:
            job._work = None  # what it closed over (models, images) must not live as long as the result
            if job._cancelled:
                # Whatever came out belongs to nobody: it may be cut short, and the spec may run anew by now.
                if error is not None and not isinstance(error, Cancelled):
                    _log.warning("%r failed after it was cancelled", job.spec, exc_info=error)
                return
            del self._live[job.spec]
            job._askers.clear()
            if error is None:
                job._value, job._state = value, State("done", 1.0, "Done")
                self._store(job)
            else:
                job._state = State("failed", job._state.fraction, "Failed", error=error)
                job._traceback = error.__traceback__
            self._changed.notify_all()

    def _store(self, job: Job) -> None:
        self._kept[job.spec] = job, size(job._value)
        while len(self._kept) > self._keep or sum(b for _, b in self._kept.values()) > self._keep_bytes:
            self._kept.popitem(last=False)

    def _leave(self, ticket: Ticket) -> None:
        job = ticket._job
        if ticket not in job._askers:
            return
        ticket._left = True
        job._askers.discard(ticket)
        if not job._askers:
            job._cancelled = True
            del self._live[job.spec]  # from here on the same spec starts anew
            if job in self._queue:
                self._queue.remove(job)
                job._work = None
        self._changed.notify_all()

    def _drop_silent(self, job: Job) -> None:
        silent_since = self._clock() - self._patience
        for ticket in [t for t in job._askers if not t._blocked and t._seen < silent_since]:
            self._leave(ticket)


def size(value: Any) -> int:
    """Bytes of the arrays and tensors in `value`: itself or a dataclass, mapping, tuple or list; others are 0."""
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return sum(size(getattr(value, f.name)) for f in dataclasses.fields(value))
    if isinstance(value, Mapping):
        return sum(map(size, value.values()))
    return sum(map(size, value)) if isinstance(value, list | tuple) else 0


_shared = Jobs()
start = _shared.start
atexit.register(_shared.close, LAST_WAIT)
