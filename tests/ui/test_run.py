"""What `ui.run` shows while a job runs, in a page of three lines."""

import time

import pytest
import torch
from streamlit.testing.v1 import AppTest

from rnorm_core import jobs


def page():
    import streamlit as st

    from rnorm_core import ui

    gate = st.session_state["gate"]
    result = ui.run(("spec", st.session_state["spec"]), lambda job: gate(job), slot="test")
    st.text(f"result: {result}")


def opened(gate, spec: str) -> AppTest:
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["gate"], app.session_state["spec"] = gate, spec
    return app


def test_a_quick_result_comes_without_progress():
    app = opened(lambda job: 42, "quick").run()
    assert app.text[0].value == "result: 42"
    assert not app.get("progress")


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

        from rnorm_core import ui

        with ui.guard("start"):
            st.text(torch.get_num_threads())

    assert AppTest.from_function(guarded, default_timeout=60).run().text[0].value == "1"


def test_a_ticket_that_is_left_while_the_page_waits_is_no_error(monkeypatch):
    """Another run of the same visitor's page leaves the job while this one still waits for it: it is asked for anew."""
    left = []
    result, gates = jobs.Ticket.result, [lambda job: [job.progress(0, "") for _ in iter(int, 1)], lambda job: 7]

    def left_once(self, timeout=None):
        while len(gates) == 2:  # not before the work has begun
            time.sleep(0.01)
        if self.spec not in left:
            left.append(self.spec)
            self.leave()
        return result(self, timeout)

    monkeypatch.setattr(jobs.Ticket, "result", left_once)
    app = opened(lambda job: gates.pop(0)(job), "left").run()
    assert not app.exception
    assert app.text[0].value == "result: 7"


@pytest.mark.parametrize("error", [ZeroDivisionError("a defect")])
def test_what_the_work_raises_is_raised(error):
    def fail(job):
        raise error

    assert opened(fail, "fail").run().exception[0].message == "a defect"


def test_another_spec_leaves_the_first():
    started = []

    def endless(job):
        started.append(job.spec)
        while True:
            job.progress(0.5, "endless")

    app = opened(endless, "first").run()
    ticket = app.session_state["_ticket test"]
    app.session_state["spec"] = "second"
    app.session_state["gate"] = lambda job: "done"
    app.run()
    assert ticket.state.status == "left"
    assert app.text[0].value == "result: done"
