"""The values of one channel of a norm layer, the two possible divisors, and the accuracy of networks over p."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from rnorm_core.errors import UserError
from rnorm_core.figures.style import CLEAN, LOOKS, OUTLINE, Figure, dress, numbers, wrap
from rnorm_core.rounding import percent

if TYPE_CHECKING:  # names for readers
    from rnorm_core.evaluation import Row
    from rnorm_core.evaluation.measure.channel_values import Growth, Outlier, Spread

BINS = 60
STD = {"color": LOOKS["bn"].colour, "width": 2.5}
RANGE = {"color": LOOKS["rn"].colour, "width": 2.5, "dash": "dash"}
WHOLE = {"color": LOOKS["rn"].colour, "width": 1.5, "dash": "dot"}


def channel_values(values: Tensor, spread: "Spread", power: float, place: str) -> Figure:
    """Histogram of the values of a channel. Above it: the two divisors to either side of the mean, standard deviation
    and range**power, and the range. place: network, layer, channel and images in words.
    """
    counts, edges = np.histogram(numbers(values).ravel(), BINS)
    shares = 100 * counts / counts.sum()
    figure, top = go.Figure(), float(shares.max())
    figure.add_bar(
        x=((edges[:-1] + edges[1:]) / 2).tolist(), y=shares.tolist(), width=np.diff(edges).tolist(), name="values",
        marker={"color": CLEAN}, hovertemplate="%{x:.3f}: %{y:.2f} %",
    )  # fmt: skip
    middle = (spread.minimum + spread.maximum) / 2
    for name, centre, half, height, line, symbol in (
        ("the standard deviation, to either side of the mean", spread.mean, spread.std, 1.08, STD, LOOKS["bn"].marker),
        (f"range to the power {power:g}, to either side", spread.mean, spread.range**power, 1.2, RANGE,
         LOOKS["rn"].marker),
        ("the range, from end to end", middle, spread.bound, 1.32, WHOLE, "line-ns-open"),
    ):  # fmt: skip
        figure.add_scatter(
            x=[centre - half, centre, centre + half], y=[height * top] * 3, name=name, mode="lines+markers",
            line=line, marker={"symbol": ["line-ns-open", symbol, "line-ns-open"], "size": 12, "color": line["color"]},
            hovertemplate="%{x:.3f}",
        )  # fmt: skip
    figure.update_xaxes(title="value that arrives", zeroline=False)
    figure.update_yaxes(title="share of the values (%)")
    title = "What arrives, and how wide is it?"
    dress(figure, title, f"{place}; {spread.n:,} values", 280)
    alt = (
        f"{title} {place}, {spread.n:,} values: mean {spread.mean:.3f}, standard deviation {spread.std:.3f}, from "
        f"{spread.minimum:.3f} to {spread.maximum:.3f}, range {spread.range:.3f}, range^{power:g} "
        f"{spread.range**power:.3f}."
    )
    if spread.range:
        alt += f" The standard deviation is {spread.of_bound:.2f} of the largest one that this range allows."
    return Figure(figure, alt)


def scale_by_power(spread: "Spread", powers: Sequence[float], chosen: float, place: str) -> Figure:
    """range**p over p, and the standard deviation, which does not depend on p; `chosen` is marked."""
    scales = [spread.range**p for p in powers]
    figure = go.Figure()
    figure.add_scatter(
        x=list(powers), y=scales, name="range to the power p", mode="lines", line=RANGE,
        hovertemplate="p = %{x:.2f}: %{y:.3f}",
    )  # fmt: skip
    figure.add_scatter(
        x=[powers[0], powers[-1]], y=[spread.std] * 2, name="standard deviation", mode="lines", line=STD,
        hovertemplate="standard deviation %{y:.3f}",
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
        f"p = {chosen:g} and {scales[-1]:.3f} at p = {powers[-1]:g}; the standard deviation is {spread.std:.3f}."
    )
    return Figure(figure, alt)


def normalised_values(by_std: Tensor, by_range: Tensor, power: float, place: str) -> Figure:
    """Histograms of a channel's values divided by their standard deviation, and by their range to the power p."""
    figure, series = go.Figure(), []
    both = [numbers(values).ravel() for values in (by_std, by_range)]
    _, edges = np.histogram(np.concatenate(both), 2 * BINS)
    for name, values, line, fill in (
        ("divided by the standard deviation", both[0], STD, "rgba(0,114,178,0.15)"),
        (f"divided by range to the power {power:g}", both[1], RANGE, "rgba(213,94,0,0.15)"),
    ):
        counts, _ = np.histogram(values, edges)
        figure.add_scatter(
            x=((edges[:-1] + edges[1:]) / 2).tolist(), y=(100 * counts / counts.sum()).tolist(), name=name,
            mode="lines", line={**line, "shape": "hvh", "width": 2}, fill="tozeroy", fillcolor=fill,
            hovertemplate="%{x:.3f}: %{y:.2f} %",
        )  # fmt: skip
        series.append(f"{name}: from {values.min():.3f} to {values.max():.3f}, standard deviation {values.std():.3f}")
    figure.update_xaxes(title="value, before gamma and beta", zeroline=False)
    figure.update_yaxes(title="share of the values (%)", rangemode="tozero")
    title = "What is made of it?"
    dress(figure, title, f"{place}; {len(both[0]):,} values", 300)
    return Figure(figure, f"{title} {place}, {len(both[0]):,} values less their mean. {'; '.join(series)}.")


