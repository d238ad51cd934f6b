"""Long work in threads, computed once for equal requests: progress, cancel, result. Needs no Streamlit and no torch.

A *spec* describes a computation (hashable; equal specs are one computation). `start` gives each caller a *ticket*; the
computation itself is a *job*. A job is cancelled when its last ticket has left. Each read of `ticket.state` is a
heartbeat of the ticket. If the holder of a ticket disappears (a closed browser), the heartbeats stop and the ticket is
dropped. No extra thread watches the heartbeats: a worker checks them when it reports progress and before it begins a
job, because work can only be stopped at these moments. When the interpreter ends, all jobs are cancelled and get a few
seconds to stop.

Work that calls `progress.run_parallel` has independent tasks. Workers without a job take some of them, so the tasks run
at the same time; the job's own worker takes tasks, too, and needs no other.

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
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

from rnorm_core import progress

T = TypeVar("T")
EXIT_TIMEOUT = 10.0  # seconds that the interpreter waits for work at its end: longer than the longest single step
Status = Literal["waiting", "running", "done", "failed", "left"]
_log = logging.getLogger(__name__)


class Cancelled(Exception):
    """Raised by `job.progress` when no ticket is left (do not catch it), and by `ticket.result()` after leaving."""


@dataclass(frozen=True)
class State:
    """The state of a job at one moment.

    status:   "waiting" for a free worker, "running", "done", "failed", or "left" (the ticket left or was dropped).
    fraction: the finished share of the work, 0 to 1.
    partial:  the latest partial result, None before the first one and after the end.
    error:    the exception of the work, if it failed.
    """

    status: Status
    fraction: float
    text: str
    partial: Any = None
    error: BaseException | None = None

    @property
    def done(self) -> bool:
        """Whether the job is over: `ticket.result()` then returns or raises at once."""
        return self.status not in ("waiting", "running")


class Job(Generic[T]):
    """One computation, as the work function sees it. The function calls only `progress`."""

    def __init__(self, jobs: "Jobs", spec: Hashable, work: Callable[["Job[T]"], T]) -> None:
        self.spec = spec
        self._jobs = jobs
        self._work: Callable[[Job[T]], T] | None = work
        self._tickets: set[Ticket[T]] = set()
        self._cancelled = False
        self._state = State("waiting", 0.0, "Waiting for a free worker")
        self._value: T | None = None
        self._traceback: TracebackType | None = None  # of the error, as it was raised

    def progress(self, fraction: float, text: str, partial: Any = None) -> None:
        """Reports the finished share of the work (0 to 1) and a text about the current step.

        partial: a partial result; None keeps the last one. Raises Cancelled when the last ticket has left or another
        task of the same work has failed, to stop the work.
        """
        with self._jobs._changed:
            self._jobs._drop_abandoned(self)
            if self._cancelled:
                raise Cancelled(f"no ticket is left for {self.spec!r}")
            if (tasks := _inside.get()) and tasks.failed:
                raise Cancelled(f"another task of {self.spec!r} has failed")
            partial = self._state.partial if partial is None else partial
            self._state = State("running", min(max(fraction, 0.0), 1.0), text, partial)


class _Tasks:
    """Independent tasks of one job. `jobs._changed` guards all fields. outer: the tasks that these are a part of."""

    def __init__(self, tasks: Sequence[Callable[[], Any]]) -> None:
        self.outer = _inside.get()
        # Each task has its own copy of the context, because no context can be entered by two threads at once.
        self.waiting = deque(enumerate((copy_context(), task) for task in tasks))
        self.results: list[Any] = [None] * len(tasks)
        self.running = 0
        self.error: BaseException | None = None  # the first one

    @property
    def failed(self) -> bool:
        return self.error is not None or (self.outer is not None and self.outer.failed)


_inside: ContextVar[_Tasks | None] = ContextVar("inside", default=None)  # the tasks that the caller belongs to


class Ticket(Generic[T]):
    """The right of one caller to the result of a job."""

    def __init__(self, jobs: "Jobs", job: Job[T]) -> None:
        self._jobs = jobs
        self._job = job
        self._left = False
        self._blocked = 0  # calls of result() that are waiting now; such a ticket is in use
        self._seen = jobs._clock()

    @property
    def spec(self) -> Hashable:
        return self._job.spec

    @property
    def state(self) -> State:
        """The state of the job. Each look is a heartbeat: a caller that polls this need not call `touch`."""
        with self._jobs._changed:
            self.touch()
            return State("left", 0.0, "Stopped") if self._left else self._job._state

    def touch(self) -> None:
        """A heartbeat: this ticket is still in use. A ticket that has left stays left."""
        self._seen = self._jobs._clock()

    def result(self, timeout: float | None = None) -> T:
        """The result; waits for it at most `timeout` seconds (None: without a limit).

        Raises the exception of the work, Cancelled if this ticket has left, or TimeoutError.
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
                raise Cancelled(f"this ticket has left {self.spec!r}")
            if error := self._job._state.error:
                raise error.with_traceback(self._job._traceback)  # without the frames of earlier calls
            return self._job._value  # type: ignore[return-value]  # set, as the job is done

    def leave(self) -> None:
        """Gives the ticket up. When the last ticket leaves, the job is cancelled. No effect once the job is over."""
        with self._jobs._changed:
            self._jobs._leave(self)


