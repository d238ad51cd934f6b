"""Networks: their training curves, their norm layers, and the effect of seed and learning rate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from rnorm_core.errors import UserError
from rnorm_core.figures.style import CLEAN, LOOKS, Figure, Markers, dress, wrap
from rnorm_core.rounding import percent

STROKES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
BAND = (0.05, 0.95)  # quantiles of a layer's channels


class Strokes(Markers):
    """Markers and dashes by which the networks of one norm differ in a figure."""

    def line(self, norm: str, **marker: Any) -> dict[str, Any]:
        symbol, colour = self.next(norm), LOOKS[norm].colour
        line = {"color": colour, "width": 2, "dash": STROKES[self._seen[norm] % len(STROKES)]}
        return {"mode": "lines+markers", "line": line, "marker": {"symbol": symbol, "color": colour, **marker}}


@dataclass(frozen=True)
class Training:
    """One network's training, epoch by epoch; the three lists are equally long.

    loss: mean cross-entropy; accuracy: as a fraction; both over the training images of an epoch, as augmented.
    small: (epochs, pixels) of the phase with small crops at the beginning, or None.
    """

    label: str
    norm: str
    weight_hash: str
    epochs: Sequence[int]
    loss: Sequence[float]
    accuracy: Sequence[float]
    small: tuple[int, int] | None = None


def training_loss(trainings: Sequence[Training]) -> Figure:
    """Training loss by epoch, the phase of small crops shaded."""
    return _training(trainings, "How does the training loss fall?", "cross-entropy (nats)", lambda t: t.loss)


def training_accuracy(trainings: Sequence[Training]) -> Figure:
    """Training accuracy (%) by epoch, the phase of small crops shaded."""
    title, axis = "How fast do they learn?", "training accuracy (%)"
    figure = _training(trainings, title, axis, lambda t: [100 * a for a in t.accuracy])
    figure.plotly.update_yaxes(range=[0, 102])
    return figure


def _training(trainings: Sequence[Training], title: str, axis: str, values) -> Figure:
    trainings = [t for t in trainings if t.epochs]
    if not trainings:
        raise UserError("There is no training curve to draw.", "choose a model with a training curve on its card.")
    figure, strokes, texts = go.Figure(), Strokes(), []
    for t in trainings:
        y = list(values(t))
        figure.add_scatter(
            x=list(t.epochs),
            y=y,
            name=wrap(t.label),
            hovertemplate="epoch %{x}: %{y:.3g}",
            **strokes.line(t.norm, size=9, maxdisplayed=9),
        )
        texts.append(f"{t.label}: {y[0]:.3g} after epoch {t.epochs[0]}, {y[-1]:.3g} after epoch {t.epochs[-1]}")
    phases: dict[tuple[int, int], list[str]] = {}
    for t in trainings:
        if t.small:
            phases.setdefault(t.small, []).append(t.label)
    for (epochs, pixels), labels in phases.items():
        figure.add_vrect(x0=0.5, x1=epochs + 0.5, fillcolor=CLEAN, opacity=0.16, line_width=0, layer="below")
        some = ", ".join(labels) if len(labels) < 4 else f"{len(labels)} of {len(trainings)}"
        networks = "" if len(labels) == len(trainings) else f" ({some})"
        phase = f"shaded: {pixels}-pixel crops, epochs 1 to {epochs}{networks}"
        grey = {"symbol": "square", "size": 12, "color": CLEAN, "opacity": 0.4}
        figure.add_scatter(x=[1], y=[None], name=wrap(phase), mode="markers", marker=grey, hoverinfo="skip")
        texts.append(phase)
    last = max(max(t.epochs) for t in trainings)
    figure.update_xaxes(title="epoch", range=[0.5, last + 0.5])
    figure.update_yaxes(title=axis, rangemode="tozero")
    dress(figure, title, "one training each; mean over an epoch's images, as they were shown", 340)
    return Figure(figure, f"{title} {axis.capitalize()} by epoch, one training a line. {'; '.join(texts)}.")


@dataclass(frozen=True, eq=False)
class Depth:
    """Numbers of the channels of each norm layer of one network, in the network's order: layer names, arrays (C,)."""

    label: str
    norm: str
    weight_hash: str
    names: Sequence[str]
    values: Sequence[np.ndarray]


