"""Work that takes longer than a moment: progress, a stop button, the result."""

import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, TypeVar

import streamlit as st
import torch
from streamlit.runtime.scriptrunner import get_script_run_ctx

from rnorm_core import jobs
from rnorm_core.experiments import shipped
from rnorm_core.progress import Progress, runner

T = TypeVar("T")

QUICK = 1.0  # seconds: a result that comes within them is shown without any sign of work
FEW = 0.5  # seconds after which the finished share of the work says how long all of it will take
LOOK_EVERY = 0.05  # seconds between two looks at work that may be quick
POLL_EVERY = 0.4  # seconds between two checks of running work, for one person alone
# So many others double the time: each check takes the server some milliseconds, which a class would notice.
OTHERS = 16
UNSEEN = 5.0  # seconds without a check after which work belongs to a page that this visitor has left


def run(
    request: Hashable,
    work: Callable[[Progress], T],
    *,
    slot: str = "work",
    draw: Callable[[Any], object] | None = None,
    short: bool = False,
) -> T | None:
    """The result of `work(progress)`; None while it is not there, with progress and a stop button in its place.
    A shipped result of the request comes instead, without work.

    Equal requests of all sessions share one computation. A session has one request per `slot`: a new request leaves the
    old one, and so does a closed browser. `draw(partial)` draws the last partial result while the work
    runs; `last_partial` gives it to the page. Raises the exceptions of the work; the next run of the page then tries
    again. Work waits in a fair line, in which a session is one person and `short` work comes first (see `jobs`).
    """
    known = shipped.result(request)
    if known is not None:
        abandon(slot)
        st.container()  # in the place of the one below
        return known
    ticket = st.session_state.get(_ticket(slot))
    if ticket is None or ticket.spec != request:
        if ticket is not None:
            ticket.leave()
        ticket = _start(slot, request, work, short)
    elif ticket.state.status == "left" and not is_stopped(slot):  # the browser sent nothing for long, as phones do
        ticket = _start(slot, request, work, short)
    if is_stopped(slot):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("Stopped.", width="content")
            st.button("Start again", key=f"again {slot}", on_click=abandon, args=(slot,), icon=":material/replay:")
        return None
    result, working = None, False
    try:
        result = _result_soon(ticket, st.session_state[_begun(slot)])
    except (TimeoutError, jobs.Cancelled):  # cancelled: this visitor's next click has stopped the work meanwhile
        working = True
    except Exception:
        st.session_state.pop(_ticket(slot), None)
        raise
    else:
        st.session_state.pop(_partial(slot), None)
    # The container is there with and without work, and belongs to the page. Where a fragment runs soon after the whole
    # page, Streamlit may drop what the page drew of the fragment before the browser has it. Whatever follows the
    # fragment on the page would then move up into its place, and be overwritten. Inside the container nothing follows.
    with st.container():
        for note in ticket.state.notes:
            st.caption(note)
        if working:
            st.fragment(_watch, run_every=_poll_every(ticket.state))(slot, draw)
    return result


def wait_for(request: Hashable, work: Callable[[Progress], T]) -> T:
    """The result of `work(progress)`, however long it takes: for a click that asks for a file. Raises its errors."""
    return jobs.start(request, partial(_compute, work), visitor()).result()


def one_thread() -> None:
    """Let torch compute on one thread here, and in threads that begin later.

    Jobs share the cores with each other, with Streamlit and often with the browser. There torch is slower on two
    threads, because they wait for each other by spinning. The first convolution of a thread uses OpenMP's own number of
    threads, whatever another thread has set, so every job and each of its tasks calls this function itself. Commands do
    not call it: there torch chooses.
    """
    torch.set_num_threads(1)


def abandon(slot: str) -> None:
    """Leaves the slot's work and forgets its request, so that the next `run` starts from the beginning."""
    if ticket := st.session_state.pop(_ticket(slot), None):
        ticket.leave()
    st.session_state.pop(_stopped(slot), None)


def forget(word: str) -> None:
    """Leaves this visitor's work on something that is to be gone, and drops all results of it. word: its name."""
    for key in list(st.session_state):
        if str(key).startswith(_ticket("")) and word in repr(st.session_state[key].spec):
            slot = str(key).removeprefix(_ticket(""))
            abandon(slot)
            st.session_state.pop(_partial(slot), None)
    jobs.forget(word)


