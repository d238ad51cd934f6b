"""The style of all figures: colours, markers, titles, the form of numbers."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from rnorm_core.norms import NORM_NAMES


@dataclass(frozen=True)
class Look:
    """A norm's name, colour (safe for the colour-blind) and marker, the same in every figure."""

    name: str
    colour: str
    marker: str


LOOKS = {
    "bn": Look(NORM_NAMES["bn"], "#0072B2", "circle"),
    "rn": Look(NORM_NAMES["rn"], "#D55E00", "diamond"),
    "none": Look(NORM_NAMES["none"], "#009E73", "square"),
    "gn": Look(NORM_NAMES["gn"], "#CC79A7", "triangle-up"),
    "dualbn": Look(NORM_NAMES["dualbn"], "#56B4E9", "triangle-down"),
}
CLEAN = "#999999"
BAND, OUTLINE = "rgba(128,128,128,0.28)", "rgba(128,128,128,0.9)"  # visible on white and on black
DASHES = {
    "tracked": "solid", "batch": "dash", "tracked-mean": "dot", "batch-median": "longdash",
    "clean-branch": "solid", "adversarial-branch": "dashdot",
}  # fmt: skip
WIDTH = 36  # letters that fit into a line of a legend on a page that is 390 px wide


@dataclass(frozen=True, eq=False)
class Figure:
    """A drawing, and its content as text for those who cannot see it."""

    plotly: go.Figure
    alt: str


class Markers:
    """Markers for the networks of one norm: each has its own in a figure, because colour alone is not enough."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def next(self, norm: str) -> str:
        seen = self._seen[norm] = self._seen.get(norm, -1) + 1
        return LOOKS[norm].marker + ("", "-open", "-dot", "-open-dot")[seen % 4]


def hatched(colour: str) -> dict[str, Any]:
    pattern = {"shape": "/", "fillmode": "overlay", "fgcolor": "white", "fgopacity": 0.9, "size": 6, "solidity": 0.25}
    return {"color": colour, "pattern": pattern, "line": {"color": "black", "width": 1}}


def dress(figure: go.Figure, title: str, subtitle: str, height: int) -> None:
    """Title, subtitle and height in pixels, without title and legend: they stand where the figure's width has room."""
    subtitle = f'<span style="font-size:12px;font-weight:normal">{subtitle}</span>'
    figure.update_layout(
        # One text: Plotly draws a separate subtitle of a title of two lines outside the picture.
        title={"text": f"{title}<br>{subtitle}", "font": {"size": 16}, "x": 0, "xanchor": "left"},
        height=height - 20,
        margin={"l": 8, "r": 8, "t": 12, "b": 8},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )


def wrap(text: str, width: int = WIDTH) -> str:
    return "<br>".join(textwrap.wrap(text, width))


def images(n: int) -> str:
    """ "1 image", "1,000 images"."""
    return f"{n:,} image{'' if n == 1 else 's'}"


def numbers(values: Sequence[float] | Tensor) -> np.ndarray:
    if isinstance(values, Tensor):
        return values.detach().double().cpu().numpy()
    return np.asarray(values, dtype=float)
