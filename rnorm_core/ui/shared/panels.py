"""Parts of pages: the answer, small pictures of shipped numbers, tabs of the rest, the closing words."""

import base64
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import streamlit as st
from torch import Tensor

from rnorm_core import model_names, report
from rnorm_core.ui.keep.button import keep_page
from rnorm_core.ui.keep.shown import Part, now
from rnorm_core.ui.shared import query_params
from rnorm_core.ui.shared.provenance import how_measured
from rnorm_core.ui.shared.stage import address, places
from rnorm_core.ui.shared.stage.places import figure
from rnorm_core.ui.shared.summary_bars import SummaryBars

SHORT = 20  # letters: an exclamation such as "Yes." is not yet an answer
# The end of a sentence, which may be bold.
_END = re.compile(r"(?<=[.!?])(?=\s)|(?<=[.!?]\*\*)(?=\s)")


def page_title(question: str) -> None:
    """The question that the page answers."""
    with places.at(places.TITLE):
        st.title(question)


def answer(text: str) -> None:
    """The answer to the page's question, in Markdown. In the presenter's view only the first sentence."""
    text = model_names.in_a_text(text)
    with places.at(places.ANSWER), st.container(key="answer"):
        st.markdown(first_sentences(text) if address.presents() else text)


def first_sentences(text: str) -> str:
    """The first sentence of each paragraph."""
    return "\n\n".join(map(_first_sentence, text.split("\n\n")))


def _first_sentence(paragraph: str) -> str:
    ends = (match.start() for match in _END.finditer(paragraph))
    return paragraph[: next((end for end in ends if end > SHORT), None)]


def show_summary(shown: SummaryBars) -> None:
    """Small pictures of shipped numbers beside each other, and below them where the numbers come from.

    They are plain Markdown, so they arrive with the page's title. For a chart the browser has to load plotly first.
    """
    if not shown.pictures:
        return
    parts, kept = [], []
    for picture in shown.pictures:
        source = "data:image/svg+xml;base64," + base64.b64encode(picture.svg.encode()).decode()
        parts.append(f"![{re.sub(r'[][]', '', picture.alt)}]({source})")
        kept.append(Part("", f'<img src="{source}" alt="{escape(picture.alt)}">'))
    with figure():
        st.markdown(" ".join(parts))
        if shown.note:
            st.caption(shown.note)
    how_measured(
        "summary", f"{shown.measured}; thin lines: 95 % intervals", weights=shown.weights, n=shown.n,
        command=shown.command, more=[picture.alt for picture in shown.pictures], parts=kept, sources=[shown.source],
    )  # fmt: skip


def pictures(shown: Sequence[tuple[Tensor, str, str]]) -> None:
    """Images (3, H, W) in [0, 1] in one row; more than four take several rows on a phone.

    Each comes with two lines: a title, and bold text.

    The images are embedded in the page, because a separate file may be gone before the browser requests it.
    """
    parts = []
    for i, (image, title, text) in enumerate(shown):
        name = f"{i:02d} {title} {text}".strip()
        now().images[name] = image
        source = "data:image/png;base64," + base64.b64encode(report.png(image)).decode()
        alt, caption = escape(f"{title} {text}".strip()), f"{escape(title)}<br><b>{escape(text)}</b>"
        parts.append(f'<figure><img src="{source}" alt="{alt}"><figcaption>{caption}</figcaption></figure>')
    st.html(f'<div class="row-of-pictures">{"".join(parts)}</div>')


def sections(parts: Mapping[str, tuple[str, ...]], key: str) -> dict[str, Any]:
    """Tabs by title, the first open; a part's content is for `if part.open`.

    parts: title -> keys of the settings inside. An address that has one of them and names no part opens that part; of
    several parts, the one with a switch that is on.
    """
    titles = list(parts)
    query_params.reserve(key, *(setting for inside in parts.values() for setting in inside))
    if st.session_state.get(key, titles[0]) not in titles:  # chosen where there were other parts
        st.session_state[key] = titles[0]
    if key not in st.session_state and key not in st.query_params:
        given = st.query_params
        named = [title for title, inside in parts.items() if any(setting in given for setting in inside)]
        if named:
            st.session_state[key] = max(named, key=lambda title: "true" in map(given.get, parts[title]))
    with st.container(key=f"parts_{key}"):
        tabs = dict(zip(titles, st.tabs(titles, key=key, on_change="rerun", bind="query-params"), strict=True))
    query_params.note(key, "", [title for title, tab in tabs.items() if tab.open])
    return tabs


def opens(title: str, key: str, *inside: str) -> Any:
    """A part that opens on demand; its content is for `if part.open`. inside: keys of the settings in it.

    An address that has one of them opens it.
    """
    query_params.reserve(key, *inside)
    if key not in st.session_state and key not in st.query_params:
        st.session_state[key] = any(setting in st.query_params for setting in inside)
    part = st.expander(title, key=key, on_change="rerun", bind="query-params", icon=":material/show_chart:")
    query_params.note(key, "", [str(part.open).lower()])
    return part


def explain(see: str, why: str, there: bool = True) -> None:
    """The first two of a page's three closing parts. The third, "Try this", has the doors of the page.

    there: whether the page shows a result now. see: a description of the result.
    """
    with st.expander("What you see, and why" if there else "What you will see, and why", icon=":material/help:"):
        left, right = st.columns(2, gap="large")
        left.markdown(f"**{'What you see' if there else 'What you will see'}**\n\n{see}")
        right.markdown(f"**Why**\n\n{why}")
    with st.container(horizontal=True, vertical_alignment="center", key="closing"):
        st.markdown("#### Try this", width="stretch")
        keep_page()
