"""One attacked image: a network's probabilities before and after the attack, and step by step."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
from torch import Tensor

from rnorm_core.errors import UserError
from rnorm_core.figures.style import CLEAN, LOOKS, Figure, Markers, dress, hatched, numbers, percent, wrap

if TYPE_CHECKING:  # drawing loads no attack library
    from rnorm_core.attacks import Trace
    from rnorm_core.experiments.attack_pair import PartialTrace

TOP = 10  # classes that fit into a chart
MAX_POINTS = 200  # about so many steps are drawn: a screen has no room for thousands


@dataclass(frozen=True, eq=False)
class TracedModel:
    """A trace to draw. label: the network's title ("BatchNorm, tracked"). norm: a key of LOOKS, for its colour."""

    label: str
    norm: str
    trace: "Trace | PartialTrace"


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

    Up to `TOP` classes keep their order. Of more classes the figure shows the `TOP` most probable ones (before or
    after), the true class and the target, the most probable first. true_label: None or -1 where unknown. UserError
    without classes.
    """
    before, after = numbers(clean), numbers(adversarial)
    if not len(classes):
        raise UserError("There are no class probabilities to draw.", "choose an image and run the attack.")
    if not before.shape == after.shape == (len(classes),):
        raise ValueError(f"{len(classes)} classes, but probabilities {before.shape} and {after.shape}")
    notes = {int(k): note for k, note in ((target, "target"), (true_label, "true")) if k is not None and k >= 0}
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
    sentences = []
    for when, values, winner in (("Before the attack", before, winners[0]), ("After it", after, winners[1])):
        others = [f", {classes[k]} ({note}) {percent(values[k])}" for k, note in notes.items() if k != winner]
        known = f" ({notes[winner]})" if winner in notes else ""
        sentences.append(f"{when} {classes[winner]}{known} wins with {percent(values[winner])}" + "".join(others))
    return Figure(figure, f"{title} {'. '.join(sentences)}.")


def confidence_by_step(models: Sequence[TracedModel], index: int, classes: Sequence[str]) -> Figure:
    """Probability (%) of the true and of the winning class of image `index`, by attack step, for one or two traces.

    The "true" class is the attacked one: `trace.labels`, for unlabelled images the network's prediction before the
    attack. UserError without traces.
    """
    if not models:
        raise UserError("There is no attack to draw yet.", "run an attack first.")
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
