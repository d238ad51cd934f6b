"""Mounts a chart with a figure, and brings clicks back to the page."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from rnorm_core.figures.style import Figure
from rnorm_core.report import Source
from rnorm_core.ui.chart.library import PATH
from rnorm_core.ui.keep.button import keep_this
from rnorm_core.ui.keep.shown import Component, Part, add
from rnorm_core.ui.shared.stage import address, places

_HERE = Path(__file__).parent
# The texts and not the paths, because Streamlit serves files of installed packages only.
_COMPONENT = Component(
    "chart",
    tuple((_HERE / name).read_text("utf-8") for name in ("sketch.js", "chart.js")),
    (_HERE / "style.css").read_text("utf-8"),
)
_mount = component("chart", css=_COMPONENT.css, js="\n".join(_COMPONENT.scripts), isolate_styles=False)


def chart(figure: Figure, key: str, source: Source | None = None) -> None:
    """source: where its numbers come from. With it the figure can be kept, by a button in its corner."""
    data = _data(figure)
    with st.container(key=f"figure {key}"):
        _mount(key=key, data=data)
        _keep(key, data, source)


def clickable(figure: Figure, key: str, on_click: Callable[[int], object], source: Source | None = None) -> None:
    """A chart of points; a click on one calls `on_click` with the number that its `customdata` begins with, unless the
    page's settings are locked.
    """

    def take() -> None:
        on_click(int(st.session_state[key].point))

    data = _data(figure)
    with st.container(key=f"figure {key}"):
        _mount(key=key, data=data | {"clickable": not address.is_locked()}, on_point_change=take)
        _keep(key, data, source)


def _keep(key: str, data: dict[str, Any], source: Source | None) -> None:
    part = Part("", component=_COMPONENT, data=data)
    if source is None:
        add(key, part)
    else:
        with places.at(places.BACKSTAGE):
            keep_this(f"figure {key}", [part], [source])


def _data(figure: Figure) -> dict[str, Any]:
    spec = json.loads(str(figure.plotly.to_json(validate=False)))
    spec["layout"].pop("template", None)  # the script has one, in the colours of the page
    base = st.get_option("server.baseUrlPath").strip("/")
    return {"spec": spec, "alt": figure.alt, "library": f"/{base}{PATH}" if base else PATH}
