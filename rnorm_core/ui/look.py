"""Small things about how pages look that Streamlit's theme has no setting for."""

from pathlib import Path

import streamlit as st

FAVICON = str(Path(__file__).with_name("favicon.png"))

# Pictures of 32x32 pixels are shown as what they are; pages use the width there is, up to a readable one.
_STYLE = """
<style>
[data-testid="stImage"] img { image-rendering: pixelated; border-radius: 4px; }
[class*="st-key-row-of-pictures"] { flex-wrap: nowrap; }
[class*="st-key-row-of-pictures"] > * { flex: 1 1 0; min-width: 0; width: 0; }
[data-testid="stMainBlockContainer"] { padding-top: 4.2rem; max-width: 80rem; }
</style>
"""


def apply_look() -> None:
    st.html(_STYLE)