class Jobs:
    """All computations of one server.

    workers:    number of jobs that run at once; the others wait in the order of their start. A cancelled job keeps its
                worker until its next `progress`. A worker without a job takes tasks of running jobs, one at a time.
    keep:       number of finished results that are kept for later requests; the least recently requested is dropped
                first.
    keep_bytes: largest total size of all kept results in bytes (arrays and tensors are counted, see `size`).
    timeout:    seconds without a heartbeat after which a ticket is dropped.
    """

    def __init__(
        self,
        workers: int = 2,
        *,
        keep: int = 64,
        keep_bytes: int = 256 * 2**20,
        timeout: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limit, self._timeout, self._clock = workers, timeout, clock
        self._keep, self._keep_bytes = keep, keep_bytes
        self._changed = threading.Condition(threading.RLock())  # guards everything below, and every job and ticket
        self._live: dict[Hashable, Job] = {}  # waiting or running, and not cancelled
        self._queue: deque[Job] = deque()
        self._tasks: list[_Tasks] = []  # of running jobs, if some of them wait
        self._workers = 0
        self._threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self._closed = False
        self._kept: OrderedDict[Hashable, tuple[Job, int]] = OrderedDict()  # finished, with their size in bytes

    def start(self, spec: Hashable, work: Callable[[Job[T]], T]) -> Ticket[T]:
        """A ticket for the result of `work(job)`.

        If an equal spec is running or its result is kept, it is not computed a second time; a new spec is queued. After
        `close`, `start` returns a ticket that has already left.
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
                self._live[spec] = job
                self._queue.append(job)
                self._add_workers(1)
            ticket = Ticket(self, job)
            job._tickets.add(ticket)
            return ticket

    def close(self, timeout: float) -> None:
        """Cancels all jobs, accepts no new ones, and waits at most `timeout` seconds for the workers to end.

        Without this call, an interpreter that ends while a thread runs native code (torch) would abort.
        """
        with self._changed:
            self._closed = True
            for job in list(self._live.values()):
                for ticket in list(job._tickets):
                    self._leave(ticket)
            threads = list(self._threads)
        end = time.monotonic() + timeout
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _add_workers(self, wanted: int) -> None:
        for _ in range(0 if self._closed else min(wanted, self._limit - self._workers)):
            thread = threading.Thread(target=self._serve, name="rnorm-job", daemon=True)
            self._threads.add(thread)
            thread.start()
            self._workers += 1

    def _serve(self) -> None:
        """The loop of a worker thread. It ends when nothing waits; new work starts a new thread when needed."""
        while work := self._next():
            work()

    def _next(self) -> Callable[[], None] | None:
        """What a worker does next: a job that waits, else a task of a running job."""
        with self._changed:
            while self._queue:
                job = self._queue[0]
                self._drop_abandoned(job)
                if not job._cancelled:  # a cancelled one has left the queue already
                    self._queue.popleft()
                    job._state = State("running", 0.0, "Starting")
                    return partial(self._run, job)
            if self._tasks:
                return self._take(self._tasks[0])
            self._workers -= 1
            return None

    def _run_tasks(self, tasks: Sequence[Callable[[], Any]]) -> list[Any]:
        """The runner of `progress.run_parallel` inside a job: the results of the tasks, or the first exception of one.

        An exception stops the tasks that run, at their next `progress`, and the others do not begin.
        """
        group = _Tasks(tasks)
        with self._changed:
            if group.waiting:
                self._tasks.append(group)
            self._add_workers(len(tasks) - 1)
        while work := self._take(group):
            work()
        with self._changed:
            self._changed.wait_for(lambda: not group.running)
        if group.error is not None:
            raise group.error
        return group.results

    def _take(self, group: _Tasks) -> Callable[[], None] | None:
        """The next task of the group that waits, to be called by this worker; None if none waits."""
        with self._changed:
            if not group.waiting:
                return None
            i, (context, task) = group.waiting.popleft()
            group.running += 1
            if not group.waiting:
                self._tasks.remove(group)
        return lambda: context.run(self._run_task, group, i, task)

    def _run_task(self, group: _Tasks, i: int, task: Callable[[], Any]) -> None:
        _inside.set(group)
        value, error = None, None
        try:
            value = task()
        except BaseException as raised:  # raised in the job, and not in the worker that helps
            error = raised
        with self._changed:
            group.results[i] = value
            group.running -= 1
            if error is not None:
                group.error = group.error or error
                if group.waiting:
                    group.waiting.clear()
                    self._tasks.remove(group)
            self._changed.notify_all()

    def _run(self, job: Job) -> None:
        value, error = None, None
        try:
            value = Context().run(self._work, job)
        except BaseException as raised:  # every kind is passed on to the tickets; a worker must outlive its jobs
            error = raised
        with self._changed:
            job._work = None  # frees models and images that the function refers to; the result may be kept for long
            if job._cancelled:
                # The result is thrown away: it may be incomplete, and a new job of the spec may run by now.
                if error is not None and not isinstance(error, Cancelled):
                    _log.warning("%r failed after it was cancelled", job.spec, exc_info=error)
                return
            del self._live[job.spec]
            job._tickets.clear()
            if error is None:
                job._value, job._state = value, State("done", 1.0, "Done")
                self._store(job)
            else:
                job._state = State("failed", job._state.fraction, "Failed", error=error)
                job._traceback = error.__traceback__
            self._changed.notify_all()

    def _work(self, job: Job[T]) -> T:
        progress.runner.set(self._run_tasks)
        return job._work(job)  # type: ignore[misc]  # dropped only after the work

    def _store(self, job: Job) -> None:
        self._kept[job.spec] = job, size(job._value)
        while len(self._kept) > self._keep or sum(b for _, b in self._kept.values()) > self._keep_bytes:
            self._kept.popitem(last=False)

    def _leave(self, ticket: Ticket) -> None:
        job = ticket._job
        if ticket not in job._tickets:
            return
        ticket._left = True
        job._tickets.discard(ticket)
        if not job._tickets:
            job._cancelled = True
            del self._live[job.spec]  # from here on the same spec starts a new job
            if job in self._queue:
                self._queue.remove(job)
                job._work = None
        self._changed.notify_all()

    def _drop_abandoned(self, job: Job) -> None:
        oldest = self._clock() - self._timeout
        for ticket in [t for t in job._tickets if not t._blocked and t._seen < oldest]:
            self._leave(ticket)


def size(value: Any) -> int:
    """Bytes of the arrays and tensors in `value`: itself or a dataclass, mapping, tuple or list. Others count 0."""
    if hasattr(value, "nbytes"):
        return int(value.nbytes)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return sum(size(getattr(value, f.name)) for f in dataclasses.fields(value))
    if isinstance(value, Mapping):
        return sum(map(size, value.values()))
    return sum(map(size, value)) if isinstance(value, list | tuple) else 0


_shared = Jobs()
start = _shared.start
atexit.register(_shared.close, EXIT_TIMEOUT)