def outlier_effect(
    outliers: Sequence["Outlier"], power: float, place: str, chosen: "Outlier | None" = None
) -> Figure:  # fmt: skip
    """The factor by which one more value changes the standard deviation and range**p, over its distance from the mean;
    `chosen` is marked.
    """
    figure, series = go.Figure(), []
    sizes, n = [o.size for o in outliers], outliers[0].spread.n - 1
    for name, factors, line, symbol in (
        ("standard deviation", [o.std_factor for o in outliers], STD, LOOKS["bn"].marker),
        (f"range to the power {power:g}", [o.scale_factor for o in outliers], RANGE, LOOKS["rn"].marker),
    ):
        figure.add_scatter(
            x=sizes, y=factors, name=name, mode="lines+markers", line=line,
            marker={"symbol": symbol, "size": 8, "color": line["color"]},
            hovertemplate="%{x:g} standard deviations out: times %{y:.3f}",
        )  # fmt: skip
        series.append(f"{name}: " + ", ".join(f"times {f:.3f} at {s:g}" for s, f in zip(sizes, factors, strict=True)))
    figure.add_hline(1, line={"color": OUTLINE, "width": 1, "dash": "dot"})
    if chosen is not None:
        figure.add_vline(chosen.size, line={"color": OUTLINE, "width": 2, "dash": "dot"})
        both = f"times {chosen.std_factor:.3f} and {chosen.scale_factor:.3f}"
        series.append(f"a line marks {chosen.size:g} standard deviations, {both}")
    figure.update_xaxes(title="standard deviations from the mean")
    figure.update_yaxes(title="scale with it / without")
    title = "What does one outlier do?"
    dress(figure, title, f"{place}; one value beside {n:,} others", 280)
    return Figure(figure, f"{title} {place}, one value beside {n:,} others. {'; '.join(series)}.")