def by_depth(depths: Sequence[Depth], title: str, axis: str, log: bool = False) -> Figure:
    """The median channel of each layer as a line, over a band that holds 90 % of the layer's channels.

    log: a logarithmic axis, for positive numbers; zeros are drawn at its lower end. UserError if there is no layer.
    """
    depths = [d for d in depths if d.values]
    if not depths:
        raise UserError(f"There is nothing to draw: {title}", "choose a model with norm layers of this kind.")
    strokes, bands, lines, texts = Strokes(), [], [], []
    lowest = _lowest(depths) if log else -np.inf
    for d in depths:
        x = list(range(1, len(d.values) + 1))
        low, middle, high = np.maximum([np.quantile(v, [BAND[0], 0.5, BAND[1]]) for v in d.values], lowest).T
        bands.append(dict(
            x=x + x[::-1], y=[*high.tolist(), *low[::-1].tolist()], fill="toself", mode="none", hoverinfo="skip",
            fillcolor=_faint(LOOKS[d.norm].colour), showlegend=False, name=f"{d.label}, band",
        ))  # fmt: skip
        lines.append(dict(
            x=x, y=middle.tolist(), name=wrap(d.label), **strokes.line(d.norm, size=6),
            customdata=[
                [name, len(v), lo, hi, float(v.min()), float(v.max())]
                for name, v, lo, hi in zip(d.names, d.values, low, high, strict=True)
            ],
            hovertemplate="%{customdata[0]}, %{customdata[1]} channels: median %{y:.3g},<br>90 % from "
            "%{customdata[2]:.3g} to %{customdata[3]:.3g}, all from %{customdata[4]:.3g} to %{customdata[5]:.3g}",
        ))  # fmt: skip
        texts.append(
            f"{d.label}, {len(x)} layers: median {middle.min():.3g} to {middle.max():.3g}, "
            f"{middle[0]:.3g} in the first and {middle[-1]:.3g} in the last layer"
        )
    figure = go.Figure()
    for trace in (*bands, *lines):  # lines last: no band may lie over a line
        figure.add_scatter(**trace)
    deepest = max(len(d.values) for d in depths)
    figure.update_xaxes(title="norm layer, in the network's order", range=[0.5, deepest + 0.5], showgrid=False)
    figure.update_yaxes({"type": "log", "dtick": 1} if log else {"type": "linear"}, title=axis)
    counts = [len(v) for d in depths for v in d.values]
    channels = f"n = {min(counts)} to {max(counts)}" if min(counts) < max(counts) else f"n = {counts[0]}"
    dress(figure, title, f"line: median of a layer's channels ({channels}); band: 90 % of them", 340)
    return Figure(figure, f"{title} {axis.capitalize()} by layer, {channels} channels a layer. {'; '.join(texts)}.")


def _lowest(depths: Sequence[Depth]) -> float:
    """Where a logarithmic axis begins: clearly below all positive numbers, but at most four decades below the top."""
    drawn = np.concatenate([np.quantile(v, [BAND[0], 0.5, BAND[1]]) for d in depths for v in d.values])
    top = float(drawn.max()) or 1.0
    return max(float(drawn[drawn > 0].min(initial=top)) / 3, top * 1e-4)


def _faint(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.18)"


@dataclass(frozen=True)
class Dots:
    """One number of each training of a norm, by seed; None if the training never reached it.

    low, high: 95 % interval, or None. what: a name for the number, if a figure shows several numbers. fill: the ending
    of the marker's name in Plotly for this number: "", "-open" or "-open-dot".
    """

    label: str
    norm: str
    seeds: Sequence[int]
    values: Sequence[float | None]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None
    what: str = ""
    fill: str = ""


def by_seed(rows: Sequence[Dots], title: str, axis: str, subtitle: str) -> Figure:
    """Every training on a line of its own; UserError if there is none."""
    if not rows:
        raise UserError("No network has been trained with several seeds yet.", "train one with another --seed.")
    figure, texts = go.Figure(), []
    for row in rows:
        look, known = LOOKS[row.norm], [(i, float(v)) for i, v in enumerate(row.values) if v is not None]
        bars = None
        if row.low is not None and row.high is not None:
            above, below = ([abs(ends[i] - v) for i, v in known] for ends in (row.high, row.low))
            bars = {"type": "data", "symmetric": False, "thickness": 1.5, "array": above, "arrayminus": below}
        symbol = look.marker + row.fill
        figure.add_scatter(
            x=[value for _, value in known],
            y=[f"{row.label}, seed {row.seeds[i]}" for i, _ in known],
            error_x=bars,
            mode="markers",
            marker={"symbol": symbol, "size": 11, "color": look.colour, "line": {"width": 2 if row.fill else 0}},
            showlegend=False,
            hovertemplate=f"%{{y}}{f', {row.what}' if row.what else ''}: %{{x:.4g}}<extra></extra>",
        )
        listed = [f"{value:.4g} (seed {row.seeds[i]})" for i, value in known]
        never = [seed for seed, value in zip(row.seeds, row.values, strict=True) if value is None]
        for seed in never:
            here = {"y": f"{row.label}, seed {seed}", "x": 1, "xref": "paper", "xanchor": "right", "showarrow": False}
            figure.add_annotation(text=f"{row.what or axis}: not reached", font_size=12, **here)
        listed += [f"not reached (seed {seed})" for seed in never]
        texts.append(f"{row.label}{f', {row.what}' if row.what else ''}: {', '.join(listed)}")
    levels = list(dict.fromkeys(f"{row.label}, seed {seed}" for row in rows for seed in row.seeds))
    figure.update_yaxes(categoryorder="array", categoryarray=levels[::-1], range=[-0.6, len(levels) - 0.4], dtick=1)
    figure.update_xaxes(title=axis)
    dress(figure, title, subtitle, 110 + 24 * len(levels))
    return Figure(figure, f"{title} {axis.capitalize()}, {subtitle}. {'; '.join(texts)}.")


