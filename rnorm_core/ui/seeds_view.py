"""What several seeds say, each of them shown; nothing where there are none."""

from collections.abc import Sequence

import streamlit as st

from rnorm_core import figures
from rnorm_core.evaluation.benefits import LEVELS, Benefit, benefits
from rnorm_core.ui import naming
from rnorm_core.ui.panels import chart
from rnorm_core.zoo import Card


def show(cards: Sequence[Card]) -> None:
    """Of every group of trainings that differ only in norm and seed: how accurate, and how soon."""
    for number, group in enumerate(benefits(cards)):
        if number == 0:
            st.markdown("#### Does each norm train as well and as fast? (the paper's claim C6)")
        left, right = st.columns(2, gap="large")
        with left:
            if rows := accuracy(group):
                figure = figures.by_seed(rows, "How accurate, seed by seed?", "test accuracy (%)", about(group))
                chart(figure, key=f"seeds accuracy {number}")
        with right:
            said = "epochs until the training accuracy was first " + " and ".join(
                f"{100 * level:.0f} % ({'filled' if i else 'hollow'})" for i, level in enumerate(LEVELS)
            )
            chart(figures.by_seed(speed(group), "How soon, seed by seed?", "epochs", said), key=f"seeds speed {number}")


def about(group: Sequence[Benefit]) -> str:
    counts = sorted({b.n for b in group if b.n})
    return f"n = {' to '.join(f'{n:,}' for n in counts[:: max(1, len(counts) - 1)])} test images; bars: 95 % interval"


def accuracy(group: Sequence[Benefit]) -> list[figures.Dots]:
    """Clean accuracy (%) by norm; trainings that were not measured are left out."""
    rows = []
    for label, alike in _by_norm([b for b in group if b.n]).items():
        values = [100 * (b.correct or 0) / (b.n or 1) for b in alike]
        low, high = ([100 * (getattr(b, end) or 0) for b in alike] for end in ("low", "high"))
        rows.append(figures.Dots(label, alike[0].norm, [b.seed for b in alike], values, low, high))
    return rows


def speed(group: Sequence[Benefit]) -> list[figures.Dots]:
    """Epochs to each of the levels, by norm; the first level hollow."""
    return [
        figures.Dots(
            label,
            alike[0].norm,
            [b.seed for b in alike],
            [b.epochs[i] for b in alike],
            what=f"{100 * level:.0f} %",
            hollow=i == 0,
        )
        for label, alike in _by_norm(group).items()
        for i, level in enumerate(LEVELS)
    ]


def _by_norm(group: Sequence[Benefit]) -> dict[str, list[Benefit]]:
    """By what they are called without their seed, with the length of the training where lengths differ."""
    lengths, found = {b.trained for b in group}, dict[str, list[Benefit]]()
    for b in group:
        label = naming.title(b.model, b.norm).removesuffix(f", seed {b.seed}")
        found.setdefault(label + (f" ({b.trained} epochs)" if len(lengths) > 1 else ""), []).append(b)
    return found
