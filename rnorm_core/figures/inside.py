"""Inside one norm layer: a channel's values, and the two numbers that they can be divided by."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from rnorm_core.figures.style import CLEAN, LOOKS, Figure, dress, numbers

if TYPE_CHECKING:  # names for readers
    from rnorm_core.evaluation.inside import Growth, Outlier, Spread

EDGE = "rgba(128,128,128,0.9)"  # seen on white and on black
BINS = 60
STD = {"color": LOOKS["bn"].colour, "width": 2.5}
RANGE = {"color": LOOKS["rn"].colour, "width": 2.5, "dash": "dash"}


def channel_values(values: Tensor, spread: "Spread", place: str) -> Figure:
    """Histogram of what a channel receives; above it mean +- deviation, mean +- half the range, and the range."""
    counts, edges = np.histogram(numbers(values).ravel(), BINS)
    shares = 100 * counts / counts.sum()
    figure, top = go.Figure(), float(shares.max())
    figure.add_bar(
        x=((edges[:-1] + edges[1:]) / 2).tolist(), y=shares.tolist(), width=np.diff(edges).tolist(), name="values",
        marker={"color": CLEAN}, hovertemplate="%{x:.3f}: %{y:.2f} %",
    )  # fmt: skip
    middle = (spread.minimum + spread.maximum) / 2
    for name, centre, half, height, line, symbol in (
        ("mean, with the deviation to either side", spread.mean, spread.std, 1.08, STD, LOOKS["bn"].marker),
        ("Popoviciu's bound: no deviation is larger", middle, spread.bound, 1.18, RANGE, LOOKS["rn"].marker),
    ):
        figure.add_scatter(
            x=[centre - half, centre, centre + half], y=[height * top] * 3, name=name, mode="lines+markers",
            line=line, marker={"symbol": ["line-ns-open", symbol, "line-ns-open"], "size": 12, "color": line["color"]},
            hovertemplate="%{x:.3f}",
        )  # fmt: skip
    figure.update_xaxes(title="value that arrives", zeroline=False)
    figure.update_yaxes(title="share of the values (%)")
    title = "What arrives, and how wide is it?"
    dress(figure, title, f"{place}; {spread.n:,} values", 300)
    alt = (
        f"{title} {place}, {spread.n:,} values: mean {spread.mean:.3f}, deviation {spread.std:.3f}, from "
        f"{spread.minimum:.3f} to {spread.maximum:.3f}, range {spread.range:.3f}. The deviation is "
        f"{spread.of_bound:.2f} of the largest one that this range allows."
    )
    return Figure(figure, alt)


def scale_by_power(spread: "Spread", powers: Sequence[float], chosen: float, place: str) -> Figure:
    """range**p for p from 0 to 1 beside the deviation, which does not know p; `chosen` is marked."""
    scales = [spread.range**p for p in powers]
    figure = go.Figure()
    figure.add_scatter(
        x=list(powers), y=scales, name="range to the power p", mode="lines", line=RANGE,
        hovertemplate="p = %{x:.2f}: %{y:.3f}",
    )  # fmt: skip
    figure.add_scatter(
        x=[powers[0], powers[-1]], y=[spread.std] * 2, name="deviation", mode="lines", line=STD,
        hovertemplate="deviation %{y:.3f}",
    )  # fmt: skip
    here = spread.range**chosen
    figure.add_scatter(
        x=[chosen], y=[here], name=f"p = {chosen:g}", mode="markers",
        marker={"symbol": LOOKS["rn"].marker, "size": 14, "color": LOOKS["rn"].colour}, hovertemplate="%{y:.3f}",
    )  # fmt: skip
    figure.update_xaxes(title="p", range=[-0.03, 1.03])
    figure.update_yaxes(title="divided by", rangemode="tozero")
    title = "What does the layer divide by?"
    dress(figure, title, f"{place}; {spread.n:,} values", 280)
    alt = (
        f"{title} {place}, {spread.n:,} values. range^p is {scales[0]:.3f} at p = {powers[0]:g}, {here:.3f} at "
        f"p = {chosen:g} and {scales[-1]:.3f} at p = {powers[-1]:g}; the deviation is {spread.std:.3f}."
    )
    return Figure(figure, alt)


def outlier_effect(outliers: Sequence["Outlier"], power: float, place: str) -> Figure:
    """By what factor one more value changes the deviation and range**p, against how far out it lies."""
    figure, said = go.Figure(), []
    sizes, n = [o.size for o in outliers], outliers[0].found.n - 1
    for name, factors, line, symbol in (
        ("deviation", [o.std_factor for o in outliers], STD, LOOKS["bn"].marker),
        (f"range to the power {power:g}", [o.scale_factor for o in outliers], RANGE, LOOKS["rn"].marker),
    ):
        figure.add_scatter(
            x=sizes, y=factors, name=name, mode="lines+markers", line=line,
            marker={"symbol": symbol, "size": 8, "color": line["color"]},
            hovertemplate="%{x:g} deviations out: times %{y:.3f}",
        )  # fmt: skip
        said.append(f"{name}: " + ", ".join(f"times {f:.3f} at {s:g}" for s, f in zip(sizes, factors, strict=True)))
    figure.add_hline(1, line={"color": EDGE, "width": 1, "dash": "dot"})
    figure.update_xaxes(title="distance of the outlier (deviations)")
    figure.update_yaxes(title="scale with it / without")
    title = "What does one outlier do?"
    dress(figure, title, f"{place}; one value beside {n:,} others", 280)
    return Figure(figure, f"{title} {place}, one value beside {n:,} others. {'; '.join(said)}.")


def range_by_size(growth: Sequence["Growth"], power: float, place: str) -> Figure:
    """Range, range**p and deviation against the number of images in a batch: the mean, and from smallest to largest."""
    figure, said = go.Figure(), []
    x = [g.size for g in growth]
    for name, ends, line, symbol in (
        ("range", [(g.range, g.range_low, g.range_high) for g in growth], RANGE | {"dash": "dot"}, "diamond-open"),
        (f"range to the power {power:g}", [g.powered(power) for g in growth], RANGE, "diamond"),
        ("deviation", [(g.std, g.std_low, g.std_high) for g in growth], STD, "circle"),
    ):
        up, down = [high - mean for mean, _, high in ends], [mean - low for mean, low, _ in ends]
        figure.add_scatter(
            x=x, y=[mean for mean, _, _ in ends], name=name, mode="lines+markers", line=line,
            error_y={"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.2},
            marker={"symbol": symbol, "size": 9, "color": line["color"]},
            customdata=[[low, high, g.batches] for (_, low, high), g in zip(ends, growth, strict=True)],
            hovertemplate="batches of %{x}: %{y:.3f} (%{customdata[0]:.3f} to %{customdata[1]:.3f}, "
            "%{customdata[2]} batches)",
        )  # fmt: skip
        said.append(f"{name}: " + ", ".join(f"{mean:.3f} at {k}" for k, (mean, _, _) in zip(x, ends, strict=True)))
    figure.update_xaxes(title="images in a batch", type="log", tickvals=x, ticktext=list(map(str, x)))
    figure.update_yaxes(title="scale", rangemode="tozero")
    title = "Which scale knows the batch's size?"
    n = max(g.size * g.batches for g in growth)
    dress(figure, title, f"{place}; n = {n:,} images; bars: smallest to largest batch", 320)
    return Figure(figure, f"{title} {place}, n = {n:,} images. {'; '.join(said)}.")
