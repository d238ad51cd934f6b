"""Mounts a chart with a figure, and brings clicks back to the page."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from rnorm_core.figures.style import Figure
from rnorm_core.ui.chart.library import PATH
from rnorm_core.ui.shared.stage import address

_HERE = Path(__file__).parent
# The texts and not the paths, because Streamlit serves files of installed packages only.
_mount = component(
    "chart",
    css=(_HERE / "style.css").read_text("utf-8"),
    js="\n".join((_HERE / name).read_text("utf-8") for name in ("sketch.js", "chart.js")),
    isolate_styles=False,
)


def chart(figure: Figure, key: str) -> None:
    _mount(key=key, data=_data(figure))


def clickable(figure: Figure, key: str, on_click: Callable[[int], object]) -> None:
    """A chart of points; a click on one calls `on_click` with the number that its `customdata` begins with, unless the
    page's settings are locked.
    """

    def take() -> None:
        on_click(int(st.session_state[key].point))

    _mount(key=key, data=_data(figure) | {"clickable": not address.is_locked()}, on_point_change=take)


def _data(figure: Figure) -> dict[str, Any]:
    spec = json.loads(str(figure.plotly.to_json(validate=False)))
    spec["layout"].pop("template", None)  # the script has one, in the colours of the page
    base = st.get_option("server.baseUrlPath").strip("/")
    return {"spec": spec, "alt": figure.alt, "library": f"/{base}{PATH}" if base else PATH}
