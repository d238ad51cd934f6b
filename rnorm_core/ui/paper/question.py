"""The controls of the paper page: the claim, and the images for its small version."""

from typing import Any

import streamlit as st

from rnorm_core.data import ImageChoice
from rnorm_core.evaluation.claims.judge import CLAIMS
from rnorm_core.experiments import claim_check
from rnorm_core.ui.settings.sidebar import Settings
from rnorm_core.ui.shared import query_params

_REQUESTED = "_remeasuring"  # in the session: the small version that the button was pressed for


def ask(settings: Settings) -> tuple[str, ImageChoice, bool]:
    """The claim, the images for its small version, and whether the button was pressed for this choice."""
    most = claim_check.MOST if settings.complete else 20
    if st.session_state.get("n", 0) > most:  # chosen while more images were available
        st.session_state["n"] = most
    which, number, button = st.columns([3.4, 1, 1.3], gap="medium", vertical_alignment="bottom")
    with which:
        claim = query_params.bound(
            st.segmented_control, "Claim", list(CLAIMS), key="claim", default="C3", required=True, wrap=True
        )
    with number:
        help_ = "For the small version below. With statistics of a batch, all of them are one batch."
        count = int(query_params.bound(st.number_input, "Images", 8, most, min(most, 20), 1, key="n", help=help_))
    images = settings.images(count)
    request = claim, images, settings.device
    button.button(
        "Re-measure a small version", on_click=_begin, args=(request,), icon=":material/speed:", type="primary",
        key="remeasure",
    )  # fmt: skip
    return claim, images, st.session_state.get(_REQUESTED) == request


def _begin(request: Any) -> None:
    st.session_state[_REQUESTED] = request
