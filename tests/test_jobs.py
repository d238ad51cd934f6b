"""Races are made with events and barriers; WAIT only bounds how long a broken test hangs."""

import gc
import logging
import os
import subprocess
import sys
import threading
import weakref
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from rnorm_core import jobs
from rnorm_core.errors import UserError
from rnorm_core.jobs import Cancelled, Jobs
from rnorm_core.progress import run_parallel

WAIT = 10.0
ROOT = Path(__file__).resolve().parents[1]


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Work:
    """Work that says when it begins, goes on when told, reports progress once more, and ends."""

    def __init__(self, value="result"):
        self.value = value
        self.calls = 0
        self.began = threading.Event()
        self.go = threading.Event()
        self.outcome = []
        self.ended = threading.Event()

    def __call__(self, job):
        self.calls += 1
        self.began.set()
        try:
            assert self.go.wait(WAIT)
            job.progress(0.9, "nearly")
            self.outcome.append("finished")
            return self.value
        except Cancelled:
            self.outcome.append("cancelled")
            raise
        finally:
            self.ended.set()


def settle(pool):
    """Wait until every thread of `pool` has ended."""
    deadline = threading.Event()
    for _ in range(1000):
        if not any(thread.is_alive() for thread in list(pool._threads)):
            assert pool._line._held == 0
            return
        deadline.wait(0.01)
    raise AssertionError("a worker never ended")


def test_thirty_tickets_one_computation():
    pool, work, gate = Jobs(), Work(value=[1, 2]), threading.Barrier(30)
    results = []

    def ask():
        gate.wait(WAIT)
        results.append(pool.start(("pgd", 8), work).result(WAIT))

    threads = [threading.Thread(target=ask) for _ in range(30)]
    for t in threads:
        t.start()
    assert work.began.wait(WAIT)
    work.go.set()
    for t in threads:
        t.join(WAIT)
    assert work.calls == 1
    assert len(results) == 30
    assert all(r is work.value for r in results)


def test_different_specs_are_different_computations():
    pool = Jobs()
    tickets = [pool.start(k, lambda job, k=k: k * k) for k in range(20)]
    assert [t.result(WAIT) for t in tickets] == [k * k for k in range(20)]


def test_first_leave_keeps_the_job_and_the_last_cancels_it():
    pool, work = Jobs(), Work()
    first, second = pool.start("s", work), pool.start("s", work)
    assert work.began.wait(WAIT)
    first.leave()
    assert first.state.status == "left"
    assert first.state.done
    assert second.state.status == "running"
    first.leave()  # leaving twice is not two tickets leaving
    assert second.state.status == "running"
    second.leave()
    work.go.set()
    assert work.ended.wait(WAIT)
    assert work.outcome == ["cancelled"]
    with pytest.raises(Cancelled):
        second.result(WAIT)


def test_one_who_stays_gets_the_result_though_another_left():
    pool, work = Jobs(), Work()
    first, second = pool.start("s", work), pool.start("s", work)
    first.leave()
    work.go.set()
    assert second.result(WAIT) == "result"
    with pytest.raises(Cancelled):
        first.result(WAIT)


def test_asked_again_while_the_cancelled_thread_winds_down():
    pool, old, new = Jobs(workers=2), Work("old"), Work("new")
    ticket = pool.start("s", old)
    assert old.began.wait(WAIT)
    ticket.leave()
    again = pool.start("s", new)  # the old thread still runs
    assert new.began.wait(WAIT)
    old.go.set()
    assert old.ended.wait(WAIT)
    assert old.outcome == ["cancelled"]
    assert again.state.status == "running"  # the old one's end did not touch the new one
    joined = pool.start("s", old)
    new.go.set()
    assert again.result(WAIT) == joined.result(WAIT) == "new"
    assert (old.calls, new.calls) == (1, 1)


