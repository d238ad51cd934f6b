"""Who computes next: a fair line of jobs before a few workers. Needs no Streamlit and no torch.

Nobody knows in advance how long a job takes, so the line learns it (a multi-level feedback queue). A job is at level 0
until it has computed for `LEVELS[0]` seconds, then at level 1 until `LEVELS[1]`, and so on. Lower levels come first;
within a level, who came first comes first. A job that gives way to a lower level keeps its place. At the last level
jobs take turns of `SLICE` seconds. So short jobs overtake long ones, and long ones share what is left. Each level
doubles the time so far: whatever the length of a job, others of its length delay it about as much as longer ones do.
A job that is known to be short comes before all others, until it has computed for `SHORT` seconds. Who has nothing to
look at comes before who has a part of his result: a job that has shown something is at the last level, and of the short
jobs those that have shown nothing come first.

Work can only be interrupted where it reports progress: there `give_way` blocks while another job has the worker.

An *owner* is a person: any hashable key. Of one owner only one job computes at a time; his next one waits until the
first gives way. A job without an owner is bound by nothing. A job may compute in several threads, but in more than one
only while nobody waits.
"""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field

LEVELS = (0.25, 0.5, 1.0, 2.0, 4.0)  # seconds of computing after which a job is at the next level
SLICE = 0.5  # seconds of a turn at the last level
SHORT = 2.0  # seconds of computing after which a job that was said to be short is like any other


@dataclass(eq=False)
class Turn:
    """One thread of a job. held: whether it may compute now. since: when it began to, or was last counted."""

    entry: "Entry"
    held: bool = False
    since: float = 0.0


@dataclass(eq=False)
class Entry:
    """A job in the line.

    begin:   begins the job in a thread.
    wanted:  whether somebody still waits for the job; if not, it has left the line.
    help:    begins a thread that does some of the job's tasks. tasks: the number of those that nobody has begun.
    short:   whether the job is known to be short. shown: whether it has a partial result.
    owners:  the owner of each ticket. The job computes on behalf of the first; None is nobody.
    paused:  threads that wait to go on. turns: the number of those that compute.
    served:  seconds of computing so far. slice_end: the value of `served` at which the turn is over.
    """

    begin: Callable[[Turn], None]
    wanted: Callable[[], bool]
    help: Callable[[Turn], None]
    tasks: int = 0
    short: bool = False
    shown: bool = False
    owners: list[Hashable] = field(default_factory=list)
    paused: deque[Turn] = field(default_factory=deque)
    begun: bool = False
    turns: int = 0
    served: float = 0.0
    slice_end: float = 0.0
    order: int = 0

    @property
    def level(self) -> int:
        if self.short and self.served < SHORT:
            return -1 if self.shown else -2
        return len(LEVELS) if self.shown else sum(self.served >= limit for limit in LEVELS)

    @property
    def waits(self) -> bool:
        """Whether the job could compute and does not. Without threads that could go on, it is about to end."""
        return not self.turns and (not self.begun or bool(self.paused))

    @property
    def people(self) -> set[Hashable]:
        """Its owners; a job of nobody counts as one person."""
        return {owner for owner in self.owners if owner is not None} or {id(self)}


