"""Results that are shown while they grow, and charts that react to clicks."""

import time
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, TypeVar

import streamlit as st

from rnorm_core.figures.style import Figure
from rnorm_core.progress import Progress
from rnorm_core.ui.shared.live_job import last_partial, run

T = TypeVar("T")

# Seconds between two drawings of a partial result. Each drawing takes about a second of processor time in the browser
# and on the server. Where both are one machine, more drawings would delay the work they show. A bar shows its progress.
REDRAW_AFTER = 3.0


def growing(request: Hashable, work: Callable[[Progress], T], slot: str = "work") -> T | None:
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

    result = run(request, work, slot=slot, draw=show_new)
    drawing = False
    return last_partial(request, slot) if result is None else result


def clickable(figure: Figure, key: str, on_click: Callable[[int], object]) -> None:
    """A chart of points; a click on one calls `on_click` with the number that its `customdata` begins with."""
    st.plotly_chart(
        figure.plotly, key=key, width="stretch", config={"displayModeBar": False}, alt=figure.alt,
        on_select=partial(_clicked, key, on_click), selection_mode="points",
    )  # fmt: skip


def _clicked(key: str, on_click: Callable[[int], object]) -> None:
    points: list[dict[str, Any]] = st.session_state[key].selection.points
    if points:  # none where a second click takes the first one back
        on_click(int(points[0]["customdata"][0]))
