"""Parts of pages: pictures in a row, shipped numbers as small pictures, the closing words."""

import base64
import re
from collections.abc import Sequence
from html import escape

import streamlit as st
from torch import Tensor

from rnorm_core import report
from rnorm_core.ui.shared.summary_bars import SummaryBars


def show_summary(shown: SummaryBars) -> None:
    """Small pictures of shipped numbers beside each other, and below them where the numbers come from.

    They are plain Markdown, so they arrive with the page's title. For a chart the browser has to load plotly first.
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
    """Images (3, H, W) in [0, 1] in one row, on narrow pages too. Each comes with two lines: a title, and bold text.

    The images are embedded in the page, because a separate file may be gone before the browser requests it.
    """
    parts = []
    for image, title, text in shown:
        source = "data:image/png;base64," + base64.b64encode(report.png(image)).decode()
        alt, caption = escape(f"{title} {text}".strip()), f"{escape(title)}<br><b>{escape(text)}</b>"
        parts.append(f'<figure><img src="{source}" alt="{alt}"><figcaption>{caption}</figcaption></figure>')
    st.html(f'<div class="row-of-pictures">{"".join(parts)}</div>')


def explain(see: str, why: str, there: bool = True) -> None:
    """The first two of a page's three closing parts. The third, "Try this", has the doors of the page.

    there: whether the page shows a result now. see: a description of the result.
    """
    st.divider()
    left, right = st.columns(2, gap="large")
    left.markdown(f"#### {'What you see' if there else 'What you will see'}\n{see}")
    right.markdown(f"#### Why\n{why}")
    st.markdown("#### Try this")
