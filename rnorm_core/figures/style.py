"""What all figures share: palette, markers, titles, how numbers are written."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go
from torch import Tensor


@dataclass(frozen=True)
class Look:
    """How a norm is told from the others everywhere: name, colour (told apart by the colour-blind too), marker."""

    name: str
    colour: str
    marker: str


LOOKS = {
    "bn": Look("BatchNorm", "#0072B2", "circle"),
    "rn": Look("RobustNorm", "#D55E00", "diamond"),
    "none": Look("no norm", "#009E73", "square"),
    "gn": Look("GroupNorm", "#CC79A7", "triangle-up"),
    "dualbn": Look("dual BatchNorm", "#56B4E9", "triangle-down"),
}
CLEAN = "#999999"
DASHES = {
    "tracked": "solid", "batch": "dash", "tracked-mean": "dot",
    "clean-branch": "solid", "adversarial-branch": "dashdot",
}  # fmt: skip
WIDTH = 36  # letters that fit into a title line where the page is 390 px wide


@dataclass(frozen=True, eq=False)
class Figure:
    """A drawing and, for those who do not see it, what it says."""

    plotly: go.Figure
    alt: str


class Markers:
    """A norm's marker, open and dotted from its second and third appearance in one figure: never colour alone."""

    def __init__(self) -> None:
        self._seen: dict[str, int] = {}

    def next(self, norm: str) -> str:
        seen = self._seen[norm] = self._seen.get(norm, -1) + 1
        return LOOKS[norm].marker + ("", "-open", "-dot", "-open-dot")[seen % 4]


def hatched(colour: str) -> dict[str, Any]:
    pattern = {"shape": "/", "fillmode": "overlay", "fgcolor": "white", "fgopacity": 0.9, "size": 6, "solidity": 0.25}
    return {"color": colour, "pattern": pattern, "line": {"color": "black", "width": 1}}


def dress(figure: go.Figure, title: str, subtitle: str, height: int) -> None:
    """What all figures share. `height` is that of a figure with one line of title and no legend.

    The legend stands below, where it costs a narrow page no width; there each entry may need a line of its own.
    """
    lines = wrap(title), wrap(subtitle, WIDTH + 8)
    traces: Any = figure.data
    entries = sum(trace.showlegend is not False for trace in traces)
    head, foot = 20 * (lines[0].count("<br>") + 1) + 16 * (lines[1].count("<br>") + 1), 20 * entries
    figure.update_layout(
        title={
            # One text: plotly pushes a title of two lines with a separate subtitle out of the picture.
            "text": f'{lines[0]}<br><span style="font-size:12px;font-weight:normal">{lines[1]}</span>',
            "font": {"size": 16},
            "x": 0,
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 22, "l": 4},  # of its first line's foot, as soon as there are two lines,
        },
        height=height + head + foot,
        margin={"l": 8, "r": 8, "t": 30 + head, "b": 8},
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": -64 / (height - 80), "yanchor": "top", "title": ""},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
    )


def wrap(text: str, width: int = WIDTH) -> str:
    return "<br>".join(textwrap.wrap(text, width))


def percent(fraction: float) -> str:
    """For people: whole percents, but never "100 %" or "0 %" for what is only nearly so."""
    near = ">99" if 0.995 <= fraction < 1 else "<1" if 0 < fraction < 0.005 else f"{100 * fraction:.0f}"
    return f"{near} %"


def numbers(values: Sequence[float] | Tensor) -> np.ndarray:
    if isinstance(values, Tensor):
        return values.detach().double().cpu().numpy()
    return np.asarray(values, dtype=float)
