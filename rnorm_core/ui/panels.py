"""Parts of a page: pictures in a row, a chart with its text, an attack under way, the closing words."""

from collections.abc import Sequence

import numpy as np
import streamlit as st

from rnorm_core import figures, pixels
from rnorm_core.figures import Figure
from rnorm_core.ui import story
from rnorm_core.ui.crafting import Crafted, Outcome


def chart(figure: Figure, key: str) -> None:
    st.plotly_chart(figure.plotly, key=key, width="stretch", config={"displayModeBar": False}, alt=figure.alt)


def pictures(shown: Sequence[tuple[np.ndarray, str]], key: str) -> None:
    """Pictures with captions beside each other, on narrow pages, too."""
    with st.container(horizontal=True, gap="small", key=f"row-of-pictures {key}"):
        for picture, caption in shown:
            st.image(picture, caption=caption, width="stretch", alt=caption)


def before_and_after(crafted: Crafted, outcome: Outcome, index: int) -> None:
    """Image `index` clean, attacked, and the difference, magnified by one factor for both sides."""
    factor = pixels.magnification(*(o.trace.adversarial[index] - o.trace.clean[index] for o in crafted.outcomes))
    trace, classes = outcome.trace, crafted.batch.classes
    was, now = (
        story.best_guess(p[index], classes) for p in (trace.clean_probabilities, trace.adversarial_probabilities)
    )
    pictures(
        [
            (figures.to_display(trace.clean[index]), f"clean: **{was}**"),
            (figures.to_display(trace.adversarial[index]), f"attacked: **{now}**"),
            figures.magnified(trace.adversarial[index] - trace.clean[index], factor),
        ],
        key=f"{crafted.outcomes.index(outcome)}",
    )


def live(partial: Sequence[figures.Side], classes: tuple[str, ...]) -> None:
    """An attack under way: the first image as it is now, and the way it came."""
    columns = st.columns([1, 3], gap="large")
    with columns[0]:
        pictures([(figures.to_display(side.trace.adversarial[0]), side.label) for side in partial], key="live")
    if len(partial[-1].trace.sizes) > 1:
        with columns[1]:
            chart(figures.confidence_by_step(partial, 0, classes), key="live")


def explain(see: str, why: str) -> None:
    """The first two of a page's three closing parts; the third, "Try this", is the page's own doors."""
    st.divider()
    left, right = st.columns(2, gap="large")
    left.markdown(f"#### What you see\n{see}")
    right.markdown(f"#### Why\n{why}")
    st.markdown("#### Try this")
