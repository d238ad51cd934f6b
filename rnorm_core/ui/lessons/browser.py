"""What a lesson does in the browser: it keeps predictions there, and turns keys into steps."""

from pathlib import Path

from streamlit.components.v2 import component

from rnorm_core.ui.lessons import question

_HERE = Path(__file__).parent
# The texts and not the paths, because Streamlit serves files of installed packages only.
_memory, _keys = (
    component(f"lesson_{name}", js=(_HERE / f"{name}.js").read_text("utf-8"), isolate_styles=False)
    for name in ("memory", "keys")
)


def remember() -> None:
    """Before the page decides which step may be seen: a session that is new to the server may be old in the browser."""
    known = _memory(key="memory", data=question.for_browser(), on_kept_change=lambda: None)
    question.take_back(known.kept)


def listen(place: str, said: str) -> None:
    """place: changes with every step. said: for those who cannot see that the step has changed."""
    _keys(key="keys", data={"place": place, "said": said})
