"""One image under attack: what a model sees before and after, and how it got there."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from rnorm_core.errors import UserError
from rnorm_core.figures.style import CLEAN, LOOKS, Figure, Markers, dress, hatched, numbers, percent, wrap

if TYPE_CHECKING:  # a name for readers: no attack library is loaded to draw
    from rnorm_core.attacks import Trace

TOP = 10  # classes there is room for
MOMENTS = 200  # of an attack with thousands of steps: more points than a screen has room for help nobody


@dataclass(frozen=True, eq=False)
class Side:
    """A trace as it is shown: `label` for people ("BatchNorm, tracked"), `norm` for its look."""

    label: str
    norm: str
    trace: "Trace"


def probabilities(
    clean: Sequence[float] | Tensor,
    adversarial: Sequence[float] | Tensor,
    classes: Sequence[str],
    true_label: int | None,
    *,
    label: str,
    norm: str,
    target: int | None = None,
) -> Figure:
    """Class probabilities (K,) of one image under one model before (grey) and after (hatched) the attack, as bars.

    Up to `TOP` classes stand in their own order; of more, the `TOP` likeliest (before or after), the true and the
    target class, likeliest first. true_label: None or -1 where unknown. UserError without any class.
    """
    before, after = numbers(clean), numbers(adversarial)
    if not len(classes):
        raise UserError("There are no class probabilities to draw.", "choose an image and run the attack.")
    if not before.shape == after.shape == (len(classes),):
        raise ValueError(f"{len(classes)} classes, but probabilities {before.shape} and {after.shape}")
    notes = {int(k): word for k, word in ((target, "target"), (true_label, "true")) if k is not None and k >= 0}
    shown = list(range(len(classes)))
    if len(shown) > TOP:
        shown.sort(key=lambda k: -max(before[k], after[k]))
        shown = shown[:TOP] + [k for k in shown[TOP:] if k in notes]
    winners = int(before.argmax()), int(after.argmax())
    figure = go.Figure()
    bars = (
        ("before", before, winners[0], {"color": CLEAN}),
        ("after the attack", after, winners[1], hatched(LOOKS[norm].colour)),
    )
    for name, values, winner, marker in bars:
        figure.add_bar(
            orientation="h",
            x=[100 * float(values[k]) for k in shown],
            y=list(range(len(shown))),
            name=name,
            marker=marker,
            text=[f"<b>{percent(values[k])} wins</b>" if k == winner else "" for k in shown],
            textposition="outside",
            cliponaxis=False,
            customdata=[classes[k] for k in shown],
            hovertemplate="%{customdata}: %{x:.2f} %",
        )
    ticks = [c if len(c) <= 18 else c[:17] + "…" for c in (classes[k].replace("_", " ") for k in shown)]
    ticks = [f"<b>{t} ({notes[k]})</b>" if k in notes else t for k, t in zip(shown, ticks, strict=True)]
    figure.update_yaxes(tickvals=list(range(len(shown))), ticktext=ticks, autorange="reversed", ticklabelstandoff=4)
    # Room on the right for "100 % wins" beside a full bar.
    figure.update_xaxes(title="probability (%)", range=[0, 145], tickvals=[0, 25, 50, 75, 100])
    figure.update_layout(barmode="group", bargap=0.25)
    title = f"What does {label} see?"
    dress(figure, title, "One image, before and after the attack", 150 + 34 * len(shown))
    said = []
    for when, values, winner in (("Before the attack", before, winners[0]), ("After it", after, winners[1])):
        others = [f", {classes[k]} ({word}) {percent(values[k])}" for k, word in notes.items() if k != winner]
        known = f" ({notes[winner]})" if winner in notes else ""
        said.append(f"{when} {classes[winner]}{known} wins with {percent(values[winner])}" + "".join(others))
    return Figure(figure, f"{title} {'. '.join(said)}.")


def confidence_by_step(sides: Sequence[Side], index: int, classes: Sequence[str]) -> Figure:
    """Probability (%) of the true and of the winning class of image `index`, by attack step, for one or two traces.

    The "true" class is the one attacked: `trace.labels`, for unlabelled images the model's own first answer.
    """
    _refuse_nothing(sides)
    figure, markers, said = go.Figure(), Markers(), []
    for side, cross in zip(sides, cycle(("x", "cross")), strict=False):
        values = numbers(side.trace.probabilities[:, index])  # (steps + 1, K)
        true, winners = int(side.trace.labels[index]), values.argmax(1)
        turned = next((t for t, k in enumerate(winners) if k != true), None)
        shown = _moments(len(values), turned)
        symbol = markers.next(side.norm)
        for what, chosen, dash, mark in (
            (f"{classes[true]} (true)", np.full(len(values), true), "solid", symbol),
            ("winning class", winners, "dot", cross),
        ):
            figure.add_scatter(
                x=shown,
                y=[100 * float(values[t, chosen[t]]) for t in shown],
                name=wrap(f"{side.label}: {what}"),
                mode="lines+markers",
                line={"color": LOOKS[side.norm].colour, "dash": dash, "width": 2},
                marker={"symbol": mark, "size": 8},
                customdata=[classes[chosen[t]] for t in shown],
                hovertemplate="step %{x}: %{customdata} %{y:.1f} %",
            )
        said.append(
            f"{side.label}: {classes[true]} goes from {percent(values[0, true])} to {percent(values[-1, true])}; "
            + ("no other class ever wins" if turned is None else f"{classes[winners[turned]]} wins at step {turned}")
            + f", {classes[winners[-1]]} at the end with {percent(values[-1].max())}"
        )
    _step_axis(figure, sides)
    figure.update_yaxes(title="probability (%)", range=[-2, 102])
    title = "When does it change its mind?"
    dress(figure, title, "One image; solid: true class, dotted: winning class", 400)
    return Figure(figure, f"{title} {'. '.join(said)}.")


def _moments(steps: int, *wanted: int | None) -> list[int]:
    """The steps to draw: all, or of many about `MOMENTS` at equal distances, with the last and those `wanted`."""
    stride = max(1, steps // MOMENTS)
    return sorted({*range(0, steps, stride), steps - 1, *(t for t in wanted if t is not None)})


def _step_axis(figure: go.Figure, sides: Sequence[Side]) -> None:
    """Steps from 0 (the start), with room for the first and last marker."""
    last = max(len(side.trace.sizes) for side in sides) - 1
    figure.update_xaxes(title="attack step (0 = start)", range=[-0.04 * last, 1.04 * last])


def _refuse_nothing(sides: Sequence[Side]) -> None:
    if not sides:
        raise UserError("There is no attack to draw yet.", "run one first.")
