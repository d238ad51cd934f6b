"""All jobs of one server: who holds tickets, which threads work, which results are kept."""

import atexit
import dataclasses
import logging
import os
import sys
import threading
import time
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextvars import Context, ContextVar, copy_context
from functools import partial
from types import TracebackType
from typing import Any, Generic, TypeVar

from rnorm_core import progress
from rnorm_core.errors import UserError
from rnorm_core.jobs import memory
from rnorm_core.jobs.state import Cancelled, State
from rnorm_core.jobs.turns import Entry, Line, Turn

T = TypeVar("T")
MOST_WAITING = 3  # jobs of one owner that wait
NICENESS = 10  # of threads that compute
LARGE = 1.0  # seconds of computing after which a job may have left much free memory behind
EXIT_TIMEOUT = 10.0  # seconds that the interpreter waits for work at its end: longer than the longest single step
_log = logging.getLogger(__name__)


class Job(Generic[T]):
    """One computation, as the work function sees it. The function calls only `progress`."""

    def __init__(self, jobs: "Jobs", spec: Hashable, work: Callable[["Job[T]"], T]) -> None:
        self.spec = spec
        self._jobs = jobs
        self._work: Callable[[Job[T]], T] | None = work
        self._tickets: list[Ticket[T]] = []
        self._groups: list[_Tasks] = []  # with tasks that nobody has begun
        self._entry = Entry(partial(jobs._begin, self), partial(jobs._is_wanted, self), partial(jobs._help, self))
        self._cancelled = False
        self._state = State("waiting", 0.0, "Waiting for a free worker")
        self._value: T | None = None
        self._traceback: TracebackType | None = None  # of the error, as it was raised

    def progress(self, fraction: float, text: str, partial: Any = None) -> None:
        """Reports the finished share of the work (0 to 1) and a text about the current step; may block (see `jobs`).

        partial: a partial result; None keeps the last one. Raises Cancelled when the last ticket has left or another
        task of the same work has failed, to stop the work.
        """
        with self._jobs._changed:
            self._jobs._drop_abandoned(self)
            self._check()
            partial = self._state.partial if partial is None else partial
            self._entry.shown = partial is not None
            self._state = State("running", min(max(fraction, 0.0), 1.0), text, partial, notes=self._state.notes)
            if turn := _turn.get():
                self._jobs._line.give_way(turn, self._is_over)
                self._check()

    def _note(self, note: str) -> None:
        with self._jobs._changed:
            notes = tuple(dict.fromkeys((*self._state.notes, note)))
            self._state = dataclasses.replace(self._state, notes=notes)

    def _check(self) -> None:
        if self._cancelled:
            raise Cancelled(f"no ticket is left for {self.spec!r}")
        if self._is_over():
            raise Cancelled(f"another task of {self.spec!r} has failed")

    def _is_over(self) -> bool:
        """Whether the work of the caller has to stop."""
        tasks = _inside.get()
        return self._cancelled or (tasks is not None and tasks.failed)


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
_turn: ContextVar[Turn | None] = ContextVar("turn", default=None)  # of the calling thread


