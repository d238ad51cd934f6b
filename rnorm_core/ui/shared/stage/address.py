"""What the address says about the stage, beside the values of widgets."""

import streamlit as st

KEYS = PRESENT, CONTROLS, LOCK = "present", "controls", "lock"  # present=1, controls=eps,attack, lock=1


def presents() -> bool:
    """Whether the page is shown in the presenter's view."""
    return st.query_params.get(PRESENT) == "1"


def is_locked() -> bool:
    """Whether the settings of the page cannot be changed."""
    return st.query_params.get(LOCK) == "1"


def controls() -> list[str]:
    """Keys of the controls that the presenter's view keeps."""
    return [key for key in st.query_params.get(CONTROLS, "").split(",") if key]
