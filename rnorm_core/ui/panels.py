"""Parts of a page: pictures in a row, a chart with its text, an attack under way, the closing words."""

import base64
import re
from collections.abc import Sequence
from html import escape

import streamlit as st
from torch import Tensor

from rnorm_core import figures, pixels, report
from rnorm_core.figures import Figure
from rnorm_core.ui import story
from rnorm_core.ui.crafting import Crafted, Outcome
from rnorm_core.ui.glances import Glance


def chart(figure: Figure, key: str) -> None:
    st.plotly_chart(figure.plotly, key=key, width="stretch", config={"displayModeBar": False}, alt=figure.alt)


def glance(shown: Glance) -> None:
    """Small pictures of shipped numbers, beside each other where there is room, and what they rest on.

    Plain Markdown, so that they come with the page's title: whatever else draws is first fetched by the browser.
    """
    if not shown.pictures:
        return
    parts = []
    for picture in shown.pictures:
        source = "data:image/svg+xml;base64," + base64.b64encode(picture.svg.encode()).decode()
        parts.append(f"![{re.sub(r'[][]', '', picture.alt)}]({source})")
    st.markdown(" ".join(parts))
    st.caption(shown.about)


def pictures(shown: Sequence[tuple[Tensor, str, str]]) -> None:
    """Images (3, H, W) in [0, 1] beside each other, on narrow pages, too, each with what it is and what is said of it.

    They are part of the page: a picture that is fetched by itself is gone when the page has moved on meanwhile.
    """
    parts = []
    for image, what, said in shown:
        source = "data:image/png;base64," + base64.b64encode(report.png(image)).decode()
        alt, caption = escape(f"{what} {said}".strip()), f"{escape(what)}<br><b>{escape(said)}</b>"
        parts.append(f'<figure><img src="{source}" alt="{alt}"><figcaption>{caption}</figcaption></figure>')
    st.html(f'<div class="row-of-pictures">{"".join(parts)}</div>')


def before_and_after(crafted: Crafted, outcome: Outcome, index: int) -> None:
    """Image `index` clean, attacked, and the difference, magnified by one factor for both sides."""
    factor = pixels.magnification(*(o.trace.adversarial[index] - o.trace.clean[index] for o in crafted.outcomes))
    trace, classes = outcome.trace, crafted.batch.classes
    difference = pixels.magnified(trace.adversarial[index] - trace.clean[index], factor)
    pictures(
        [
            (trace.clean[index], "clean:", story.best_guess(trace.clean_probabilities[index], classes)),
            (trace.adversarial[index], "attacked:", story.best_guess(trace.adversarial_probabilities[index], classes)),
            (difference, "difference", f"× {factor:,}"),
        ]
    )


def live(partial: Sequence[figures.Side], classes: tuple[str, ...]) -> None:
    """An attack under way: the first image as it is now, and the way it came."""
    columns = st.columns([1, 3], gap="large")
    with columns[0]:
        pictures([(side.trace.adversarial[0], side.label, "") for side in partial])
    if len(partial[-1].trace.sizes) > 1:
        with columns[1]:
            chart(figures.confidence_by_step(partial, 0, classes), key="live")


def explain(see: str, why: str, there: bool = True) -> None:
    """The first two of a page's three closing parts; the third, "Try this", is the page's own doors.

    there: whether what is to be seen is on the page now.
    """
    st.divider()
    left, right = st.columns(2, gap="large")
    left.markdown(f"#### {'What you see' if there else 'What you will see'}\n{see}")
    right.markdown(f"#### Why\n{why}")
    st.markdown("#### Try this")
