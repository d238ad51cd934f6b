"""Who computes next. Where possible without threads: then a test says when a job computes, and how long."""

import threading
import time

import pytest

from rnorm_core import jobs
from rnorm_core.errors import UserError
from rnorm_core.jobs import Jobs
from rnorm_core.jobs.turns import LEVELS, SHORT, SLICE, Entry, Line
from rnorm_core.progress import run_parallel

WAIT = 10.0
OWNERS = "abcdefghij"


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Table:
    """A line with named jobs. `began` holds their names in the order in which they began."""

    def __init__(self, workers=1):
        self.clock, self.began, self.turns = Clock(), [], {}
        self.line = Line(workers, threading.Condition(threading.RLock()), self.clock)

    def enter(self, name, owner=None, short=False):
        def begin(turn):
            self.began.append(name)
            self.turns[name] = turn

        def help_(turn):
            entry.tasks -= 1
            self.turns[f"{name}, helper"] = turn

        entry = Entry(begin, wanted=lambda: True, help=help_, owners=[owner], short=short)
        with self.line._changed:
            self.line.enter(entry)
            self.line.serve()
        return entry

    def compute(self, name, seconds):
        """Computes, then offers the worker to others; without blocking, as the thread is told to stop."""
        self.clock.now += seconds
        with self.line._changed:
            self.line.give_way(self.turns[name], stopped=lambda: True)

    def end(self, name):
        with self.line._changed:
            self.line.leave(self.turns[name].entry)
            self.line.release(self.turns[name])


def test_a_new_job_comes_before_one_that_had_its_time():
    table = Table()
    table.enter("long", "a")
    table.compute("long", LEVELS[0])
    table.enter("short", "b")
    assert table.began == ["long"]
    table.compute("long", 0.01)
    assert table.began == ["long", "short"]


def test_a_job_that_began_a_moment_ago_is_not_interrupted_by_another_new_one():
    table = Table()
    table.enter("first", "a")
    table.enter("second", "b")
    table.compute("first", LEVELS[0] / 2)
    assert table.began == ["first"]
    table.compute("first", LEVELS[0])
    assert table.began == ["first", "second"]


def test_a_job_that_is_known_to_be_short_comes_before_new_ones_and_is_not_interrupted_by_them():
    table = Table()
    for name in ("first", "second", "third"):
        table.enter(name, name)
    table.enter("short", "b", short=True)
    table.compute("first", 0.01)
    assert table.began == ["first", "short"]
    table.compute("short", SHORT - 0.1)
    assert table.began == ["first", "short"]


def test_a_job_that_was_said_to_be_short_and_is_not_is_like_any_other():
    table = Table()
    said = table.enter("said", "a", short=True)
    table.enter("new", "b")
    table.compute("said", SHORT)
    assert said.level == 4
    assert table.began == ["said", "new"]


@pytest.mark.parametrize("short", [False, True])
def test_who_has_nothing_to_look_at_comes_before_who_has_a_part_of_his_result(short):
    table = Table()
    first, second = table.enter("first", "a", short), table.enter("second", "b", short)
    table.compute("first", 0.1)
    assert table.began == ["first"]
    first.shown = True
    table.compute("first", 0.1)
    assert table.began == ["first", "second"]
    table.compute("second", 0.1)
    assert second.turns == 1, "it has shown nothing, so it goes on"


def test_a_class_sees_the_first_part_of_all_its_short_jobs_before_the_rest_of_one():
    table, names = Table(), [str(k) for k in range(30)]
    entries = {name: table.enter(name, name, short=True) for name in names}
    for name in names:
        assert table.began[-1] == name
        entries[name].shown = True
        table.compute(name, 0.2)
    assert table.began == names
    assert table.clock.now == pytest.approx(30 * 0.2)


def test_a_helper_gives_way_at_once():
    table = Table(workers=2)
    entry = table.enter("parallel", "a")
    entry.tasks = 1
    with table.line._changed:
        table.line.serve()
    assert entry.turns == 2
    table.enter("new", "b")
    table.compute("parallel, helper", 0.0)
    assert table.began == ["parallel", "new"]
    assert entry.turns == 1


def test_a_slow_step_within_a_turn_counts():
    table = Table()
    entry = table.enter("slow", "a")
    table.compute("slow", LEVELS[-1] + SLICE)
    assert entry.level == len(LEVELS)


def test_one_worker_for_each_owner():
    table = Table(workers=3)
    table.enter("one", "a")
    table.enter("two", "a")
    table.enter("other", "b")
    table.enter("nobody's")
    table.enter("nobody's, too")
    assert table.began == ["one", "other", "nobody's"]
    table.end("other")
    assert table.began[3:] == ["nobody's, too"]
    table.end("one")
    assert table.began[4:] == ["two"]


def test_a_job_of_two_owners_computes_on_behalf_of_the_one_who_is_free():
    table = Table(workers=2)
    table.enter("one", "a")
    shared = table.enter("shared", "a")
    assert table.began == ["one"]
    shared.owners.append("b")
    with table.line._changed:
        table.line.serve()
    assert table.began == ["one", "shared"]
    table.enter("two", "b")
    table.end("one")
    assert table.began == ["one", "shared"]  # b has the worker of the shared job


