"""Natural corruptions and attacks: the shifts that they cause, their cost, and the effect of new statistics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from rnorm_core.errors import UserError
from rnorm_core.figures.style import BAND, CLEAN, DASHES, LOOKS, OUTLINE, Figure, Markers, dress, images, wrap

NATURAL = {"symbol": "x", "dash": "dot"}  # the look of a corruption beside an attack


@dataclass(frozen=True, eq=False)
class Layers:
    """The shift of each layer of one model.

    names:       (L,) of the layers, in the network's order.
    clean, corrupted, attacked: (L,) each; `attacked` is None until it is measured.
    low, high:   (L,) the range of 95 % of the clean training batches of `band_size` images.
    natural, adversarial: titles of the corruption and of the attack.
    """

    label: str
    norm: str
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
        """The number of layers outside the band."""
        return int(((values < self.low) | (values > self.high)).sum())


def common_axis(sides: Sequence[Layers]) -> tuple[float, float]:
    """One range of the axis for several models: it includes 0 and everything that is drawn."""
    values = np.concatenate([[0.0], *(v for side in sides for v in (*side.drawn, side.low, side.high))])
    room = 0.06 * (float(values.max() - values.min()) or 1)
    return float(values.min()) - (room if values.min() < 0 else 0), float(values.max()) + room


def natural_and_adversarial(side: Layers, measure: str, axis: tuple[float, float] | None = None) -> Figure:
    """The shift of every layer under a corruption and under an attack, and the natural band.

    axis: the range of the y axis, see `common_axis`.
    """
    look, x = LOOKS[side.norm], list(range(1, len(side.names) + 1))
    figure = go.Figure()
    edges = [edge for k in x for edge in (k - 0.5, k + 0.5)]
    figure.add_scatter(
        x=edges + edges[::-1], y=[*np.repeat(side.high, 2).tolist(), *np.repeat(side.low, 2)[::-1].tolist()],
        name="95 % band", mode="lines", fill="toself", fillcolor=BAND, line={"color": OUTLINE, "width": 0.5},
        hoverinfo="skip",
    )  # fmt: skip
    solid, dashed = ({"color": look.colour, "width": 1.5, "dash": dash} for dash in ("solid", NATURAL["dash"]))
    hollow = {"symbol": f"{look.marker}-open", "line": {"width": 2}}
    lines: dict[str, tuple[np.ndarray | None, dict[str, Any], dict[str, Any]]] = {
        "clean": (side.clean, {**solid, "color": CLEAN}, hollow),
        side.natural: (side.corrupted, dashed, {"symbol": NATURAL["symbol"]}),
        side.adversarial: (side.attacked, solid, {"symbol": look.marker}),
    }
    texts = []
    for name, (values, line, marker) in lines.items():
        if values is None:
            continue
        figure.add_scatter(
            x=x, y=values.tolist(), name=wrap(name), mode="lines+markers",
            line=line, marker={"color": line["color"], "size": 8, **marker},
            customdata=list(zip(side.names, side.low.tolist(), side.high.tolist(), strict=True)),
            hovertemplate=f"{name} %{{y:.3f}} (band %{{customdata[1]:.3f}} to %{{customdata[2]:.3f}})"
            "<extra>%{customdata[0]}</extra>",
        )  # fmt: skip
        worst = int(np.abs(values).argmax())
        texts.append(
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
    title = "How far does each layer's input shift?"
    about = f"{side.label}; n = {images(side.n)}; band: batches of {side.band_size}"
    dress(figure, title, about, 340)
    alt = (
        f"{title} {measure.capitalize()} at {len(x)} layers of {side.label}, n = {images(side.n)}. {'; '.join(texts)}."
    )
    return Figure(figure, alt)


@dataclass(frozen=True, eq=False)
class Counts:
    """Accuracies of one model: `correct` of n images each; low and high bound the 95 % interval, as fractions."""

    correct: Sequence[int]
    n: int
    low: Sequence[float]
    high: Sequence[float]

    @property
    def percent(self) -> list[float]:
        return [100 * k / self.n for k in self.correct]

    @property
    def bars(self) -> dict[str, Any]:
        """Error bars for plotly."""
        ends = list(zip(self.percent, self.low, self.high, strict=True))
        up, down = [100 * high - p for p, _, high in ends], [p - 100 * low for p, low, _ in ends]
        return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1.2}

    def text(self, k: int) -> str:
        low, high = 100 * self.low[k], 100 * self.high[k]
        return f"{self.percent[k]:.1f} % ({self.correct[k]} of {self.n}; 95 %: {low:.1f} to {high:.1f})"


@dataclass(frozen=True, eq=False)
class Path:
    """Accuracy and mean shift of one model, from clean images to the strongest corruption or attack.

    natural: whether it is a corruption; otherwise an attack.
    sizes:   titles of the severities or attack sizes, the first is clean.
    shifts:  mean over the layers at each size; empty if no shift is known.
    """

    label: str
    norm: str
    statistics: str
    natural: bool
    sizes: Sequence[str]
    counts: Counts
    shifts: Sequence[float]


def by_severity(paths: Sequence[Path], corruption: str) -> Figure:
    """Accuracy (%) by severity of a corruption; severity 0 is clean. UserError without a path."""
    if not paths:
        raise UserError("There is no accuracy to draw yet.", "wait for the first severity.")
    figure, markers, texts = go.Figure(), Markers(), []
    for path in paths:
        look = LOOKS[path.norm]
        figure.add_scatter(
            x=list(path.sizes), y=path.counts.percent, error_y=path.counts.bars, name=wrap(path.label),
            mode="lines+markers", line={"color": look.colour, "dash": DASHES[path.statistics], "width": 2},
            marker={"symbol": markers.next(path.norm), "size": 9}, cliponaxis=False,
            customdata=[path.counts.text(k) for k in range(len(path.sizes))],
            hovertemplate="severity %{x}: %{customdata}",
        )  # fmt: skip
        values = zip(path.sizes, path.counts.percent, strict=True)
        texts.append(f"{path.label}: " + ", ".join(f"{p:.1f} % at {size}" for size, p in values))
    figure.update_xaxes(title=f"severity of {corruption} (0: clean)", type="category")
    figure.update_yaxes(title="accuracy (%)", range=[-2, 102])
    n = paths[0].counts.n
    title = "What does it cost?"
    dress(figure, title, f"{corruption}; n = {images(n)} a point; bars: 95 % interval", 340)
    return Figure(
        figure, f"{title} Accuracy against the severity of {corruption}, n = {images(n)}. {'; '.join(texts)}."
    )


def cost_of_shift(paths: Sequence[Path], measure: str, corruption: str, attack: str) -> Figure:
    """Accuracy (%) by mean shift of the layers, of corruption and attack. UserError if no shift is known."""
    drawn = [path for path in paths if len(path.shifts)]
    if not drawn:
        raise UserError("There is no shift to draw.", "choose a model with statistics of the training images.")
    figure, markers, texts = go.Figure(), {False: Markers(), True: Markers()}, []
    for path in drawn:
        look, kind = LOOKS[path.norm], corruption if path.natural else attack
        marker = markers[path.natural].next(path.norm)
        symbol = NATURAL["symbol"] + ("-open" if "open" in marker else "") if path.natural else marker
        figure.add_scatter(
            x=list(path.shifts), y=path.counts.percent, name=wrap(f"{path.label}: {kind}"), mode="lines+markers",
            line={"color": look.colour, "width": 1.5, "dash": NATURAL["dash"] if path.natural else "solid"},
            marker={"symbol": symbol, "size": [7 + 1.4 * k for k in range(len(path.sizes))], "opacity": 1},
            cliponaxis=False,
            customdata=[[size, path.counts.text(k)] for k, size in enumerate(path.sizes)],
            hovertemplate=f"{kind}, %{{customdata[0]}}: shift %{{x:.3f}}, %{{customdata[1]}}",
        )  # fmt: skip
        values = zip(path.sizes, path.shifts, path.counts.percent, strict=True)
        texts.append(f"{path.label}, {kind}: " + ", ".join(f"{p:.1f} % at {m:.3f} ({s})" for s, m, p in values))
    figure.update_xaxes(title=wrap(f"{measure}, mean over the layers"), rangemode="tozero")
    figure.update_yaxes(title="accuracy (%)", range=[-2, 102])
    n = drawn[0].counts.n
    title = "How much accuracy does a shift cost?"
    dress(figure, title, f"the larger the mark, the stronger; n = {images(n)} a point; touch one for its interval", 340)
    return Figure(figure, f"{title} Accuracy against {measure}, n = {images(n)}. {'; '.join(texts)}.")


@dataclass(frozen=True, eq=False)
class Recalibration:
    """Accuracy in one condition before and after the statistics were re-estimated.

    kind:   a key of `_KINDS`. name: its title.
    before: with the statistics of the training; None for an attack that is made for the new ones.
    after:  with the statistics of m images, for each m in `images`.
    """

    kind: str
    name: str
    before: Counts | None
    images: Sequence[int]
    after: Counts


_KINDS = {  # (ending of the norm's marker, dash); None for the marker of a corruption
    "clean": ("-open", "solid"),
    "corrupted": (None, "dot"),
    "attacked": ("", "solid"),
    "attacked anew": ("-open", "dash"),
}


def by_images(
    conditions: Sequence[Recalibration],
    label: str,
    norm: str,
    ticks: Sequence[int],
    chosen: int,
    where: str,
) -> Figure:
    """Accuracy (%) by m, the number of images that statistics are taken from; first with the trained statistics.

    ticks: all m, ascending. chosen: the m to mark. where: a title of these images ("other images").
    UserError without a condition.
    """
    if not conditions:
        raise UserError("There is nothing to draw yet.", "wait for the first statistics.")
    look, figure, texts = LOOKS[norm], go.Figure(), []
    for place, one in enumerate(conditions):
        ending, dash = _KINDS[one.kind]
        symbol = NATURAL["symbol"] if ending is None else look.marker + ending
        colour, aside = CLEAN if one.kind == "clean" else look.colour, 0.07 * (place - 1.5)
        marker = {"symbol": symbol, "size": 9, "color": colour, "line": {"width": 2, "color": colour}}
        style: dict[str, Any] = {"legendgroup": one.kind, "marker": marker}
        if one.before is not None:
            figure.add_scatter(
                x=[aside], y=one.before.percent, error_y=one.before.bars, mode="markers", name=one.name,
                showlegend=False, customdata=[one.before.text(0)],
                hovertemplate="as trained: %{customdata}", **style,
            )  # fmt: skip
        figure.add_scatter(
            x=[1 + list(ticks).index(m) + aside for m in one.images], y=one.after.percent,
            error_y=one.after.bars, mode="lines+markers", name=wrap(one.name, 60),
            line={"color": colour, "dash": dash, "width": 2}, cliponaxis=False,
            customdata=[[m, one.after.text(k)] for k, m in enumerate(one.images)],
            hovertemplate="statistics of %{customdata[0]}: %{customdata[1]}", **style,
        )  # fmt: skip
        before = "" if one.before is None else f"{one.before.percent[0]:.1f} % as trained, "
        values = zip(one.images, one.after.percent, strict=True)
        texts.append(f"{one.name}: {before}" + ", ".join(f"{p:.1f} % with {m}" for m, p in values))
    if chosen in ticks:
        at = 1 + list(ticks).index(chosen)
        figure.add_vrect(x0=at - 0.4, x1=at + 0.4, line={"color": OUTLINE, "width": 1.5, "dash": "dot"})
    figure.update_xaxes(
        title=f"statistics of m {where}", tickvals=list(range(len(ticks) + 1)), range=[-0.5, len(ticks) + 0.5],
        ticktext=["as<br>trained", *map(str, ticks)], tickangle=0, showgrid=False, zeroline=False,
    )  # fmt: skip
    figure.update_yaxes(title="accuracy (%)", range=[-2, 102])
    n = conditions[0].after.n
    title = "What do new statistics repair?"
    dress(figure, title, f"{label}; n = {images(n)}; bars: 95 % interval", 340)
    alt = f"{title} Accuracy of {label} against m, n = {images(n)}, statistics of m {where}. {'; '.join(texts)}."
    return Figure(figure, alt)
