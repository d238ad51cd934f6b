"""Work that takes longer than a blink: progress, stop, result."""

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

import streamlit as st
import torch

from rnorm_core import jobs

T = TypeVar("T")

BLINK = 0.35  # seconds within which a result is shown without any sign of work
BEAT = 0.4  # seconds between two looks at work that goes on


def run(
    spec: Hashable,
    work: Callable[[jobs.Job[T]], T],
    *,
    slot: str = "work",
    draw: Callable[[Any], object] | None = None,
) -> T | None:
    """The result of `work(job)`, or None while it is not there: then progress and a stop button are in its place.

    Equal specs are one computation, whoever asks. A session asks for one spec per `slot`; asking for another leaves the
    first, as does a closed browser. `draw(partial)` shows what the work has so far. Raises what the work raises.
    """
    ticket = st.session_state.get(_ticket(slot))
    stopped = st.session_state.get(_stopped(slot), False)
    if ticket is None or ticket.spec != spec:
        if ticket is not None:
            ticket.leave()
        ticket, stopped = _ask(slot, spec, work), False
    elif ticket.state.status == "left" and not stopped:  # this browser was silent for long, as one in a pocket is
        ticket = _ask(slot, spec, work)
    if stopped:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown("Stopped.", width="content")
            st.button("Start again", key=f"again {slot}", on_click=abandon, args=(slot,), icon=":material/replay:")
        return None
    result, working = None, False
    try:
        result = ticket.result(timeout=BLINK)
    except (TimeoutError, jobs.Cancelled):  # cancelled: stopped meanwhile, by this visitor's next click
        working = True
    # The container is there with and without work, and is the page's own. A beat may come so soon after a run of the
    # whole page that Streamlit drops what that run drew of the fragment before the browser has it; what follows the
    # fragment on the page would then move up into its place, and be overwritten. Here nothing follows it.
    with st.container():
        if working:
            st.fragment(_watch, run_every=BEAT)(slot, draw)
    return result


def one_thread() -> None:
    """Let torch compute on one thread here, and in threads that begin later.

    Jobs share the cores with each other, with Streamlit and often with the browser: on two threads torch is slower, for
    they wait for each other by spinning. A thread's very first convolution still takes OpenMP's own number, whatever
    another thread has set, so every job calls this itself. Commands do not: there torch chooses.
    """
    torch.set_num_threads(1)


def abandon(slot: str) -> None:
    """Leave what this slot asked for and forget it, so that the next `run` asks anew."""
    if ticket := st.session_state.pop(_ticket(slot), None):
        ticket.leave()
    st.session_state.pop(_stopped(slot), None)


def is_stopped(slot: str = "work") -> bool:
    """Whether this visitor has stopped what the slot asked for last."""
    return st.session_state.get(_stopped(slot), False)


def _watch(slot: str, draw: Callable[[Any], object] | None) -> None:
    ticket = st.session_state.get(_ticket(slot))
    if ticket is None or (state := ticket.state).done:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(state.fraction, text=state.text)
        st.button("Stop", key=f"stop {slot}", on_click=_stop, args=(slot,), icon=":material/stop:")
    if draw is not None and state.partial is not None:
        draw(state.partial)


def _ask(slot: str, spec: Hashable, work: Callable[[jobs.Job[T]], T]) -> jobs.Ticket[T]:
    def alone(job: jobs.Job[T]) -> T:
        one_thread()
        return work(job)

    ticket = st.session_state[_ticket(slot)] = jobs.start(spec, alone)
    st.session_state[_stopped(slot)] = False
    return ticket


def _stop(slot: str) -> None:
    if ticket := st.session_state.get(_ticket(slot)):
        ticket.leave()
        st.session_state[_stopped(slot)] = True


def _ticket(slot: str) -> str:
    return f"_ticket {slot}"


def _stopped(slot: str) -> str:
    return f"_stopped {slot}"