def is_stopped(slot: str = "work") -> bool:
    """Whether this visitor has stopped the slot's last request."""
    return st.session_state.get(_stopped(slot), False)


def last_partial(request: Hashable, slot: str = "work") -> Any:
    """The last partial result of this request, also after the work was stopped; None if there is none."""
    seen, partial = st.session_state.get(_partial(slot), (None, None))
    return partial if seen == request else None


def _result_soon(ticket: jobs.Ticket[T], began: float) -> T:
    """The result, if it comes within `QUICK` of the request at `began`. TimeoutError without it, and already before
    that time if there is a partial result to show and the whole work will clearly take longer.
    """
    while True:
        waited = time.monotonic() - began
        try:
            return ticket.result(timeout=min(LOOK_EVERY, max(0.0, QUICK - waited)))
        except TimeoutError:
            state = ticket.state
            clearly_longer = waited > max(FEW, 2 * QUICK * state.fraction)
            if waited >= QUICK or (state.partial is not None and clearly_longer):
                raise


def _watch(slot: str, draw: Callable[[Any], object] | None) -> None:
    ticket = st.session_state.get(_ticket(slot))
    if ticket is None or (state := ticket.state).done:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(state.fraction, text=_text(state))
        st.button("Stop", key=f"stop {slot}", on_click=_stop, args=(slot,), icon=":material/stop:")
    if state.partial is not None:
        st.session_state[_partial(slot)] = ticket.spec, state.partial
        if draw is not None:
            draw(state.partial)


def _poll_every(state: jobs.State) -> float:
    return POLL_EVERY * (1 + max(state.ahead, state.sharing) / OTHERS)


def _start(slot: str, request: Hashable, work: Callable[[Progress], T], short: bool) -> jobs.Ticket[T]:
    _leave_unseen()
    ticket = st.session_state[_ticket(slot)] = jobs.start(request, partial(_compute, work), visitor(), short=short)
    st.session_state[_stopped(slot)], st.session_state[_begun(slot)] = False, time.monotonic()
    return ticket


def _leave_unseen() -> None:
    """Leaves the work of pages that this visitor has left: it would only delay what the visitor waits for now."""
    for key, ticket in st.session_state.items():
        if str(key).startswith(_ticket("")) and ticket.unseen > UNSEEN:
            ticket.leave()


def visitor() -> str | None:
    """Whose work it is: a session is one person. None outside of a session."""
    context = get_script_run_ctx()
    return context and context.session_id


def _text(state: jobs.State) -> str:
    """The current step, and how many other people use the server."""
    if state.ahead:
        return f"Waiting: {_people(state.ahead)} before you"
    return f"{state.text} (taking turns with {_people(state.sharing)})" if state.sharing else state.text


def _people(count: int) -> str:
    return "1 person" if count == 1 else f"{count} people"


def _compute(work: Callable[[Progress], T], job: jobs.Job[T]) -> T:
    """The work of a job and its parallel tasks, each on one thread."""

    def on_one_thread(task: Callable[[], Any]) -> Any:
        one_thread()
        return task()

    run_tasks = runner.get()
    runner.set(lambda tasks: run_tasks([partial(on_one_thread, task) for task in tasks]))
    return on_one_thread(partial(work, job.progress))


def _stop(slot: str) -> None:
    if ticket := st.session_state.get(_ticket(slot)):
        if (partial := ticket.state.partial) is not None:  # newer than the one that was drawn last
            st.session_state[_partial(slot)] = ticket.spec, partial
        ticket.leave()
        st.session_state[_stopped(slot)] = True


# --- names in the session


def _ticket(slot: str) -> str:
    return f"_ticket {slot}"


def _stopped(slot: str) -> str:
    return f"_stopped {slot}"


def _begun(slot: str) -> str:
    """Holds the time of the request, as `time.monotonic` gives it."""
    return f"_begun {slot}"


def _partial(slot: str) -> str:
    """Holds (request, partial result)."""
    return f"_partial {slot}"