def range_by_size(growth: Sequence["Growth"], power: float, place: str) -> Figure:
    """Range, range**p and standard deviation over the number of images in a batch: means over batches, with bars from
    the smallest to the largest.
    """
    figure, series = go.Figure(), []
    x = [g.size for g in growth]
    for name, ends, line, symbol in (
        ("range", [(g.range, g.range_low, g.range_high) for g in growth], RANGE | {"dash": "dot"}, "diamond-open"),
        (f"range to the power {power:g}", [g.powered(power) for g in growth], RANGE, "diamond"),
        ("standard deviation", [(g.std, g.std_low, g.std_high) for g in growth], STD, "circle"),
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
        series.append(f"{name}: " + ", ".join(f"{mean:.3f} at {k}" for k, (mean, _, _) in zip(x, ends, strict=True)))
    figure.update_xaxes(title="images in a batch", type="log", tickvals=x, ticktext=list(map(str, x)))
    figure.update_yaxes(title="scale", rangemode="tozero")
    title = "Which scale knows the batch's size?"
    n = max(g.size * g.batches for g in growth)
    dress(figure, title, f"{place}; n = {n:,} images; bars: smallest to largest batch", 320)
    return Figure(figure, f"{title} {place}, n = {n:,} images. {'; '.join(series)}.")


# --- networks that were trained with different p


@dataclass(frozen=True, eq=False)
class AtPower:
    """The accuracy of one network, clean and, where it was measured, attacked. power: its p, None for BatchNorm."""

    label: str
    power: float | None
    clean: "Row"
    attacked: "Row | None"


def accuracy_by_power(points: Sequence[AtPower], attack: str, chosen: float, about: str) -> Figure:
    """Accuracy (%), clean and attacked, of RobustNorm networks over their p, with bars of 95 %. A network without p is
    a horizontal line in a band of its interval.

    attack: "PGD at 1/255". chosen: a p that is marked by a dotted line. about: architecture and statistics mode.
    UserError if no network has a p.
    """
    robust = sorted((point for point in points if point.power is not None), key=lambda point: point.power or 0)
    if not robust:
        raise UserError("No RobustNorm network was measured under this attack.", "choose another attack size.")
    figure, series, counts = go.Figure(), [], set()
    for kind, line, symbol, dash in (
        ("clean", [(p, p.clean) for p in robust], LOOKS["rn"].marker + "-open", "solid"),
        (attack, [(p, p.attacked) for p in robust if p.attacked], LOOKS["rn"].marker, "dash"),
    ):
        if not line:
            continue
        rows = [row for _, row in line]
        counts |= {row.n for row in rows}
        bars = {
            "array": [100 * (r.high - r.value) for r in rows],
            "arrayminus": [100 * (r.value - r.low) for r in rows],
        }
        figure.add_scatter(
            x=[p.power for p, _ in line], y=[100 * row.value for row in rows], name=f"{LOOKS['rn'].name}, {kind}",
            mode="lines+markers", line={"color": LOOKS["rn"].colour, "width": 2, "dash": dash},
            marker={"symbol": symbol, "size": 11, "color": LOOKS["rn"].colour}, cliponaxis=False,
            error_y={"type": "data", "symmetric": False, "thickness": 1.5, **bars},
            customdata=[[p.label, *_counted(row)] for p, row in line],
            hovertemplate="%{customdata[0]}: %{y:.1f} % (%{customdata[1]}; 95 %: %{customdata[2]})",
        )  # fmt: skip
        series += [f"{p.label}, {kind}: {percent(row.value)} ({', 95 %: '.join(_counted(row))})" for p, row in line]
    for point in (point for point in points if point.power is None):
        for kind, row, dash in (("clean", point.clean, "solid"), (attack, point.attacked, "dash")):
            if row is not None:
                counts.add(row.n)
                _level(figure, f"{point.label}, {kind}", row, dash)
                series.append(f"{point.label}, {kind}: {percent(row.value)} ({', 95 %: '.join(_counted(row))})")
    figure.add_vline(chosen, line={"color": OUTLINE, "width": 1.5, "dash": "dot"})
    ticks: dict[str, Any] = {"tickvals": [0, 0.1, 0.2, 0.35, 0.5, 0.75, 1]}
    figure.update_xaxes(title="p with which the network was trained", range=[-0.03, 1.03], **ticks)
    figure.update_yaxes(title="accuracy (%)", range=[-2, 102])
    title = "How much is left, for which p?"
    n = " to ".join(f"{k:,}" for k in dict.fromkeys((min(counts), max(counts))))
    dotted = f"p = {chosen:g}".replace(" ", "\N{NO-BREAK SPACE}")
    dress(figure, title, f"{about}; n = {n} images a point; bars, bands: 95 % interval; dotted: {dotted}", 340)
    return Figure(figure, f"{title} {about}, n = {n} images a point. {'; '.join(series)}.")


def _level(figure: go.Figure, name: str, row: "Row", dash: str) -> None:
    """An accuracy that does not depend on p: a horizontal line in a band of its interval."""
    figure.add_hrect(100 * row.low, 100 * row.high, fillcolor=STD["color"], opacity=0.15, line_width=0, layer="below")
    figure.add_scatter(
        x=[0, 0.25, 0.5, 0.75, 1], y=[100 * row.value] * 5, name=wrap(name), mode="lines",
        line={"color": STD["color"], "width": 2, "dash": dash}, customdata=[_counted(row)] * 5,
        hovertemplate=name + ": %{y:.1f} % (%{customdata[0]}; 95 %: %{customdata[1]})<extra></extra>",
    )  # fmt: skip


def _counted(row: "Row") -> tuple[str, str]:
    return f"{row.correct:,} of {row.n:,}", f"{percent(row.low)} to {percent(row.high)}"