def test_result_of_a_cancelled_job_that_did_not_notice_is_not_kept():
    pool, began, go = Jobs(workers=1), threading.Event(), threading.Event()

    def deaf(job):
        began.set()
        assert go.wait(WAIT)
        return "cut short"

    ticket = pool.start("s", deaf)
    assert began.wait(WAIT)
    ticket.leave()
    again = pool.start("s", lambda job: "whole")
    go.set()
    assert again.result(WAIT) == "whole"
    assert pool.start("s", deaf).result(WAIT) == "whole"


def test_leave_and_ask_again_from_many_threads():
    """Whatever the interleaving: who stays gets the result, and nothing is left behind."""
    pool, gate = Jobs(workers=2), threading.Barrier(8)
    got = []

    def work(job):
        for k in range(20):
            job.progress(k / 20, "step")
        return "result"

    def student(number):
        gate.wait(WAIT)
        for k in range(50):
            ticket = pool.start(("s", k % 3), work)
            if (k + number) % 2:
                ticket.leave()
            else:
                got.append(ticket.result(WAIT))
            if k % 5 == 0:
                with pool._changed:
                    pool._kept.clear()  # so that work starts over and over

    threads = [threading.Thread(target=student, args=(n,)) for n in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(WAIT)
    assert got == ["result"] * 200
    settle(pool)
    assert not pool._live
    assert not pool._line.entries


def test_error_reaches_every_ticket_and_is_not_cached():
    pool, gate, calls = Jobs(), threading.Event(), []

    def fails(job):
        calls.append(1)
        assert gate.wait(WAIT)
        raise UserError("The file is empty.", "choose another.")

    tickets = [pool.start("s", fails) for _ in range(3)]
    gate.set()
    for ticket in tickets:
        depths = []
        for _ in range(3):
            with pytest.raises(UserError, match="The file is empty") as caught:
                ticket.result(WAIT)
            depths.append(len(caught.traceback))
        assert len(set(depths)) == 1  # asked again and again, the error does not grow
        assert ticket.state.status == "failed"
        assert isinstance(ticket.state.error, UserError)
    assert len(calls) == 1
    assert pool.start("s", lambda job: "better").result(WAIT) == "better"


def test_worker_outlives_even_a_system_exit():
    pool = Jobs(workers=1)

    def leaves(job):
        raise SystemExit(3)

    with pytest.raises(SystemExit):
        pool.start("s", leaves).result(WAIT)
    assert pool.start("t", lambda job: 1).result(WAIT) == 1


def test_failure_after_cancel_is_logged(caplog):
    pool, began, go = Jobs(workers=1), threading.Event(), threading.Event()

    def breaks(job):
        began.set()
        assert go.wait(WAIT)
        raise ZeroDivisionError("really broken")

    ticket = pool.start("s", breaks)
    assert began.wait(WAIT)
    ticket.leave()
    with caplog.at_level(logging.WARNING):
        go.set()
        settle(pool)
    assert "really broken" in caplog.text


def test_others_wait_their_turn_and_can_be_cancelled_while_they_wait():
    pool, running = Jobs(workers=1), Work()
    order = []
    pool.start("first", running)
    assert running.began.wait(WAIT)
    second, third = pool.start("second", order.append), pool.start("third", lambda job: order.append("third"))
    fourth = pool.start("fourth", lambda job: order.append("fourth"))
    assert second.state.status == "waiting"
    assert not second.state.done
    second.leave()
    running.go.set()
    third.result(WAIT), fourth.result(WAIT)
    assert order == ["third", "fourth"]
    with pytest.raises(Cancelled):
        second.result(WAIT)


def test_never_more_workers_than_allowed():
    pool, inside, most, lock = Jobs(workers=2), [0], [0], threading.Lock()
    pair = threading.Barrier(2)  # breaks unless two really run at once

    def work(job):
        with lock:
            inside[0] += 1
            most[0] = max(most[0], inside[0])
        pair.wait(WAIT)
        with lock:
            inside[0] -= 1

    for ticket in [pool.start(k, work) for k in range(10)]:
        ticket.result(WAIT)
    assert most[0] == 2


def test_kept_result_comes_at_once_and_least_recently_asked_goes_first():
    pool, calls = Jobs(keep=2), []

    def ask(spec):
        return pool.start(spec, lambda job: calls.append(spec) or spec)

    for spec in "aba":
        assert ask(spec).result(WAIT) == spec
    assert ask("a").state.status == "done"
    assert calls == ["a", "b"]
    ask("c").result(WAIT)  # drops b, as a was asked for since
    ask("a").result(WAIT)
    assert calls == ["a", "b", "c"]
    ask("b").result(WAIT)
    assert calls == ["a", "b", "c", "b"]


def test_ticket_keeps_its_result_after_the_store_dropped_it():
    pool = Jobs(keep=1)
    first = pool.start("a", lambda job: "A")
    assert first.result(WAIT) == "A"
    assert pool.start("b", lambda job: "B").result(WAIT) == "B"
    assert first.result(WAIT) == "A"


def test_store_is_bounded_in_bytes():
    pool, calls = Jobs(keep_bytes=1000), []

    def ask(spec, n):
        pool.start(spec, lambda job: calls.append(spec) or {"x": np.zeros(n, np.uint8)}).result(WAIT)

    ask("a", 600), ask("b", 300), ask("a", 600)
    assert calls == ["a", "b"]
    ask("c", 600)  # b and a have to go
    ask("huge", 2000)  # larger than all room: nothing is kept
    ask("huge", 2000)
    assert calls == ["a", "b", "c", "huge", "huge"]


def test_size_counts_arrays_wherever_they_are():
    @dataclass(frozen=True)
    class Result:
        array: np.ndarray
        inner: tuple
        text: str = "not counted"

    x = np.zeros((2, 5), np.float32)
    assert jobs.size(x) == 40
    assert jobs.size(Result(x, (x, {"k": [x, None]}))) == 120
    assert jobs.size("text") == jobs.size(None) == 0


def test_a_ticket_without_heartbeat_is_dropped():
    clock = Clock()
    pool, work = Jobs(timeout=15, clock=clock), Work()
    ticket = pool.start("s", work)
    assert work.began.wait(WAIT)
    clock.now = 15.1
    work.go.set()  # its next progress notices
    assert work.ended.wait(WAIT)
    assert work.outcome == ["cancelled"]
    assert ticket.state.status == "left"


@pytest.mark.parametrize("beat", ["touch", "state"])
def test_heartbeat_keeps_a_job_alive(beat):
    clock = Clock()
    pool, work = Jobs(timeout=15, clock=clock), Work()
    ticket = pool.start("s", work)
    assert work.began.wait(WAIT)
    for clock.now in (10.0, 20.0, 30.0):
        ticket.touch() if beat == "touch" else ticket.state
    clock.now = 44.0
    work.go.set()
    assert work.ended.wait(WAIT)  # who waits for the result is never dropped: ask only now
    assert ticket.result(WAIT) == "result"


def test_one_dropped_ticket_leaves_the_others():
    clock = Clock()
    pool, work = Jobs(timeout=15, clock=clock), Work()
    gone, alive = pool.start("s", work), pool.start("s", work)
    clock.now = 20.0
    alive.touch()
    work.go.set()
    assert alive.result(WAIT) == "result"
    assert gone.state.status == "left"


def test_dropped_while_waiting_the_job_never_begins():
    clock = Clock()
    pool, running, called = Jobs(workers=1, timeout=15, clock=clock), Work(), []
    holder = pool.start("first", running)
    assert running.began.wait(WAIT)
    pool.start("abandoned", lambda job: called.append(1))
    clock.now = 20.0
    holder.touch()
    running.go.set()
    holder.result(WAIT)
    settle(pool)
    assert not called
    assert not pool._live


def test_waiting_in_result_is_a_heartbeat():
    clock, waits = Clock(), threading.Event()
    pool, work, got = Jobs(timeout=15, clock=clock), Work(), []
    ticket = pool.start("s", work)
    thread = threading.Thread(target=lambda: (waits.set(), got.append(ticket.result(WAIT))))
    thread.start()
    assert waits.wait(WAIT)
    while not ticket._blocked:
        pass
    clock.now = 1000.0
    work.go.set()
    thread.join(WAIT)
    assert got == ["result"]


def test_progress_shows_fraction_text_and_partial():
    pool, shown, go = Jobs(), threading.Event(), threading.Event()
    picture = object()

    def work(job):
        job.progress(0.25, "step 1 of 4", partial=picture)
        job.progress(7, "step 2 of 4")  # no new partial: the last one stays; never beyond 1
        shown.set()
        assert go.wait(WAIT)
        return "result"

    ticket = pool.start("s", work)
    assert shown.wait(WAIT)
    state = ticket.state
    assert (state.status, state.fraction, state.text, state.done) == ("running", 1.0, "step 2 of 4", False)
    assert state.partial is picture
    with pytest.raises(TimeoutError, match="still running"):
        ticket.result(timeout=0)
    go.set()
    ticket.result(WAIT)
    assert (ticket.state.status, ticket.state.fraction, ticket.state.done) == ("done", 1.0, True)


def test_what_work_closed_over_does_not_live_as_long_as_its_result():
    class Model:
        pass

    pool, model = Jobs(), Model()
    gone = weakref.ref(model)
    ticket = pool.start("s", lambda job, model=model: "result")
    ticket.result(WAIT)
    del model
    settle(pool)
    gc.collect()
    assert gone() is None


def test_the_shared_pool():
    ticket = jobs.start(("test_jobs", "shared"), lambda job: job.progress(1, "x") or 42)
    assert ticket.result(WAIT) == 42
    assert ticket.spec == ("test_jobs", "shared")


def test_a_closed_pool_cancels_what_runs_and_waits_and_takes_nothing_new():
    pool, work, later = Jobs(workers=1), Work(), Work()
    running, waiting = pool.start("running", work), pool.start("waiting", later)
    assert work.began.wait(WAIT)
    threading.Timer(0.2, work.go.set).start()
    pool.close(WAIT)
    assert work.outcome == ["cancelled"]  # it was waited for
    assert later.calls == 0
    new = pool.start("new", later)
    for ticket in (running, waiting, new):
        assert ticket.state.status == "left"
        with pytest.raises(Cancelled):
            ticket.result(WAIT)
    assert later.calls == 0


def test_closing_waits_no_longer_than_it_may():
    pool, work = Jobs(), Work()
    pool.start("s", work)
    assert work.began.wait(WAIT)
    pool.close(0.05)
    assert not work.ended.is_set()
    work.go.set()
    settle(pool)


# --- tasks of one job


def in_tasks(*tasks):
    """Work that runs these tasks together, and returns their results."""
    return lambda job: run_parallel(job.progress, tasks)


def test_tasks_of_a_job_run_at_the_same_time_on_workers_without_a_job():
    pool, pair = Jobs(workers=2), threading.Barrier(2)  # breaks unless two really run at once

    def task(progress, name):
        pair.wait(WAIT)
        progress(0.5, name, partial=name)
        return name, threading.current_thread()

    done = pool.start("s", in_tasks(*[lambda progress, name=name: task(progress, name) for name in "abcd"]))
    results = done.result(WAIT)
    assert [name for name, _ in results] == list("abcd")
    assert len({thread for _, thread in results}) == 2
    settle(pool)
    assert not pool._line.entries


def test_a_job_needs_no_second_worker_for_its_tasks():
    pool = Jobs(workers=1)
    inner = lambda progress: run_parallel(progress, [lambda progress, k=k: k for k in range(3)])  # noqa: E731
    assert pool.start("s", in_tasks(inner, inner)).result(WAIT) == [[0, 1, 2]] * 2
    assert pool.start("nothing to do", in_tasks()).result(WAIT) == []


def test_tasks_inside_tasks_share_the_workers():
    pool, trio = Jobs(workers=3), threading.Barrier(3)  # every three tasks that run at once let each other go on
    inner = lambda progress: run_parallel(progress, [lambda progress: trio.wait(WAIT)] * 3)  # noqa: E731
    outer = pool.start("s", in_tasks(inner, inner, inner)).result(WAIT)
    assert sorted(number for numbers in outer for number in numbers) == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_a_job_that_waits_goes_before_tasks_of_a_running_one():
    pool, order, begun = Jobs(workers=2), [], threading.Barrier(3)
    go = {"owner": threading.Event(), "helper": threading.Event()}
    owner = []

    def held(progress):
        begun.wait(WAIT)
        assert go["owner" if threading.current_thread() in owner else "helper"].wait(WAIT)

    def work(job):
        owner.append(threading.current_thread())
        run_parallel(job.progress, [held, held, lambda progress: order.append("task")])

    running = pool.start("tasks", work)
    begun.wait(WAIT)
    waiting = pool.start("job", lambda job: order.append("job"))
    assert waiting.state.status == "waiting"
    go["helper"].set()
    waiting.result(WAIT)
    settle_down = threading.Event()
    while "task" not in order:  # the helper comes back, as the owner is still held
        settle_down.wait(0.01)
    go["owner"].set()
    running.result(WAIT)
    assert order == ["job", "task"]


def test_the_first_exception_of_a_task_stops_the_others_and_is_raised():
    pool, outcome, fails = Jobs(workers=2), [], threading.Event()

    def broken(progress):
        fails.set()
        raise UserError("The file is empty.", "choose another.")

    def endless(progress):
        assert fails.wait(WAIT)
        try:
            for _ in iter(int, 1):
                progress(0.5, "at work")
        except Cancelled:
            outcome.append("stopped")
            raise

    def never(progress):
        outcome.append("begun")

    inner = lambda progress: run_parallel(progress, [endless])  # noqa: E731  # also a task of a task is stopped
    ticket = pool.start("s", in_tasks(inner, broken, never))
    with pytest.raises(UserError, match="The file is empty"):
        ticket.result(WAIT)
    assert outcome == ["stopped"]
    assert pool.start("next", lambda job: "alive").result(WAIT) == "alive"


def test_leaving_stops_all_tasks():
    pool, both, outcome = Jobs(workers=2), threading.Barrier(3), []

    def task(progress):
        both.wait(WAIT)
        try:
            for _ in iter(int, 1):
                progress(0.5, "at work")
        except Cancelled:
            outcome.append("stopped")
            raise

    ticket = pool.start("s", in_tasks(task, task, lambda progress: outcome.append("begun")))
    both.wait(WAIT)
    ticket.leave()
    settle(pool)
    assert outcome == ["stopped", "stopped"]
    assert not pool._line.entries


AT_WORK = """
import threading, torch
from rnorm_core import jobs

began = threading.Event()

def work(job):
    weights = torch.randn(32, 32, 3, 3, requires_grad=True)
    while True:
        torch.nn.functional.conv2d(torch.randn(16, 32, 32, 32), weights).sum().backward()
        began.set()
        job.progress(0.5, "at work")

ticket = jobs.start("endless", work)
began.wait()
"""


def test_an_interpreter_that_ends_while_torch_is_at_work_ends_in_peace():
    done = subprocess.run([sys.executable, "-c", AT_WORK], capture_output=True, text=True, timeout=120, cwd=ROOT)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_work_gives_way_to_pages():
    """Also the tasks of a job; the thread that answers visitors stays as it was."""
    pool, mine = Jobs(workers=2), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    def niceness() -> int:
        return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

    ticket = pool.start("nice", lambda job: [niceness(), *run_parallel(job.progress, [lambda _: niceness()] * 2)])
    assert ticket.result(WAIT) == [jobs.pool.NICENESS] * 3
    assert niceness() == mine
    settle(pool)
