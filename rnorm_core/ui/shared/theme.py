"""The look of pages, where Streamlit's theme has no setting for it."""

import base64
from pathlib import Path

import streamlit as st

# Embedded in the page, because a separate file may be gone before the browser requests it.
FAVICON = "data:image/png;base64," + base64.b64encode(Path(__file__).with_name("favicon.png").read_bytes()).decode()

# Images of 32x32 pixels are enlarged without smoothing. Pages use the window's width, up to a readable one. Hidden: the
# widgets that hold something for the address alone, model names (see settings/model_picker.py) and the attack size of a
# player (see attack_player/question.py); of the parts of the page about batch statistics the advanced ones, which have
# a menu. Chosen models are grey there: red would look like the colour of a norm.
_STYLE = """
<style>
.row-of-pictures { display: flex; gap: 0.75rem; }
.row-of-pictures figure { flex: 1 1 0; min-width: 0; max-width: 14rem; margin: 0; text-align: center; }
.row-of-pictures img { width: 100%; image-rendering: pixelated; border-radius: 4px; }
.row-of-pictures figcaption { font-size: 0.875rem; line-height: 1.35; }
[data-testid="stMultiSelect"] [data-tag] { background: rgba(128, 128, 128, 0.22); color: inherit; }
.st-key-left, .st-key-right, .st-key-models, .st-key-show, .st-key-card,
[data-testid="stLayoutWrapper"]:has(> :is(.st-key-size_of_player, .st-key-step_of_player)) { display: none; }
/* While the page runs again, the player keeps what it shows. */
[data-stale="true"]:has(.player) { opacity: 1 !important; }
[data-testid="stMainBlockContainer"] { padding-top: 1.2rem; max-width: 80rem; }
[data-testid="stMainBlockContainer"]:not(:has(.st-key-settings_bar)) { padding-top: 2.8rem; }
[data-testid="stMain"] h1 { font-size: 1.9rem; padding: 0.1rem 0 0.2rem; }
[data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"] { gap: 0.7rem; }
/* The bar of the pair stands beside the app's menu, not below it. */
[data-testid="stHeader"] { background: transparent; }
[data-testid="stHeader"], [data-testid="stHeader"] * { pointer-events: none; }
[data-testid="stHeader"] :is(button, button *) { pointer-events: auto; }
[data-testid="stHeader"] button { backdrop-filter: blur(8px); }
.st-key-lock { padding-right: 3rem; }
.st-key-settings_bar { padding-right: 3rem; gap: 0.5rem; flex-wrap: nowrap; }
:is(.st-key-settings_bar, .st-key-parts) button { min-height: 2rem; padding: 0.1rem 0.6rem; }
.st-key-parts { gap: 0.3rem 0.5rem; padding-top: 0.2rem; }
.st-key-part button[aria-checked="false"]:nth-child(n+6) { display: none; }
.st-key-parts button p { font-size: 0.9rem; }
.in-use { display: flex; flex-wrap: wrap; gap: 0 0.9rem; align-items: baseline; font-size: 0.9rem; }
.in-use :is(b, span) { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.in-use b { font-weight: 600; border-left: 0.3rem solid var(--norm); padding-left: 0.45rem; }
.in-use :is(small, span) { font-weight: 400; opacity: 0.75; }
[class*="st-key-figure-"] { position: relative; }
[class*="st-key-keep-figure-"] { position: absolute; top: -0.2rem; right: 0; width: auto; z-index: 1; }
[class*="st-key-keep-figure-"] button { min-height: 1.8rem; padding: 0.1rem 0.4rem; opacity: 0.65; }
[class*="st-key-keep-figure-"] button:is(:hover, :focus-visible) { opacity: 1; }
[class*="st-key-keep-figure-"] button [data-testid="stMarkdownContainer"] {
  position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
}
[class*="st-key-figure-"] .chart figcaption { padding-right: 2.4rem; }
.st-key-answer p { font-size: 1.1rem; line-height: 1.45; }
.st-key-answer { padding-top: 0.25rem; }
/* For contrast: Streamlit's captions are paler, and its letters on the dark theme's lighter primary colour white. */
[data-testid="stCaptionContainer"] { opacity: 0.85; }
button:is([kind="primary"], [kind="primaryFormSubmit"]):not(:disabled) { color: light-dark(#fff, #0b0f14); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); margin: 0; }
.door-mark { animation: door-mark 2.4s ease-out; border-radius: 0.5rem; }
@keyframes door-mark { from { box-shadow: 0 0 0 6px #4194cc; } to { box-shadow: 0 0 0 6px transparent; } }
@media (prefers-reduced-motion: reduce) {
  .door-mark { animation: none; outline: 3px solid #4194cc; }
}
[data-testid="stMenuButtonBody"] { max-width: calc(100vw - 1rem); max-height: calc(100vh - 5rem); overflow: auto; }
[data-testid="stMenuButtonBody"] :is([role="menuitem"], [role="menuitem"] *) { height: auto; white-space: normal; }
[data-testid="stMain"] .stButton button { height: auto; text-align: left; }
[data-testid="stMain"] .stButton button p { white-space: normal; }
@media (max-width: 1400px) { .st-key-copy_link button p { font-size: 0; } }
@media (max-width: 1000px) {
  [data-testid="stMain"] h1 { font-size: 1.45rem; }
  .st-key-parts button { padding: 0.1rem 0.4rem; }
  .st-key-parts button p { font-size: 0.78rem; }
}
@media (max-width: 640px) {
  .row-of-pictures:has(> :nth-child(5)) { display: grid; grid-template-columns: repeat(4, 1fr); }
  [data-testid="stMain"] h1 { font-size: 1.5rem; }
  :is(.st-key-settings_bar, .st-key-lock) { padding-left: 2.6rem; }
  .st-key-settings_bar button p { font-size: 0; }
  .st-key-settings_bar button div[aria-hidden="true"] { display: none; }
  .in-use:not(.marks) :is(span, small) { display: none; }
  [data-testid="stMain"] [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"]) { row-gap: 1rem; }
  [data-testid="stMain"] [data-testid="stMarkdownContainer"]:has(> table) { overflow-x: auto; }
  [data-testid="stMain"] [data-testid="stMarkdownContainer"] :is(td, th) { padding: 4px 6px; }
}
</style>
"""


def apply_look() -> None:
    st.html(_STYLE)
