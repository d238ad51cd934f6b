"""The size of an attack as the address holds it, and the landscape that a player shows."""

from contextlib import nullcontext

import streamlit as st

from rnorm_core.experiments.landscape import SIZES, Request
from rnorm_core.ui.shared import query_params

USUAL = {"linf": 1, "l2": 32}
_KEYS = {"linf": "eps", "l2": "eps_l2"}
_HELP = {
    "linf": "Each colour value of a pixel has 256 levels, 0 to 255; at k/255 none moves by more than k.",
    "l2": "The length of the whole change, the root of the sum of squares over all values: 255/255 is one of them "
    "moved from black to white, or all 3,072 moved by 4.6 levels.",
}


def attack_size(norm: str, *, in_player: bool) -> float:
    """k of k/255. A player has a slider of its own; then this one is hidden and only holds the size for the address."""
    with st.container(key="size_of_player") if in_player else nullcontext():
        return query_params.bound(
            st.select_slider, "eps (k/255)" if norm == "linf" else "eps (L2, k/255)", SIZES[norm], USUAL[norm],
            key=_KEYS[norm], shown="{:g}".format, help=_HELP[norm],
        )  # fmt: skip


def take_size(request: Request, norm: str, size: float) -> None:
    """The visitor's choice in the player; call it before the widget of `attack_size` is drawn, so in a callback."""
    if size in request.sizes_255:  # it comes from a browser
        st.session_state[_KEYS[norm]] = size
