"""One attacked image: a network's probabilities step by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from rnorm_core.data import class_title
from rnorm_core.errors import UserError
from rnorm_core.figures.style import LOOKS, Figure, Markers, dress, numbers, wrap
from rnorm_core.rounding import percent

if TYPE_CHECKING:  # drawing loads no attack library
    from rnorm_core.attacks import Trace

MAX_POINTS = 200  # about so many steps are drawn: a screen has no room for thousands


@dataclass(frozen=True, eq=False)
class TracedModel:
    """A trace to draw. label: the network's title. norm: a key of LOOKS, for its colour."""

    label: str
    norm: str
    trace: "Trace"


def confidence_by_step(models: Sequence[TracedModel], index: int, classes: Sequence[str]) -> Figure:
    """Probability (%) of the true and of the winning class of image `index`, by attack step, for one or two traces.

    The "true" class is the attacked one: `trace.labels`, for unlabelled images the network's prediction before the
    attack. UserError without traces.
    """
    if not models:
        raise UserError("There is no attack to draw yet.", "run an attack first.")
    classes = list(map(class_title, classes))
    figure, markers, sentences = go.Figure(), Markers(), []
    for model, cross in zip(models, cycle(("x", "cross")), strict=False):
        values = numbers(model.trace.probabilities[:, index])  # (steps + 1, K)
        true, winners = int(model.trace.labels[index]), values.argmax(1)
        turned = next((t for t, k in enumerate(winners) if k != true), None)
        shown = _steps_to_draw(len(values), turned)
        symbol = markers.next(model.norm)
        for what, chosen, dash, mark in (
            (f"{classes[true]} (true)", np.full(len(values), true), "solid", symbol),
            ("winning class", winners, "dot", cross),
        ):
            figure.add_scatter(
                x=shown,
                y=[100 * float(values[t, chosen[t]]) for t in shown],
                name=wrap(f"{model.label}: {what}"),
                mode="lines+markers",
                line={"color": LOOKS[model.norm].colour, "dash": dash, "width": 2},
                marker={"symbol": mark, "size": 8},
                customdata=[classes[chosen[t]] for t in shown],
                hovertemplate="step %{x}: %{customdata} %{y:.1f} %",
            )
        sentences.append(
            f"{model.label}: {classes[true]} goes from {percent(values[0, true])} to {percent(values[-1, true])}; "
            + ("no other class ever wins" if turned is None else f"{classes[winners[turned]]} wins at step {turned}")
            + f", {classes[winners[-1]]} at the end with {percent(values[-1].max())}"
        )
    last = max(len(model.trace.sizes) for model in models) - 1
    # Room for the first and the last marker.
    figure.update_xaxes(title="attack step (0 = start)", range=[-0.04 * last, 1.04 * last])
    figure.update_yaxes(title="probability (%)", range=[-2, 102])
    title = "When does it change its mind?"
    dress(figure, title, "One image; solid: true class, dotted: winning class", 400)
    return Figure(figure, f"{title} {'. '.join(sentences)}.")


def _steps_to_draw(steps: int, *special: int | None) -> list[int]:
    """All steps, or about `MAX_POINTS` at equal distances; always with the last step and the special ones."""
    stride = max(1, steps // MAX_POINTS)
    return sorted({*range(0, steps, stride), steps - 1, *(t for t in special if t is not None)})
