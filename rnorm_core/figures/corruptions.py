"""Natural corruptions beside attacks: how far each moves the statistics, what it costs, what new statistics mend."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from rnorm_core.errors import UserError
from rnorm_core.figures.style import CLEAN, DASHES, LOOKS, Figure, Markers, dress, wrap

BAND, EDGE = "rgba(128,128,128,0.28)", "rgba(128,128,128,0.9)"  # seen on white and on black
NATURAL = {"symbol": "x", "dash": "dot"}  # a corruption, wherever it stands beside an attack


@dataclass(frozen=True, eq=False)
class Layers:
    """How far one model's layers have moved: clean, corrupted and attacked, (L,) each, and their natural band.

    low, high: (L,), between which 95 % of the clean training batches of `band_size` images lie. attacked: None while it
    is not measured. natural, adversarial: what was done, in words.
    """

    label: str
    norm: str
    weight_hash: str
    n: int
    names: Sequence[str]
    clean: np.ndarray
    corrupted: np.ndarray
    attacked: np.ndarray | None
    low: np.ndarray
    high: np.ndarray
    band_size: int
    natural: str
    adversarial: str

    @property
    def drawn(self) -> list[np.ndarray]:
        return [self.clean, self.corrupted] + ([] if self.attacked is None else [self.attacked])

    def outside(self, values: np.ndarray) -> int:
        """How many layers lie outside the band."""
        return int(((values < self.low) | (values > self.high)).sum())


def common_axis(sides: Sequence[Layers]) -> tuple[float, float]:
    """One axis for several models: from 0, or lower, to the highest thing drawn, with some room."""
    values = np.concatenate([[0.0], *(v for side in sides for v in (*side.drawn, side.low, side.high))])
    room = 0.06 * (float(values.max() - values.min()) or 1)
    return float(values.min()) - (room if values.min() < 0 else 0), float(values.max()) + room


def natural_and_adversarial(side: Layers, measure: str, axis: tuple[float, float] | None = None) -> Figure:
    """Every layer's shift, in the network's order, under a corruption and under an attack, over the natural band."""
    look, x = LOOKS[side.norm], list(range(1, len(side.names) + 1))
    figure = go.Figure()
    edges = [edge for k in x for edge in (k - 0.5, k + 0.5)]
    figure.add_scatter(
        x=edges + edges[::-1], y=[*np.repeat(side.high, 2).tolist(), *np.repeat(side.low, 2)[::-1].tolist()],
        name="95 % band", mode="lines", fill="toself", fillcolor=BAND, line={"color": EDGE, "width": 0.5},
        hoverinfo="skip",
    )  # fmt: skip
    lines: list[tuple[str, np.ndarray | None, str, dict[str, Any], str]] = [
        ("clean", side.clean, CLEAN, {"symbol": f"{look.marker}-open", "line": {"width": 2}}, "solid"),
        (side.natural, side.corrupted, look.colour, {"symbol": NATURAL["symbol"]}, NATURAL["dash"]),
        (side.adversarial, side.attacked, look.colour, {"symbol": look.marker}, "solid"),
    ]
    said = []
    for name, values, colour, marker, dash in lines:
        if values is None:
            continue
        figure.add_scatter(
            x=x, y=values.tolist(), name=wrap(name), mode="lines+markers",
            line={"color": colour, "width": 1.5, "dash": dash}, marker={"color": colour, "size": 8, **marker},
            customdata=list(zip(side.names, side.low.tolist(), side.high.tolist(), strict=True)),
            hovertemplate=f"{name} %{{y:.3f}} (band %{{customdata[1]:.3f}} to %{{customdata[2]:.3f}})"
            "<extra>%{customdata[0]}</extra>",
        )  # fmt: skip
        worst = int(np.abs(values).argmax())
        said.append(
            f"{name}: {side.outside(values)} of {len(x)} layers outside the band, most moved "
            f"{side.names[worst]} with {values[worst]:.3f}"
        )
    step = 1 if len(x) <= 10 else 2 if len(x) <= 24 else 8
    figure.update_xaxes(
        title="layer, in the network's order", tickvals=x[::step], range=[0.3, len(x) + 0.7], showgrid=False,
        zeroline=False,
    )  # fmt: skip
    figure.update_yaxes(title=measure, range=list(axis) if axis else None)
    figure.update_layout(hovermode="x")
    title = "Who moves the statistics?"
    weights = f"; weights {side.weight_hash[:8]}" if side.weight_hash else ""
    about = f"{side.label}; n = {_images(side.n)}; band: batches of {side.band_size}{weights}"
    dress(figure, title, about, 340)
    alt = (
        f"{title} {measure.capitalize()} at {len(x)} layers of {side.label}, n = {_images(side.n)}. {'; '.join(said)}."
    )
    return Figure(figure, alt)


@dataclass(frozen=True, eq=False)
class Counts:
    """Accuracy of one model at some places: `correct` of n images each, with the 95 % interval as fractions."""

    correct: Sequence[int]
    n: int
    low: Sequence[float]
    high: Sequence[float]

    @property
    def percent(self) -> list[float]:
        return [100 * k / self.n for k in self.correct]

    @property
    def bars(self) -> dict[str, Any]:
        """Of plotly."""
        ends = list(zip(self.percent, self.low, self.high, strict=True))
        up, down = [100 * high - p for p, _, high in ends], [p - 100 * low for p, low, _ in ends]
        return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.2}

    def told(self, k: int) -> str:
        low, high = 100 * self.low[k], 100 * self.high[k]
        return f"{self.percent[k]:.1f} % ({self.correct[k]} of {self.n}; 95 %: {low:.1f} to {high:.1f})"


@dataclass(frozen=True, eq=False)
class Path:
    """One model on its way from clean: accuracy and mean shift of its layers, at sizes in words ("severity 2").

    natural: whether a corruption leads it, and no attack. moved is empty where no shift is known.
    """

    label: str
    norm: str
    statistics: str
    weight_hash: str
    natural: bool
    sizes: Sequence[str]
    counts: Counts
    moved: Sequence[float]


def by_severity(paths: Sequence[Path], corruption: str) -> Figure:
    """Accuracy (%) against the severity of a corruption, 0 being clean."""
    if not paths:
        raise UserError("There is no accuracy to draw yet.", "wait for the first severity.")
    figure, markers, said = go.Figure(), Markers(), []
    for path in paths:
        look = LOOKS[path.norm]
        figure.add_scatter(
            x=list(path.sizes), y=path.counts.percent, error_y=path.counts.bars, name=wrap(path.label),
            mode="lines+markers", line={"color": look.colour, "dash": DASHES[path.statistics], "width": 2},
            marker={"symbol": markers.next(path.norm), "size": 9}, cliponaxis=False,
            customdata=[path.counts.told(k) for k in range(len(path.sizes))],
            hovertemplate="severity %{x}: %{customdata}",
        )  # fmt: skip
        values = zip(path.sizes, path.counts.percent, strict=True)
        said.append(f"{path.label}: " + ", ".join(f"{p:.1f} % at {size}" for size, p in values))
    figure.update_xaxes(title=f"severity of {corruption} (0: clean)", type="category")
    figure.update_yaxes(title="accuracy (%)", range=[-2, 102])
    n = paths[0].counts.n
    title = "What does it cost?"
    dress(figure, title, f"{corruption}; n = {_images(n)} a point; bars: 95 % interval", 340)
    return Figure(
        figure, f"{title} Accuracy against the severity of {corruption}, n = {_images(n)}. {'; '.join(said)}."
    )


def cost_of_shift(paths: Sequence[Path], measure: str, corruption: str, attack: str) -> Figure:
    """Accuracy (%) against how far the layers have moved on average: corruption and attack on the same two axes."""
    drawn = [path for path in paths if len(path.moved)]
    if not drawn:
        raise UserError("There is no shift to draw.", "choose a model with which the training images were measured.")
    figure, markers, said = go.Figure(), {False: Markers(), True: Markers()}, []
    for path in drawn:
        look, kind = LOOKS[path.norm], corruption if path.natural else attack
        marker = markers[path.natural].next(path.norm)
        symbol = NATURAL["symbol"] + ("-open" if "open" in marker else "") if path.natural else marker
        figure.add_scatter(
            x=list(path.moved), y=path.counts.percent, name=wrap(f"{path.label}: {kind}"), mode="lines+markers",
            line={"color": look.colour, "width": 1.5, "dash": NATURAL["dash"] if path.natural else "solid"},
            marker={"symbol": symbol, "size": [7 + 1.4 * k for k in range(len(path.sizes))], "opacity": 1},
            cliponaxis=False,
            customdata=[[size, path.counts.told(k)] for k, size in enumerate(path.sizes)],
            hovertemplate=f"{kind}, %{{customdata[0]}}: shift %{{x:.3f}}, %{{customdata[1]}}",
        )  # fmt: skip
        values = zip(path.sizes, path.moved, path.counts.percent, strict=True)
        said.append(f"{path.label}, {kind}: " + ", ".join(f"{p:.1f} % at {m:.3f} ({s})" for s, m, p in values))
    figure.update_xaxes(title=wrap(f"{measure}, mean over the layers"), rangemode="tozero")
    figure.update_yaxes(title="accuracy (%)", range=[-2, 102])
    n = drawn[0].counts.n
    title = "How much accuracy does a shift cost?"
    dress(
        figure, title, f"the larger the mark, the stronger; n = {_images(n)} a point; touch one for its interval", 340
    )
    _make_room(figure)
    return Figure(figure, f"{title} Accuracy against {measure}, n = {_images(n)}. {'; '.join(said)}.")


@dataclass(frozen=True, eq=False)
class Mended:
    """One condition: accuracy with the statistics of training (`before`, None where there is no such thing) and with
    those of m images, at the m in `images`. kind: "clean", "corrupted", "attacked" or "attacked anew".
    """

    kind: str
    name: str
    before: Counts | None
    images: Sequence[int]
    after: Counts


_KINDS = {  # marker, dash; the norm's marker where there is None
    "clean": ("-open", "solid"),
    "corrupted": (None, "dot"),
    "attacked": ("", "solid"),
    "attacked anew": ("-open", "dash"),
}


def by_images(
    conditions: Sequence[Mended], label: str, norm: str, weight_hash: str, ticks: Sequence[int], chosen: int, where: str
) -> Figure:
    """Accuracy (%) against m, the number of images that statistics are taken from; before all the trained ones.

    ticks: all m in order, one step apart; chosen: the m looked at, marked; where: which images ("other images").
    """
    if not conditions:
        raise UserError("There is nothing to draw yet.", "wait for the first statistics.")
    look, figure, said = LOOKS[norm], go.Figure(), []
    for place, mended in enumerate(conditions):
        ending, dash = _KINDS[mended.kind]
        symbol = NATURAL["symbol"] if ending is None else look.marker + ending
        colour, aside = CLEAN if mended.kind == "clean" else look.colour, 0.07 * (place - 1.5)
        marker = {"symbol": symbol, "size": 9, "color": colour, "line": {"width": 2, "color": colour}}
        style: dict[str, Any] = {"legendgroup": mended.kind, "marker": marker}
        if mended.before is not None:
            figure.add_scatter(
                x=[aside], y=mended.before.percent, error_y=mended.before.bars, mode="markers", name=mended.name,
                showlegend=False, customdata=[mended.before.told(0)],
                hovertemplate="as trained: %{customdata}", **style,
            )  # fmt: skip
        figure.add_scatter(
            x=[1 + list(ticks).index(m) + aside for m in mended.images], y=mended.after.percent,
            error_y=mended.after.bars, mode="lines+markers", name=wrap(mended.name, 60),
            line={"color": colour, "dash": dash, "width": 2}, cliponaxis=False,
            customdata=[[m, mended.after.told(k)] for k, m in enumerate(mended.images)],
            hovertemplate="statistics of %{customdata[0]}: %{customdata[1]}", **style,
        )  # fmt: skip
        before = "" if mended.before is None else f"{mended.before.percent[0]:.1f} % as trained, "
        values = zip(mended.images, mended.after.percent, strict=True)
        said.append(f"{mended.name}: {before}" + ", ".join(f"{p:.1f} % with {m}" for m, p in values))
    if chosen in ticks:
        at = 1 + list(ticks).index(chosen)
        figure.add_vrect(x0=at - 0.4, x1=at + 0.4, line={"color": EDGE, "width": 1.5, "dash": "dot"})
    figure.update_xaxes(
        title=f"statistics of m {where}", tickvals=list(range(len(ticks) + 1)), range=[-0.5, len(ticks) + 0.5],
        ticktext=["as<br>trained", *map(str, ticks)], tickangle=0, showgrid=False, zeroline=False,
    )  # fmt: skip
    figure.update_yaxes(title="accuracy (%)", range=[-2, 102])
    n = conditions[0].after.n
    title = "What do new statistics repair?"
    weights = f"; weights {weight_hash[:8]}" if weight_hash else ""
    dress(figure, title, f"{label}; n = {_images(n)}; bars: 95 % interval{weights}", 340)
    _make_room(figure)
    alt = f"{title} Accuracy of {label} against m, n = {_images(n)}, statistics of m {where}. {'; '.join(said)}."
    return Figure(figure, alt)


def _make_room(figure: go.Figure) -> None:
    """One line more between the axis, whose title or ticks take two, and the legend."""
    layout = figure.to_dict()["layout"]
    lower = layout["legend"]["y"] * 84 / 64
    figure.update_layout(height=layout["height"] + 20, legend={"y": lower})


def _images(n: int) -> str:
    return f"{n:,} image{'' if n == 1 else 's'}"