class Line:
    """workers: number of threads that compute at once. changed: guards everything here; callers hold its lock."""

    def __init__(self, workers: int, changed: threading.Condition, clock: Callable[[], float]) -> None:
        self._workers, self._changed, self._clock = workers, changed, clock
        self._held = 0
        self._orders = itertools.count()
        self.entries: list[Entry] = []

    def enter(self, entry: Entry) -> None:
        entry.order = next(self._orders)
        self.entries.append(entry)

    def leave(self, entry: Entry) -> None:
        """The job is over or cancelled. Its threads that compute keep their workers until they end."""
        if entry in self.entries:
            self.entries.remove(entry)

    def serve(self) -> None:
        """Gives free workers to those who are next."""
        while self._held < self._workers:
            waiting = self._waiting()
            entry = self._first(waiting)
            if entry is None and not waiting:
                entry = next((entry for entry in self.entries if entry.paused or entry.tasks), None)
            if entry is None:
                return
            self._grant(entry)

    def give_way(self, turn: Turn, stopped: Callable[[], bool]) -> None:
        """Called while a thread computes: lets others compute first if it is their turn, at most until `stopped()`."""
        if not turn.held:
            return
        entry = turn.entry
        self._count(turn)
        waiting = self._waiting()
        if not waiting:
            return
        over = entry.served >= entry.slice_end
        if over:
            entry.order = next(self._orders)
        rival = self._first(waiting, instead_of=entry)
        comes_first = rival is not None and (rival.level < entry.level or (over and rival.level == entry.level))
        if comes_first or entry.turns > 1:
            self.release(turn)
            self.wait(turn, stopped)

    def release(self, turn: Turn) -> None:
        """The thread ends, or waits for something: its worker is free. No effect without one."""
        if turn.held:
            self._count(turn)
            turn.held = False
            turn.entry.turns -= 1
            self._held -= 1
            self.serve()

    def wait(self, turn: Turn, stopped: Callable[[], bool]) -> None:
        """Blocks until the thread may compute again; or until `stopped()`: then it is to end."""
        turn.entry.paused.append(turn)
        self.serve()
        self._changed.wait_for(lambda: turn.held or stopped())
        if not turn.held:
            turn.entry.paused.remove(turn)

    def ahead(self, entry: Entry) -> int:
        """The number of other people who compute, or come first."""
        first = [e for e in self.entries if e.turns or (e.waits and (e.level, e.order) < (entry.level, entry.order))]
        return len(_people(first) - entry.people)

    def sharing(self, entry: Entry) -> int:
        """The number of other people with whom a job shares the workers; 0 if there are enough for all."""
        return len(_people(self.entries) - entry.people) if any(e.waits for e in self.entries) else 0

    def waiting_of(self, owner: Hashable) -> int:
        """The number of jobs of an owner that wait for a worker."""
        return sum(owner in entry.owners for entry in self._waiting())

    def is_crowded(self) -> bool:
        """Whether a job waits."""
        return bool(self._waiting())

    def _waiting(self) -> list[Entry]:
        return [entry for entry in tuple(self.entries) if entry.waits and entry.wanted()]

    def _first(self, waiting: list[Entry], instead_of: Entry | None = None) -> Entry | None:
        """Who is next; None if nobody may compute. instead_of: a job that would stop for it."""
        busy = self._busy(instead_of)
        free = [entry for entry in waiting if set(entry.owners) - busy]
        return min(free, key=lambda entry: (entry.level, entry.order), default=None)

    def _busy(self, but: Entry | None = None) -> set[Hashable]:
        """Owners of whom a job computes."""
        return {e.owners[0] for e in self.entries if e.turns and e is not but} - {None}

    def _grant(self, entry: Entry) -> None:
        if not entry.turns:
            busy = self._busy()
            entry.owners.sort(key=lambda owner: owner in busy)  # on behalf of one who is free
            ends = (*LEVELS, entry.served + SLICE, SHORT, SHORT)  # by level, where the last two are -2 and -1
            entry.slice_end = ends[entry.level]
        entry.turns += 1
        self._held += 1
        begins = None if entry.paused else entry.help if entry.begun else entry.begin
        turn = entry.paused.popleft() if entry.paused else Turn(entry)
        turn.held, turn.since, entry.begun = True, self._clock(), True
        if begins is not None:
            begins(turn)
        self._changed.notify_all()

    def _count(self, turn: Turn) -> None:
        now = self._clock()
        turn.entry.served += now - turn.since
        turn.since = now


def _people(entries: list[Entry]) -> set[Hashable]:
    return set().union(*(entry.people for entry in entries))
