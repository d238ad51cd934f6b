"""What `live_job.run` shows while a job runs, in a page of three lines."""

import threading
import time

import pytest
import torch
from streamlit.testing.v1 import AppTest

from rnorm_core import jobs
from rnorm_core.ui.shared import live_job


def page():
    import streamlit as st

    from rnorm_core.ui.shared.live_job import run

    gate = st.session_state["gate"]
    result = run(("request", st.session_state["request"]), lambda progress: gate(progress), slot="test")
    st.text(f"result: {result}")


def opened(gate, request: str, script=page) -> AppTest:
    app = AppTest.from_function(script, default_timeout=60)
    app.session_state["gate"], app.session_state["request"] = gate, request
    return app


def test_a_quick_result_comes_without_progress():
    app = opened(lambda progress: 42, "quick").run()
    assert app.text[0].value == "result: 42"
    assert not app.get("progress")


def test_a_result_within_a_second_comes_without_progress():
    def half_a_second(progress):
        for i in range(10):
            progress(i / 10, "nearly", f"part {i}")
            time.sleep(0.05)
        return 42

    app = opened(half_a_second, "half a second").run()
    assert app.text[0].value == "result: 42"
    assert not app.get("progress")


def test_long_work_shows_its_first_partial_result_before_the_second_is_over(monkeypatch):
    monkeypatch.setattr(live_job, "QUICK", 60.0)
    go = threading.Event()

    def minutes(progress):
        progress(0.0001, "begun", "the first part")
        while not go.wait(0.01):
            progress(0.0001, "at work")

    app = opened(minutes, "minutes")
    began = time.monotonic()
    app.run()
    assert time.monotonic() - began < 30
    assert app.get("progress")
    go.set()


def test_in_a_crowd_each_page_asks_less_often():
    alone, few, class_ = (jobs.State("waiting", 0, "", ahead=ahead, sharing=2) for ahead in (0, 1, 30))
    assert live_job._poll_every(jobs.State("running", 0, "")) == live_job.POLL_EVERY
    assert live_job._poll_every(alone) == live_job._poll_every(few) < 0.5
    assert 1 < live_job._poll_every(class_) < 1.5


@pytest.fixture
def two_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("two_threads")
def test_a_job_has_one_thread():
    app = opened(lambda job: torch.get_num_threads(), "threads").run()
    assert app.text[0].value == "result: 1"


@pytest.mark.usefixtures("two_threads")
def test_a_page_has_one_thread():
    def guarded():
        import streamlit as st
        import torch

        from rnorm_core.ui.shared.guard import guard

        with guard("start"):
            st.text(torch.get_num_threads())

    assert AppTest.from_function(guarded, default_timeout=60).run().text[0].value == "1"


def test_a_ticket_that_is_left_while_the_page_waits_is_no_error(monkeypatch):
    """Another run of the same visitor's page leaves the job while this one still waits for it: it starts anew."""
    left = []
    result, gates = jobs.Ticket.result, [lambda progress: [progress(0, "") for _ in iter(int, 1)], lambda progress: 7]

    def left_once(self, timeout=None):
        while len(gates) == 2:  # not before the work has begun
            time.sleep(0.01)
        if self.spec not in left:
            left.append(self.spec)
            self.leave()
        return result(self, timeout)

    monkeypatch.setattr(jobs.Ticket, "result", left_once)
    app = opened(lambda progress: gates.pop(0)(progress), "left").run()
    assert not app.exception
    assert app.text[0].value == "result: 7"


@pytest.mark.parametrize("error", [ZeroDivisionError("a defect")])
def test_what_the_work_raises_is_raised(error):
    def fail(progress):
        raise error

    assert opened(fail, "fail").run().exception[0].message == "a defect"


def test_another_request_leaves_the_first():
    app = opened(endless, "first").run()
    ticket = app.session_state["_ticket test"]
    assert ticket.state.status in ("waiting", "running")
    app.session_state["request"] = "second"
    app.session_state["gate"] = lambda progress: "done"
    app.run()
    assert ticket.state.status == "left"
    assert app.text[0].value == "result: done"