@dataclass(frozen=True)
class Rates:
    """One norm trained at several peak learning rates: correct of n held-out images, with the 95 % interval.

    diverged: learning rates at which the loss was no longer a number, so that there is no accuracy.
    """

    label: str
    norm: str
    rates: Sequence[float]
    correct: Sequence[int]
    n: Sequence[int]
    low: Sequence[float]
    high: Sequence[float]
    diverged: Sequence[float] = ()


def learning_rates(lines: Sequence[Rates], subtitle: str) -> Figure:
    """Held-out accuracy (%) against the peak learning rate, on a logarithmic axis; crosses where training diverged."""
    lines = [line for line in lines if line.rates or line.diverged]
    if not lines:
        raise UserError("No learning rates have been tried yet.", "run `python -m rnorm_core.training.learning_rates`.")
    figure, strokes, texts, title = go.Figure(), Strokes(), [], "How high may the learning rate be?"
    with_crosses = [line for line in lines if line.diverged]
    for line in lines:
        y = [100 * k / n for k, n in zip(line.correct, line.n, strict=True)]
        bars = {
            "type": "data", "symmetric": False, "thickness": 1.5,
            "array": [100 * high - v for high, v in zip(line.high, y, strict=True)],
            "arrayminus": [v - 100 * low for low, v in zip(line.low, y, strict=True)],
        }  # fmt: skip
        figure.add_scatter(
            x=list(line.rates), y=y, error_y=bars, name=wrap(line.label), legendgroup=line.label,
            customdata=list(zip(line.correct, line.n, strict=True)), **strokes.line(line.norm, size=9),
            hovertemplate="peak %{x:g}: %{y:.1f} % (%{customdata[0]} of %{customdata[1]})",
        )  # fmt: skip
        points = [f"{percent(v / 100)} at {rate:g}" for v, rate in zip(y, line.rates, strict=True)]
        if line.diverged:
            below = -6 * (1 + with_crosses.index(line))
            figure.add_scatter(
                x=list(line.diverged), y=[below] * len(line.diverged), name=line.label, legendgroup=line.label,
                mode="markers", marker={"symbol": "x", "size": 11, "color": LOOKS[line.norm].colour}, showlegend=False,
                hovertemplate="peak %{x:g}: diverged",
            )  # fmt: skip
            points += [f"diverged at {rate:g}" for rate in line.diverged]
        texts.append(f"{line.label}: {', '.join(points)}")
    everything = sorted({float(rate) for line in lines for rate in (*line.rates, *line.diverged)})
    counts = sorted({n for line in lines for n in line.n}) or [0]
    images = f"n = {counts[0]:,}" + (f" to {counts[-1]:,}" if len(counts) > 1 else "")
    ticks = {"tickvals": everything, "ticktext": [f"{rate:g}" for rate in everything]}
    figure.update_xaxes(ticks, title="peak learning rate, logarithmic", type="log")
    low = -5 - 6 * len(with_crosses)  # a row for the crosses of each norm, so that none hides another
    figure.update_yaxes(title="held-out accuracy (%)", range=[low, 102], tickvals=[0, 20, 40, 60, 80, 100])
    crosses = "; crosses: diverged" if with_crosses else ""
    dress(figure, title, f"{subtitle}; {images} images a point, bars: 95 % interval{crosses}", 360)
    alt = f"{title} Held-out accuracy against the peak learning rate, {subtitle}, {images}. {'; '.join(texts)}."
    return Figure(figure, alt)
