"""What others have published, beside the curves of this project: hatched and grey, so that nobody takes it for ours."""

from collections.abc import Sequence

import plotly.graph_objects as go

from rnorm_core.evaluation.published import EPS_255, LIST, RESNET20, Published
from rnorm_core.figures.style import CLEAN, wrap
from rnorm_core.rounding import percent, span
from rnorm_core.zoo import Card


def draw(figure: go.Figure, published: Sequence[Published], place: float, width: float) -> str:
    """Hatches the accuracies at `place` on the axis of sizes, and returns a sentence for those who cannot see it."""
    low, high = _ends(published)
    listed = ", ".join(f"{percent(one.accuracy)} ({one.short})" for one in published)
    left, right = place - width / 2, place + width / 2
    figure.add_scatter(
        x=[left, right, right, left, left],
        y=[100 * end for end in (low, low, high, high, low)],
        name=wrap("hatched: published by others (ResNet-18, AutoAttack)"),
        mode="lines",
        line={"color": CLEAN, "width": 1},
        fill="toself",
        fillcolor=CLEAN,
        fillpattern={"shape": "/", "size": 7, "solidity": 0.25},
        hoveron="fills",
        hoverinfo="text",
        text=wrap(f"Published by others, ResNet-18 under AutoAttack at {EPS_255}/255: {listed}", 60),
    )
    return (
        f" Hatched, published by others and not measured by this project: ResNet-18 under AutoAttack at {EPS_255}/255, "
        f"{listed}."
    )


def caption(published: Sequence[Published], ours: Sequence[tuple[Card, float]]) -> str:
    """What the hatching is, and why ours lie below it if they do. ours: the accuracy of each network at this size."""
    low, high = _ends(published)
    text = (
        f"Hatched: published by others, not measured here. {len(published)} ResNet-18 of [RobustBench]({LIST}) keep "
        f"{span(low, high)} % at {EPS_255}/255 under AutoAttack."
    )
    if not ours or max(accuracy for _, accuracy in ours) >= low:
        return text
    parameters = max(card.parameters for card, _ in ours)
    epochs = max(card.recipe["epochs"] for card, _ in ours)
    generated = sum(bool(one.generated) for one in published)
    return (
        f"{text} Ours lie below: they have {parameters / 1e6:.2g} million parameters and not 11 million, and were "
        f"trained for {epochs} epochs and on no other images; most of theirs were trained for longer, {generated} of "
        "them also on millions of generated images."
    )


def sources(published: Sequence[Published]) -> str:
    """Who published what, in Markdown."""
    listed = "; ".join(_cited(one) for one in published)
    return (
        f"**Published by others** (hatched): {listed}. All are ResNet-18 that were trained on attacked images, under "
        "AutoAttack (the worst case over four attacks, with more effort than here) on 10,000 test images, as "
        f"[RobustBench]({LIST}) lists them. Its ResNet-20: {_cited(RESNET20)}. All other numbers here were measured by "
        "this project."
    )


def _cited(one: Published) -> str:
    more = f", with {one.generated / 1e6:g} million generated images" if one.generated else ""
    return f"[{one.short}]({one.source}) {percent(one.accuracy)}{more}"


def _ends(published: Sequence[Published]) -> tuple[float, float]:
    accuracies = [one.accuracy for one in published]
    return min(accuracies), max(accuracies)
