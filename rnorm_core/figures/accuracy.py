"""Accuracy as the attack grows."""

from collections.abc import Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from rnorm_core.errors import UserError
from rnorm_core.figures.style import DASHES, LOOKS, Figure, Markers, dress, wrap


@dataclass(frozen=True)
class Curve:
    """Accuracy of one model in one statistics mode; the five lists are equally long.

    eps_255: attack sizes in grey levels (8 means 8/255). correct of n images; low, high: 95 % interval, as fractions.
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

    def __post_init__(self) -> None:
        if len({len(self.eps_255), len(self.correct), len(self.n), len(self.low), len(self.high)}) != 1:
            raise ValueError(f"{self.label}: eps_255, correct, n, low and high differ in length")


def accuracy_curve(curves: Sequence[Curve], attack: str = "", evenly: bool = False) -> Figure:
    """Accuracy (%) against eps (k/255) with interval bars. `evenly` gives every eps the same room: small ones crowd.

    UserError when there is no curve, or one without a point.
    """
    if not curves or not all(c.eps_255 for c in curves):
        raise UserError("There is no accuracy to draw yet.", "choose a model that was measured, or measure it first.")
    everything = sorted({eps for c in curves for eps in c.eps_255})
    figure, markers = go.Figure(), Markers()
    for c in curves:
        accuracy = [100 * k / n for k, n in zip(c.correct, c.n, strict=True)]
        bars = {
            "array": [100 * high - a for high, a in zip(c.high, accuracy, strict=True)],
            "arrayminus": [a - 100 * low for low, a in zip(c.low, accuracy, strict=True)],
        }
        figure.add_scatter(
            x=[f"{eps:g}" for eps in c.eps_255] if evenly else list(c.eps_255),
            y=accuracy,
            error_y={"type": "data", "symmetric": False, "thickness": 1.5, **bars},
            name=wrap(c.label),
            mode="lines+markers",
            line={"color": LOOKS[c.norm].colour, "dash": DASHES[c.statistics], "width": 2},
            marker={"symbol": markers.next(c.norm), "size": 9},
            customdata=list(zip(c.correct, c.n, [f"{eps:g}" for eps in c.eps_255], strict=True)),
            hovertemplate="eps %{customdata[2]}/255: %{y:.1f} % (%{customdata[0]} of %{customdata[1]})",
        )
    axis = {"title": "attack size eps (k/255)" + (", steps not to scale" if evenly else "")}
    if evenly:
        axis |= {"type": "category", "categoryorder": "array", "categoryarray": [f"{e:g}" for e in everything]}
    figure.update_xaxes(axis)
    figure.update_yaxes(title="accuracy (%)", range=[-2, 102])
    counts = sorted({n for c in curves for n in c.n})
    images = f"n = {counts[0]:,}" if len(counts) == 1 else f"n = {counts[0]:,} to {counts[-1]:,}"
    title = "How much accuracy is left as the attack grows?"
    dress(figure, title, f"{attack + ': ' if attack else ''}{images} images a point; bars: 95 % interval", 400)
    said = []
    for c in curves:
        points = zip(c.eps_255, c.correct, c.n, strict=True)
        said.append(f"{c.label}: " + ", ".join(f"{100 * k / n:.1f} % at {eps:g}/255" for eps, k, n in points))
    return Figure(figure, f"{title} Lines of accuracy against attack size, {images}. {'; '.join(said)}.")
