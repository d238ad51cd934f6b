"""The size and the step of an attack as the address holds them, for the player."""

from contextlib import nullcontext
from typing import Any

import streamlit as st

from rnorm_core.experiments.landscape import SIZES, Request
from rnorm_core.ui.shared import query_params

USUAL = {"linf": 1, "l2": 32}
_KEYS = {"linf": "eps", "l2": "eps_l2"}
_BATCH_SIZE = "_size_of_batch"  # in the session, when a player was last opened
STEP, _MOST_STEPS = "attack_step", 10_000
_BEGINS = "_begins_at"  # in the session: (landscape, the step at which the player began it)
_HELP = {
    "linf": "Each colour value of a pixel has 256 levels, 0 to 255; at k/255 none moves by more than k.",
    "l2": "The length of the whole change, the root of the sum of squares over all values: 255/255 is one of them "
    "moved from black to white, or all 3,072 moved by 4.6 levels.",
}


def attack_size(norm: str, *, in_player: bool) -> float:
    """k of k/255. A player has a slider of its own; then this one is hidden and only holds the size for the address."""
    reserve_step()
    with st.container(key="size_of_player") if in_player else nullcontext():
        return query_params.bound(
            st.select_slider, "eps (k/255)" if norm == "linf" else "eps (L2, k/255)", SIZES[norm], USUAL[norm],
            key=_KEYS[norm], shown="{:g}".format, help=_HELP[norm], hidden=in_player,
        )  # fmt: skip


def opened_size(norm: str, batch_size: float) -> float:
    """k of k/255 in the player of one of several images: the size of the batch, until another is chosen in the player.

    A key of its own, so that the choice starts no new attack on the batch. A new size of the batch takes its place.
    """
    key = _opened(norm)
    if st.session_state.get(_BATCH_SIZE, batch_size) != batch_size:
        st.session_state[key] = None
    st.session_state[_BATCH_SIZE] = batch_size
    with st.container(key="size_of_player"):
        own = query_params.bound(
            st.selectbox, "eps of the opened image (k/255)", SIZES[norm], None, key=key, shown="{:g}".format,
            hidden=True,
        )  # fmt: skip
    return batch_size if own is None else own


def reserve_opened(norm: str) -> None:
    """The key of `opened_size`, while there is no player yet."""
    query_params.reserve(_opened(norm))


def chosen_step(landscape: str) -> int | None:
    """The step at which the player begins a landscape; None for the last one.

    A hidden widget holds the step of the address. Where the visitor goes later, in the same landscape, only the player
    knows: its bytes stay the same, so that they need not be sent again.
    """
    with st.container(key="step_of_player"):
        step = query_params.bound(st.number_input, "Step shown", 0, _MOST_STEPS, None, 1, key=STEP, hidden=True)
    begun, first = st.session_state.get(_BEGINS, ("", None))
    if step is None or begun != landscape:
        first = step
    st.session_state[_BEGINS] = landscape if first is not None else "", first
    return first


def reserve_step() -> None:
    """The key of the step, while there is no player yet."""
    query_params.reserve(STEP)


def take_place(request: Request, norm: str, place: Any, *, opened: bool = False) -> None:
    """The visitor's choice in the player, of one of several images (`opened`) or of the only one.

    Call it before the widgets that hold size and step are drawn, so in a callback. place: from a browser.
    """
    size, step = (place.get(key) for key in ("size", "step")) if isinstance(place, dict) else (None, None)
    if size in request.sizes_255:
        st.session_state[_opened(norm) if opened else _KEYS[norm]] = size
    st.session_state[STEP] = step if type(step) is int and 0 <= step <= _MOST_STEPS else None


def _opened(norm: str) -> str:
    return f"look_{_KEYS[norm]}"