def test_work_that_failed_is_tried_again_by_the_next_run_of_the_page():
    outcomes = [ZeroDivisionError("once"), 7]

    def fails_once(progress):
        if isinstance(outcome := outcomes.pop(0), Exception):
            raise outcome
        return outcome

    app = opened(fails_once, "fails once").run()
    assert app.exception[0].message == "once"
    app.run()
    assert not app.exception
    assert app.text[0].value == "result: 7"


@pytest.fixture
def one_worker(monkeypatch):
    """Jobs of their own, with one worker that two other people use."""
    pool, stop = jobs.Jobs(workers=1), threading.Event()
    monkeypatch.setattr(jobs, "start", pool.start)
    tickets = [pool.start(name, lambda job: stop.wait(60), name) for name in "ab"]
    yield stop
    stop.set()
    for ticket in tickets:
        ticket.result(60)


def test_a_visitor_sees_the_place_in_line_and_can_leave(one_worker):
    app = opened(lambda progress: 42, "in line").run()
    assert app.get("progress")[0].proto.text == "Waiting: 2 people before you"
    ticket = app.session_state["_ticket test"]
    click(app, "Stop")
    assert ticket.state.status == "left"
    one_worker.set()
    click(app, "Start again")
    assert app.text[0].value == "result: 42"


def test_a_visitor_sees_that_work_takes_turns():
    assert live_job._text(jobs.State("running", 0.5, "step 3", sharing=1)) == "step 3 (taking turns with 1 person)"
    assert live_job._text(jobs.State("running", 0.5, "step 3")) == "step 3"


def test_work_of_a_page_that_the_visitor_has_left_gives_way(monkeypatch):
    app = opened(endless, "left page").run()
    ticket = app.session_state["_ticket other slot"] = app.session_state["_ticket test"]
    monkeypatch.setattr(live_job, "UNSEEN", -1.0)
    app.session_state["request"], app.session_state["gate"] = "next page", lambda progress: "done"
    app.run()
    assert app.text[0].value == "result: done"
    assert ticket.state.status == "left"


# --- results that grow


def growing_page():
    import streamlit as st

    from rnorm_core.ui.shared.growing_result import growing

    gate = st.session_state["gate"]
    result = growing(("growing", st.session_state["request"]), lambda progress: gate(progress), "test")
    st.text(f"result: {result}")


def endless(progress):
    while True:
        progress(0.5, "endless")
        time.sleep(0.01)


class Steps:
    """Work that shows "one" and "two", stays there until `go` is set, and returns "all"."""

    def __init__(self) -> None:
        self.shown, self.go = threading.Event(), threading.Event()

    def __call__(self, progress) -> str:
        for text in ("one", "two"):
            progress(0.5, "working", text)
        self.shown.set()
        while not self.go.wait(0.01):
            progress(0.5, "working")
        return "all"


def grown(request: str) -> tuple[AppTest, Steps]:
    work = Steps()
    app = opened(work, request, growing_page)
    app.run()
    assert work.shown.wait(60)
    return app.run(), work


def click(app: AppTest, label: str) -> None:
    next(button for button in app.button if button.label == label).click().run()


def test_a_partial_result_is_shown_kept_when_stopped_and_gives_way_to_the_result():
    app, work = grown("kept")
    assert app.get("progress")
    assert app.text[0].value == "result: two"
    click(app, "Stop")
    assert not app.get("progress")
    assert app.text[0].value == "result: two"
    work.go.set()
    click(app, "Start again")
    app.session_state["_ticket test"].result(60)
    assert app.run().text[0].value == "result: all"
    assert "_partial test" not in app.session_state


def test_what_is_kept_belongs_to_its_request():
    app, _ = grown("mine")
    click(app, "Stop")
    app.session_state["request"], app.session_state["gate"] = "another", endless
    assert app.run().text[0].value == "result: None"
    click(app, "Stop")
    assert app.text[0].value == "result: None"


def test_a_partial_result_that_came_just_before_the_stop_is_kept():
    work, late = Steps(), threading.Event()
    app = opened(lambda progress: late.wait(60) and work(progress), "just before", growing_page)
    app.run()
    assert app.text[0].value == "result: None"
    late.set()
    assert work.shown.wait(60)
    click(app, "Stop")
    assert app.text[0].value == "result: two"
