"""Accuracy over the size of an attack, and on which images two networks differ."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from rnorm_core.errors import UserError
from rnorm_core.evaluation.published import EPS_255, Published
from rnorm_core.figures import published as of_others
from rnorm_core.figures.style import CLEAN, DASHES, LOOKS, Figure, Markers, dress, wrap
from rnorm_core.pixels import OWN_STD, PAPER_STD, paper_units

PAPER_EPS = (0.004, 0.03)  # the attack sizes of the paper
BAND = 0.06  # width of what others have published, as a share of the axis


def grey_levels(paper_eps: float) -> float:
    """The inverse of `paper_units`."""
    return paper_eps * PAPER_STD * 255


@dataclass(frozen=True)
class Curve:
    """Accuracy of one network in one statistics mode; the five lists are equally long.

    eps_255: attack sizes in grey levels (8 means 8/255). correct of n images; low, high: 95 % interval, as fractions.
    here:    measured by the visitor just now: drawn as open markers over the lines.
    thin:    drawn as a thin line without markers and intervals, beside the curves that it is compared with.
    """

    label: str
    norm: str
    statistics: str
    eps_255: Sequence[float]
    correct: Sequence[int]
    n: Sequence[int]
    low: Sequence[float]
    high: Sequence[float]
    weight_hash: str = ""
    here: bool = False
    thin: bool = False

    def __post_init__(self) -> None:
        if len({len(self.eps_255), len(self.correct), len(self.n), len(self.low), len(self.high)}) != 1:
            raise ValueError(f"{self.label}: eps_255, correct, n, low and high differ in length")


def accuracy_curve(
    curves: Sequence[Curve],
    attack: str = "",
    evenly: bool = False,
    *,
    title: str = "",
    marks: bool = False,
    thin: str = "",
    published: Sequence[Published] = (),
) -> Figure:
    """Accuracy (%) against eps (k/255) with interval bars.

    attack: the attack, for the subtitle. evenly: equal steps between all eps, because the small ones
    are close to each other. marks: also the paper's units on an axis above, its sizes shaded, and one grey level as a
    line. thin: a name for the thin curves. published: accuracies that others have published, drawn where the axis
    reaches their size. UserError if there is no curve, or a curve without a point.
    """
    if not curves or not all(c.eps_255 for c in curves):
        raise UserError("There is no accuracy to draw yet.", "choose a model that was measured, or measure it first.")
    everything = sorted({float(eps) for c in curves for eps in c.eps_255})
    place = _evenly(everything) if evenly else float
    figure, markers = go.Figure(), Markers()
    for c in sorted(curves, key=lambda c: not c.thin):  # thin lines lie below the others
        figure.add_scatter(**(_thin_line(c, place) if c.thin else _line(c, place, markers)))
    ticks = everything if evenly else [eps for eps in everything if eps == int(eps)]
    at = {"tickvals": [place(eps) for eps in ticks], "range": _room(place(everything[0]), place(everything[-1]))}
    note = ", not to scale" if evenly else ""
    below = {"title": f"attack size eps (k/255){note}", "ticktext": [f"{eps:g}" for eps in ticks]}
    figure.update_xaxes(at | below)
    figure.update_yaxes(title="accuracy (%)", range=[-2, 102])
    counts = sorted({n for c in curves for n in c.n})
    images = f"n = {counts[0]:,}" if len(counts) == 1 else f"n = {counts[0]:,} to {counts[-1]:,}"
    title = title or "How much accuracy is left as the attack grows?"
    bars = f"bars: 95 % interval{f'; thin: {thin}' if any(c.thin for c in curves) else ''}"
    dress(figure, title, f"{attack + ': ' if attack else ''}{images} images a point; {bars}", 340)
    texts = []
    for c in curves:
        points = zip(c.eps_255, c.correct, c.n, strict=True)
        texts.append(
            f"{c.label}{f' ({thin})' if c.thin else ''}: "
            + ", ".join(f"{100 * k / n:.1f} % at {eps:g}/255" for eps, k, n in points)
        )
    alt = f"{title} Lines of accuracy against attack size, {images}. {'; '.join(texts)}."
    if marks:
        low, high = _draw_marks(figure, place, everything, ticks, at)
        alt += f" Shaded: the sizes the paper looks at, {low:.1f}/255 to {high:.1f}/255; a line marks one grey level."
    if published and everything[0] <= EPS_255 <= everything[-1]:
        first, last = at["range"]
        alt += of_others.draw(figure, published, place(EPS_255), BAND * (last - first))
    return Figure(figure, alt)


def _line(c: Curve, place: Callable[[float], float], markers: Markers) -> dict[str, Any]:
    accuracy = [100 * k / n for k, n in zip(c.correct, c.n, strict=True)]
    ends = [(100 * low, 100 * high) for low, high in zip(c.low, c.high, strict=True)]
    bars = {
        "array": [high - a for (_, high), a in zip(ends, accuracy, strict=True)],
        "arrayminus": [a - low for (low, _), a in zip(ends, accuracy, strict=True)],
    }
    hover = "eps %{customdata[2]}/255: %{y:.1f} % (%{customdata[0]} of %{customdata[1]}), 95 %: %{customdata[3]}"
    units = f"normalised: %{{customdata[4]}} (pixels / {PAPER_STD}, the paper's), %{{customdata[5]}} (/ {OWN_STD})"
    details = [
        (k, n, f"{eps:g}", f"{low:.1f} to {high:.1f}", f"{paper_units(eps):.4f}", f"{eps / 255 / OWN_STD:.4f}")
        for eps, k, n, (low, high) in zip(c.eps_255, c.correct, c.n, ends, strict=True)
    ]
    colour = LOOKS[c.norm].colour
    symbol = LOOKS[c.norm].marker + "-open" if c.here else markers.next(c.norm)
    return {
        "x": [place(eps) for eps in c.eps_255],
        "y": accuracy,
        "error_y": {"type": "data", "symmetric": False, "thickness": 1.5, **bars},
        "name": wrap(c.label),
        "mode": "markers" if c.here else "lines+markers",
        "line": {"color": colour, "dash": DASHES[c.statistics], "width": 2},
        "marker": {"symbol": symbol, "size": 14 if c.here else 9, "color": colour, "line": {"width": 2.5 * c.here}},
        "cliponaxis": False,
        "customdata": details,
        "hovertemplate": f"{hover}<br>{units}",
    }


def _thin_line(c: Curve, place: Callable[[float], float]) -> dict[str, Any]:
    return {
        "x": [place(eps) for eps in c.eps_255],
        "y": [100 * k / n for k, n in zip(c.correct, c.n, strict=True)],
        "name": wrap(c.label),
        "mode": "lines",
        "line": {"color": LOOKS[c.norm].colour, "dash": DASHES[c.statistics], "width": 1},
        "opacity": 0.7,
        "showlegend": False,
        "customdata": [(k, n, f"{eps:g}") for eps, k, n in zip(c.eps_255, c.correct, c.n, strict=True)],
        "hovertemplate": "eps %{customdata[2]}/255: %{y:.1f} % (%{customdata[0]} of %{customdata[1]})",
    }


def _evenly(sizes: Sequence[float]) -> Callable[[float], float]:
    """Maps a size to its place on an axis on which neighbours in `sizes` are one step apart."""
    return lambda eps: float(np.interp(eps, sizes, range(len(sizes))))


def _room(first: float, last: float) -> list[float]:
    margin = 0.04 * (last - first) or 0.5
    return [first - margin, last + margin]


def _draw_marks(
    figure: go.Figure, place: Callable[[float], float], sizes: Sequence[float], ticks: Sequence[float], at: dict
) -> tuple[float, float]:
    low, high = (grey_levels(eps) for eps in PAPER_EPS)
    edges = [place(min(max(eps, sizes[0]), sizes[-1])) for eps in (low, high)]
    figure.add_vrect(x0=edges[0], x1=edges[1], fillcolor=CLEAN, opacity=0.18, line_width=0, layer="below")
    entries: list[tuple[str, dict[str, Any]]] = [
        (f"shaded: the paper's range, {low:.1f}/255 to {high:.1f}/255", {"mode": "markers"})
    ]
    if sizes[0] <= 1 <= sizes[-1]:
        dotted = {"color": CLEAN, "dash": "dot", "width": 1.5}
        figure.add_vline(place(1), line=dotted)
        entries.append(("dotted: one grey level, 1/255", {"mode": "lines", "line": dotted}))
    # These texts stand in the legend, where no curve runs through them. The entries lie on the upper axis, because
    # Plotly shows an axis only if something is drawn on it.
    grey = {"symbol": "square", "size": 12, "color": CLEAN, "opacity": 0.4}
    for name, style in entries:
        nothing = {"x": at["tickvals"], "y": [None] * len(ticks), "xaxis": "x2", "hoverinfo": "skip"}
        figure.add_scatter(name=name, marker=grey, **nothing, **style)
    layout = figure.to_dict()["layout"]
    figure.update_layout(
        xaxis2={
            **at,
            "overlaying": "x",
            "side": "top",
            "title": {"text": f"in the paper's units (pixels / {PAPER_STD})", "standoff": 6},
            "ticktext": [f"{paper_units(eps):.3f}".lstrip("0") if eps else "0" for eps in ticks],
            "tickangle": 0,
            "tickfont": {"size": 12},
            "showgrid": False,
            "zeroline": False,
        },
        height=layout["height"] + 44,
        margin={"t": layout["margin"]["t"] + 44},
    )
    return low, high


def _lighter(colour: str) -> str:
    """Halfway to white."""
    return "#" + "".join(f"{(int(colour[i : i + 2], 16) + 255) // 2:02X}" for i in (1, 3, 5))


@dataclass(frozen=True)
class Agreement:
    """Numbers of images, of `n`, that both networks, only the left, only the right, or neither classifies correctly.

    label: a name for these images.
    """

    label: str
    both: int
    left_only: int
    right_only: int
    neither: int

    @property
    def n(self) -> int:
        return self.both + self.left_only + self.right_only + self.neither


def agreement(rows: Sequence[Agreement], left: tuple[str, str], right: tuple[str, str], condition: str) -> Figure:
    """Shares (%) of the images that both, one or neither of two networks classify correctly; one bar for each row.

    left, right: (label, norm) of a network. condition: the attack. UserError if there are no images.
    """
    if not rows or not all(row.n for row in rows):
        raise UserError("There are no images for this comparison.", "choose other models, or choose all images.")
    # Two networks of one norm would have one colour: then the right one is lighter and outlined. Text on a bar has a
    # colour of its own, because the page's text colour may not be readable there.
    dark, light = {"color": "#1B2430", "size": 13}, {"color": "#FFFFFF", "size": 13}
    colours = [LOOKS[norm].colour for _, norm in (left, right)]
    alike = colours[0] == colours[1]
    second = (
        {"color": _lighter(colours[1]), "line": {"color": colours[1], "width": 2}} if alike else {"color": colours[1]}
    )
    parts = (
        ("right under both", "both", {"color": CLEAN}, dark),
        (f"only {left[0]}", "left_only", {"color": colours[0]}, light),
        (f"only {right[0]}", "right_only", second, dark if alike else light),
        ("under neither", "neither", {"color": "#DDDDDD"}, dark),
    )
    figure, names = go.Figure(), [wrap(row.label, 16) for row in rows]
    for name, field, marker, font in parts:
        counts = [getattr(row, field) for row in rows]
        shares = [100 * k / row.n for k, row in zip(counts, rows, strict=True)]
        figure.add_bar(
            orientation="h",
            x=shares,
            y=names,
            name=name,
            marker=marker,
            text=[f"{k:,}" if share >= 8 else "" for k, share in zip(counts, shares, strict=True)],
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            insidetextfont=font,
            customdata=[[f"{k:,}", f"{row.n:,}"] for k, row in zip(counts, rows, strict=True)],
            hovertemplate=name + ": %{x:.1f} % (%{customdata[0]} of %{customdata[1]})<extra></extra>",
        )
    figure.update_layout(barmode="stack", bargap=0.35, legend_traceorder="normal")
    figure.update_xaxes(title="share of the images (%)", range=[0, 100])
    figure.update_yaxes(autorange="reversed", ticklabelstandoff=4)
    title = "Do they get the same images right?"
    dress(figure, title, f"{condition}; n as counted in the bars", 110 + 60 * len(rows))
    texts = [
        f"{row.label}, n = {row.n:,}: " + ", ".join(f"{name} {getattr(row, field):,}" for name, field, *_ in parts)
        for row in rows
    ]
    return Figure(figure, f"{title} {condition}. {'; '.join(texts)}.")
