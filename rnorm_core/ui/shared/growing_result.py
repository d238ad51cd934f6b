"""Results that are shown while they grow."""

import time
from collections.abc import Callable, Hashable
from typing import TypeVar

import streamlit as st

from rnorm_core.experiments import shipped
from rnorm_core.progress import Progress
from rnorm_core.ui.shared.live_job import last_partial, run

T = TypeVar("T")

# Seconds between two drawings of a partial result. Each drawing takes about a second of processor time in the browser
# and on the server. Where both are one machine, more drawings would delay the work they show. A bar shows its progress.
REDRAW_AFTER = 3.0


def growing(request: Hashable, work: Callable[[Progress], T], slot: str = "work", *, short: bool = False) -> T | None:
    """As `live_job.run`; while the work runs, and after it was stopped, returns the last partial result.

    Partial results have the result's type. The page runs again for a new one, at most once in `REDRAW_AFTER` seconds.
    None without one.
    """
    began, drawing, shown = time.monotonic(), True, None

    def show_new(partial_result: T) -> None:
        nonlocal shown
        if drawing:  # this run of the page returns it
            shown = partial_result
        elif partial_result is not shown and (shown is None or time.monotonic() - began > REDRAW_AFTER):
            st.rerun()

    result = run(request, work, slot=slot, draw=show_new, short=short)
    drawing = False
    return last_partial(request, slot) if result is None else result


def requested(request: Hashable, label: str, slot: str = "work") -> bool:
    """Whether to show the result of a long request: after a click on the button `label`, or if it is shipped."""
    if shipped.result(request) is not None:
        return True
    key = f"_requested {slot}"
    if st.session_state.get(key) == request:
        return True
    st.button(
        label, key=f"request_{slot}", type="primary", icon=":material/speed:", on_click=_request, args=(key, request)
    )
    return False


def _request(key: str, request: Hashable) -> None:
    st.session_state[key] = request
