"""Parts of pages that are explored: results that grow while they are looked at, charts that answer clicks."""

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, TypeVar

import streamlit as st

from rnorm_core.figures import Figure
from rnorm_core.jobs import Job
from rnorm_core.ui.run import run

T = TypeVar("T")
_SO_FAR = "_so_far"  # in the session, for each slot: (spec, the partial result shown)


def growing(spec: Hashable, work: Callable[[Job[T]], T], slot: str = "work") -> T | None:
    """As `run`, but what the work has so far is given back as soon as there is any, also after it was stopped.

    `work` shows partial results of the result's type; each new one draws the page anew.
    """

    def so_far() -> T | None:
        whose, shown = st.session_state.get(f"{_SO_FAR} {slot}", (None, None))
        return shown if whose == spec else None

    def take(shown: T) -> None:
        if so_far() is not shown:
            st.session_state[f"{_SO_FAR} {slot}"] = spec, shown
            st.rerun()

    result = run(spec, work, slot=slot, draw=take)
    return so_far() if result is None else result


def clickable(figure: Figure, key: str, on_click: Callable[[int], object]) -> None:
    """A chart of points with a number in front of their `customdata`; a click on one calls `on_click` with it."""
    st.plotly_chart(
        figure.plotly, key=key, width="stretch", config={"displayModeBar": False}, alt=figure.alt,
        on_select=partial(_clicked, key, on_click), selection_mode="points",
    )  # fmt: skip


def _clicked(key: str, on_click: Callable[[int], object]) -> None:
    points: list[dict[str, Any]] = st.session_state[key].selection.points
    if points:  # none: a second click on the same point took it back
        on_click(int(points[0]["customdata"][0]))