def _give_way_to_pages() -> None:
    """Where processors are short, the calling thread waits for those that answer visitors and phones. Linux alone has
    priorities of threads; elsewhere the number of a thread could be that of another process."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


class Ticket(Generic[T]):
    """The right of one caller to the result of a job."""

    def __init__(self, jobs: "Jobs", job: Job[T], owner: Hashable = None) -> None:
        self._jobs = jobs
        self._owner = owner
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
            return State("left", 0.0, "Stopped") if self._left else self._jobs._state(self._job)

    @property
    def unseen(self) -> float:
        """Seconds since the last heartbeat."""
        return self._jobs._clock() - self._seen

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
            self._jobs._line.serve()


class Jobs:
    """All computations of one server.

    workers:    number of threads that compute at once. A cancelled job keeps its worker until its next `progress`.
    most:       number of jobs that run or wait, of all owners.
    keep:       number of finished results that are kept for later requests; the least recently requested is dropped
                first.
    keep_bytes: largest total size of all kept results in bytes (arrays and tensors are counted, see `size`).
    timeout:    seconds without a heartbeat after which a ticket is dropped.
    """

    def __init__(
        self,
        workers: int = 2,
        *,
        most: int = 64,
        keep: int = 64,
        keep_bytes: int = 256 * 2**20,
        timeout: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most, self._timeout, self._clock = most, timeout, clock
        self._keep, self._keep_bytes = keep, keep_bytes
        self._changed = threading.Condition(threading.RLock())  # guards everything below, and every job and ticket
        self._live: dict[Hashable, Job] = {}  # waiting or running, and not cancelled
        self._line = Line(workers, self._changed, clock)
        self._threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self._closed = False
        self._kept: OrderedDict[Hashable, tuple[Job, int]] = OrderedDict()  # finished, with their size in bytes

    def start(
        self, spec: Hashable, work: Callable[[Job[T]], T], owner: Hashable = None, *, short: bool = False
    ) -> Ticket[T]:
        """A ticket for the result of `work(job)`. short: whether it is known to take a second or less.

        If an equal spec is running or its result is kept, it is not computed a second time; a new spec is queued. After
        `close`, `start` returns a ticket that has already left. UserError if too many jobs wait, of this owner or in
        all.
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
                self._refuse_too_many(owner)
                job = Job(self, spec, work)
                self._live[spec] = job
                job._entry.short = short
                self._line.enter(job._entry)
            ticket = Ticket(self, job, owner)
            job._tickets.append(ticket)
            job._entry.owners.append(owner)
            self._line.serve()
            return ticket

    def forget(self, word: str) -> None:
        """Drops the kept results of all specs in whose text `word` is: a name of something that is to be gone."""
        with self._changed:
            for spec in [spec for spec in self._kept if word in repr(spec)]:
                del self._kept[spec]

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

    def _refuse_too_many(self, owner: Hashable) -> None:
        if owner is not None and self._line.waiting_of(owner) >= MOST_WAITING:
            raise UserError(
                f"{MOST_WAITING} of your computations wait already.", "wait until one of them is done, or stop one."
            )
        if len(self._live) >= self._most:
            raise UserError(
                f"{self._most} computations run or wait on this server, the most that are possible.",
                "try again in a minute.",
            )

    def _state(self, job: Job) -> State:
        """The state of a job, with its place in the line."""
        match job._state.status:
            case "waiting":
                return dataclasses.replace(job._state, ahead=self._line.ahead(job._entry))
            case "running":
                return dataclasses.replace(job._state, sharing=self._line.sharing(job._entry))
            case _:
                return job._state

    def _is_wanted(self, job: Job) -> bool:
        self._drop_abandoned(job)
        return not job._cancelled

    def _begin(self, job: Job, turn: Turn) -> None:
        job._state = State("running", 0.0, "Starting")
        self._thread(partial(self._run, job, turn))

    def _help(self, job: Job, turn: Turn) -> None:
        task = self._take(job, job._groups[0], turn)
        assert task is not None

        def work() -> None:
            following: Callable[[], None] | None = task
            while following is not None:
                following()
                following = self._take_another(job, turn)

        self._thread(work)

    def _thread(self, work: Callable[[], None]) -> None:
        def polite() -> None:
            _give_way_to_pages()
            work()

        thread = threading.Thread(target=polite, name="rnorm-job", daemon=True)
        self._threads.add(thread)
        thread.start()

    def _run_tasks(self, job: Job, tasks: Sequence[Callable[[], Any]]) -> list[Any]:
        """The runner of `progress.run_parallel` inside a job: the results of the tasks, or the first exception of one.

        An exception stops the tasks that run, at their next `progress`, and the others do not begin.
        """
        group, turn = _Tasks(tasks), _turn.get()
        assert turn is not None
        with self._changed:
            if group.waiting:
                job._groups.append(group)
            job._entry.tasks += len(tasks)
            self._line.serve()
        while work := self._take(job, group, turn):
            work()
        with self._changed:
            if group.running:  # by helpers, which may need this worker
                self._line.release(turn)
                self._changed.wait_for(lambda: not group.running)
                self._line.wait(turn, job._is_over)
        if group.error is not None:
            raise group.error
        return group.results

    def _take(self, job: Job, group: _Tasks, turn: Turn) -> Callable[[], None] | None:
        """The next task of the group, to be called by the thread of this turn; None if all have begun."""
        with self._changed:
            if not group.waiting:
                return None
            i, (context, task) = group.waiting.popleft()
            group.running += 1
            job._entry.tasks -= 1
            if not group.waiting:
                job._groups.remove(group)
        return lambda: context.run(self._run_task, job, group, i, task, turn)

    def _take_another(self, job: Job, turn: Turn) -> Callable[[], None] | None:
        """Another task for a thread that helps; None, and the thread ends, if there is none or somebody waits."""
        with self._changed:
            if job._groups and turn.held and not self._line.is_crowded():
                return self._take(job, job._groups[0], turn)
            self._line.release(turn)
            return None

    def _run_task(self, job: Job, group: _Tasks, i: int, task: Callable[[], Any], turn: Turn) -> None:
        _inside.set(group)
        _turn.set(turn)
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
                    job._entry.tasks -= len(group.waiting)
                    group.waiting.clear()
                    job._groups.remove(group)
            self._changed.notify_all()

    def _run(self, job: Job, turn: Turn) -> None:
        self._compute(job, turn)
        if job._entry.served > LARGE:
            memory.give_back()

    def _compute(self, job: Job, turn: Turn) -> None:
        value, error = None, None
        try:
            value = Context().run(self._work, job, turn)
        except BaseException as raised:  # every kind is passed on to the tickets; a worker must outlive its jobs
            error = raised
        with self._changed:
            self._line.leave(job._entry)
            self._line.release(turn)
            job._work = None  # frees models and images that the function refers to; the result may be kept for long
            if job._cancelled:
                # The result is thrown away: it may be incomplete, and a new job of the spec may run by now.
                if error is not None and not isinstance(error, Cancelled):
                    _log.warning("%r failed after it was cancelled", job.spec, exc_info=error)
                return
            del self._live[job.spec]
            job._tickets.clear()
            if error is None:
                job._value, job._state = value, State("done", 1.0, "Done", notes=job._state.notes)
                self._store(job)
            else:
                job._state = State("failed", job._state.fraction, "Failed", error=error)
                job._traceback = error.__traceback__
            self._changed.notify_all()

    def _work(self, job: Job[T], turn: Turn) -> T:
        _turn.set(turn)
        progress.runner.set(partial(self._run_tasks, job))
        progress.listener.set(job._note)
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
        job._tickets.remove(ticket)
        job._entry.owners.remove(ticket._owner)
        if not job._tickets:
            job._cancelled = True
            del self._live[job.spec]  # from here on the same spec starts a new job
            self._line.leave(job._entry)
            if not job._entry.begun:
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


shared = Jobs()
atexit.register(shared.close, EXIT_TIMEOUT)
