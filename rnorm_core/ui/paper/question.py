"""The controls of the paper page: the claim, and the images for its small version."""

from typing import Any

import streamlit as st

from rnorm_core.data import ImageChoice
from rnorm_core.evaluation.claims.judge import CLAIMS
from rnorm_core.experiments import claim_check
from rnorm_core.ui.settings.bar import Settings
from rnorm_core.ui.shared import query_params

PART = "section"  # key of the open part, also in the address
CLAIM, READINGS, BOTH, RULES_PART, MAP = "One claim", "All readings", "Both data sets", "Rules", "Citation map"
PARTS = {
    CLAIM: ("claim", "n", "drawings"), READINGS: (), BOTH: (), RULES_PART: (), MAP: ("theme", "year", "work"),
}  # fmt: skip
_REQUESTED = "_remeasuring"  # in the session: the small version that the button was pressed for


def choose_claim() -> str:
    return query_params.bound(
        st.segmented_control, "Claim", list(CLAIMS), key="claim", default="C3", required=True, wrap=True
    )


def small_version(settings: Settings, claim: str) -> tuple[ImageChoice, bool]:
    """The images for the claim's small version, and whether the button was pressed for this choice."""
    most = claim_check.MOST if settings.complete else 20
    if st.session_state.get("n", 0) > most:  # chosen while more images were available
        st.session_state["n"] = most
    help_ = "With statistics of a batch, all of them are one batch."
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = int(
            query_params.bound(st.number_input, "Images", 8, most, min(most, 20), 1, key="n", help=help_, width=140)
        )
        images = settings.images(count)
        request = claim, images, settings.device
        st.button(
            "Re-measure a small version", on_click=_begin, args=(request,), icon=":material/speed:", key="remeasure"
        )
    return images, st.session_state.get(_REQUESTED) == request


def _begin(request: Any) -> None:
    st.session_state[_REQUESTED] = request
