"""The look of pages, where Streamlit's theme has no setting for it."""

import base64
from pathlib import Path

import streamlit as st

# Embedded in the page, because a separate file may be gone before the browser requests it.
FAVICON = "data:image/png;base64," + base64.b64encode(Path(__file__).with_name("favicon.png").read_bytes()).decode()

# Images of 32x32 pixels are enlarged without smoothing. Pages use the window's width, up to a readable one. Hidden: the
# widgets that hold something for the address alone, model names (see settings/model_picker.py) and the attack size of a
# player (see attack_player/question.py). Chosen models are grey there: red would look like the colour of a norm.
_STYLE = """
<style>
.row-of-pictures { display: flex; gap: 0.75rem; }
.row-of-pictures figure { flex: 1 1 0; min-width: 0; max-width: 14rem; margin: 0; text-align: center; }
.row-of-pictures img { width: 100%; image-rendering: pixelated; border-radius: 4px; }
.row-of-pictures figcaption { font-size: 0.875rem; line-height: 1.35; }
[data-testid="stMultiSelect"] [data-tag] { background: rgba(128, 128, 128, 0.22); color: inherit; }
.st-key-left, .st-key-right, .st-key-models, .st-key-size_of_player { display: none; }
/* While the page runs again, the player keeps what it shows. */
[data-stale="true"]:has(.player) { opacity: 1 !important; }
[data-testid="stMainBlockContainer"] { padding-top: 4.2rem; max-width: 80rem; }
[data-testid="stMain"] .stButton button { height: auto; text-align: left; }
[data-testid="stMain"] .stButton button p { white-space: normal; }
@media (max-width: 640px) {
  [data-testid="stMain"] h1 { font-size: 2rem; padding: 0.5rem 0; }
  [data-testid="stMain"] [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"]) { row-gap: 1rem; }
  [data-testid="stMain"] [data-testid="stMarkdownContainer"]:has(> table) { overflow-x: auto; }
  [data-testid="stMain"] [data-testid="stMarkdownContainer"] :is(td, th) { padding: 4px 6px; }
}
</style>
"""


def apply_look() -> None:
    st.html(_STYLE)