def test_the_place_in_line_counts_people():
    table = Table(workers=1)
    table.enter("running", "a")
    table.enter("next", "b")
    table.enter("next, too", "b")
    mine, last = table.enter("mine", "c"), table.enter("last", "d")
    assert (table.line.ahead(mine), table.line.ahead(last)) == (2, 3)
    assert table.line.sharing(table.turns["running"].entry) == 3


def sweep(stop, begun=None):
    """Endless work in small steps."""

    def work(job):
        while not stop.is_set():
            job.progress(0.5, "at work")
            if begun is not None:
                begun.release()
            time.sleep(0.005)

    return work


def test_nobody_waits_for_the_sweeps_of_ten_strangers():
    pool, stop = Jobs(workers=2), threading.Event()
    begun = threading.Semaphore(0)
    sweeps = [pool.start(("sweep", name), sweep(stop, begun), name) for name in OWNERS]
    for _ in range(100):
        assert begun.acquire(timeout=WAIT)
    waits = []
    for k in range(5):
        began = time.monotonic()
        assert pool.start(("short", k), lambda job: "result", "stranger").result(WAIT) == "result"
        waits.append(time.monotonic() - began)
    stop.set()
    for ticket in sweeps:
        ticket.result(WAIT)  # they went on where they were
    assert max(waits) < 2


def test_long_jobs_share_the_workers_alike():
    clock, pool = Clock(), Jobs(workers=1, timeout=1e9)
    pool._line._clock = clock
    steps = []

    def work(job, name):
        for _ in range(40):
            steps.append(name)
            clock.now += SLICE / 2
            job.progress(0.5, "at work")

    gate = threading.Event()
    holder = pool.start("gate", lambda job: gate.wait(WAIT))
    tickets = [pool.start(name, lambda job, name=name: work(job, name), name) for name in "abc"]
    gate.set()
    for ticket in (holder, *tickets):
        ticket.result(WAIT)
    first = steps[:60]
    assert all(15 <= first.count(name) <= 25 for name in "abc")


def test_tasks_get_a_second_worker_only_while_nobody_waits():
    pool, stop = Jobs(workers=2), threading.Event()
    crowded, both = threading.Event(), threading.Barrier(3)

    def task(progress):
        both.wait(WAIT)
        assert crowded.wait(WAIT)
        for _ in range(100):
            progress(0.5, "at work")
            time.sleep(0.001)

    parallel = pool.start("parallel", lambda job: run_parallel(job.progress, [task, task]), "a")
    both.wait(WAIT)
    others = [pool.start(name, sweep(stop), name) for name in "bc"]
    crowded.set()
    deadline = time.monotonic() + WAIT
    while not all(ticket.state.fraction for ticket in others):  # both got a worker
        assert time.monotonic() < deadline
        time.sleep(0.01)
    entry = parallel._job._entry
    for _ in range(50):
        with pool._changed:
            assert entry.turns <= 1
            assert pool._line._held <= 2
        time.sleep(0.005)
    stop.set()
    assert parallel.result(WAIT) == [None, None]


def test_a_paused_job_can_be_left_and_stops():
    pool, stop, ended = Jobs(workers=1), threading.Event(), threading.Event()

    def left(job):
        try:
            sweep(stop)(job)
        finally:
            ended.set()

    first = pool.start("first", left, "a")
    second = pool.start("second", sweep(stop), "b")
    deadline = time.monotonic() + WAIT
    while not first._job._entry.waits:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    first.leave()
    assert ended.wait(WAIT)
    stop.set()
    second.result(WAIT)


def test_few_jobs_of_one_owner_wait_and_not_too_many_in_all():
    pool, gate = Jobs(workers=1, most=6), threading.Event()
    tickets = [pool.start(k, lambda job: gate.wait(WAIT), "a") for k in range(1 + jobs.MOST_WAITING)]
    with pytest.raises(UserError, match="wait already"):
        pool.start("more", lambda job: None, "a")
    assert pool.start(1, lambda job: None, "a").spec == 1  # to join is no more work
    tickets += [pool.start(k, lambda job: gate.wait(WAIT), "b") for k in ("x", "y")]
    with pytest.raises(UserError, match="6 computations"):
        pool.start("z", lambda job: None, "c")
    tickets[-1].leave()
    tickets.append(pool.start("z", lambda job: gate.wait(WAIT), "c"))
    gate.set()
    assert [ticket.result(WAIT) for ticket in tickets if not ticket._left] == [True] * 6


def test_thirty_people_with_one_question_are_one_job_and_a_later_one_needs_none():
    pool, gate, calls = Jobs(workers=1, most=2), threading.Event(), []
    tickets = [pool.start("popular", lambda job: calls.append(1) or gate.wait(WAIT), k) for k in range(30)]
    gate.set()
    assert [ticket.result(WAIT) for ticket in tickets] == [True] * 30
    assert pool.start("popular", lambda job: calls.append(1), "late").state.status == "done"
    assert calls == [1]


def test_a_waiting_job_says_how_many_people_come_first():
    pool, gate = Jobs(workers=1), threading.Event()
    tickets = [pool.start(name, lambda job: gate.wait(WAIT), name) for name in "abc"]
    assert [ticket.state.ahead for ticket in tickets] == [0, 1, 2]
    tickets[1].leave()
    assert tickets[2].state.ahead == 1
    gate.set()
    tickets[2].result(WAIT)
    assert tickets[2].state.ahead == 0
