"""The works that are listed with the paper: a map to hover, click, drag and zoom, and the same as a list."""

from collections.abc import Sequence
from typing import Any

import streamlit as st
from streamlit_cytoscape import EdgeStyle, Event, NodeStyle, streamlit_cytoscape

from rnorm_core.data.works import Work, shared_authors, themes, works
from rnorm_core.report import sources
from rnorm_core.ui.keep import shown as keep
from rnorm_core.ui.shared import navigation, query_params

MAP = "citations"
# Colour never stands alone: each theme has a shape of its own.
LOOKS = (
    ("#0072B2", "ellipse"), ("#D55E00", "diamond"), ("#009E73", "triangle"), ("#CC79A7", "round-rectangle"),
    ("#7F7F7F", "hexagon"),
)  # fmt: skip
COLUMN, ROW, SIZE = 170, 64, 26  # in units of the map, about one pixel before anybody zooms
TITLE = {
    "label": "data(title)", "text-wrap": "wrap", "text-max-width": "250px", "font-size": 20, "font-weight": "bold",
    "text-background-opacity": 0.94, "text-background-padding": "5px", "text-background-shape": "round-rectangle",
    "z-index": 99, "min-zoomed-font-size": 0,
}  # fmt: skip
_PICKED, _HOVERED, _LAST_EVENT = "_picked", "_hovered", "_last_event"  # in the session


def show() -> None:
    """The filters, the map, the chosen work and the list."""
    st.caption(
        "The paper and 19 works that a public summary page lists with it. The list does not say which cite it and "
        "which it cites; all are from 2020 or later and are taken for works that cite it. Solid: taken to cite the "
        "paper. Dotted: they share an author. Sentences are ours, each from the source named with it; where no source "
        "was found, the title stands alone."
    )
    if picked := st.session_state.pop(_PICKED, None):
        st.session_state["work"] = picked
    keep.add("works", None, [sources.shipped("works", "works")])
    shown = _filtered()
    titles = {work.title: work for work in shown}
    graph, details = st.columns([2, 1], gap="large")
    with details:
        chosen = titles[query_params.choose_one("Work, or click one on the map", list(titles), key="work")]
        _details(chosen)
    with graph:
        _map(shown, chosen)
    with st.expander("All of them as a list", icon=":material/list:"):
        st.markdown("\n".join(_line(work) for work in works()))


def _filtered() -> list[Work]:
    left, right = st.columns([3, 2], gap="large")
    with left:
        chosen = query_params.bound(
            st.pills, "Themes (none chosen: all)", list(themes()), key="theme", selection_mode="multi", default=[],
            wrap=True,
        )  # fmt: skip
    with right:
        known = sorted({work.year for work in works()})
        years = query_params.bound(
            st.pills, "Years (none chosen: all)", known, key="year", selection_mode="multi", default=[], wrap=True
        )
    paper, *others = works()
    shown = [w for w in others if (not chosen or w.theme in chosen) and (not years or w.year in years)]
    return [paper, *shown]  # all other works are drawn around the paper


def _details(work: Work) -> None:
    st.markdown(f"**{work.title}**")
    st.caption(f"{', '.join(work.authors)}, {work.year}. Theme: {work.theme}.")
    if work.about:
        st.markdown(f"{work.about} [Source]({work.source})")
    else:
        st.markdown("*No source was found, so there is no summary.*")
    st.markdown(f"[Search for the title]({work.search})")
    if work.page in navigation.PAGES:
        navigation.door(work.page, f"See the idea here: {navigation.PAGES[work.page].title}")


def _line(work: Work) -> str:
    about = f" {work.about} [Source]({work.source})." if work.about else ""
    here = f" See it here: {navigation.PAGES[work.page].title}." if work.page in navigation.PAGES else ""
    authors = ", ".join(work.authors)
    return f"- **{work.title}** ({authors}, {work.year}; {work.theme}).{about}{here} [Search]({work.search})"


@st.fragment
def _map(shown: Sequence[Work], chosen: Work) -> None:
    """A fragment, so that a hover does not run the whole page; a click chooses a work, and runs it."""
    hovered = st.session_state.get(_HOVERED)
    streamlit_cytoscape(
        elements(shown), layout={"name": "preset", "padding": 30, "fit": True},
        node_styles=[*_styles(), _Marked(chosen.key), *([_Named(hovered)] if hovered else [])],
        edge_styles=[
            EdgeStyle("cites", "#9AA3AF", directed=True, custom_styles={"width": 1, "opacity": 0.55}),
            EdgeStyle("author", "#9AA3AF", custom_styles={"width": 2, "line-style": "dotted"}),
        ],
        height=600, key=MAP, on_change=_on_event,
        events=[Event("hover", "mouseover", "node"), Event("leave", "mouseout", "node"), Event("pick", "tap", "node")],
    )  # fmt: skip
    st.caption("A row is a theme, a column a year. Drag a mark or the ground; zoom with the wheel or the buttons.")
    if _PICKED in st.session_state:
        st.rerun()


def _on_event() -> None:
    """Takes an event of the map once: the map repeats its last event at every run of the page."""
    event: dict[str, Any] = st.session_state.get(MAP) or {}
    if not event or event.get("timestamp") == st.session_state.get(_LAST_EVENT):
        return
    st.session_state[_LAST_EVENT] = event["timestamp"]
    work = next((work for work in works() if work.key == event["data"].get("target_id")), None)
    st.session_state[_HOVERED] = work.key if work and event["action"] == "hover" else None
    if work and event["action"] == "pick":
        st.session_state[_PICKED] = work.title


def elements(shown: Sequence[Work]) -> dict[str, list[dict[str, Any]]]:
    """Nodes and edges among these works; the first is the paper. Positions are by year and theme."""
    known, paper, (spots, headings) = {work.key for work in shown}, works()[0], places()
    nodes = [
        {
            "data": {"id": work.key, "label": work.theme, "title": f"{work.title} ({work.year})", "short": work.short},
            "position": {"x": spots[work.key][0], "y": spots[work.key][1]},
            "selectable": False,  # the map's own view of a selection would repeat the text beside the map
        }
        for work in shown
    ]
    nodes += [
        {
            "data": {"id": f"heading {text}", "label": "heading", "short": text},
            "position": {"x": x, "y": y}, "selectable": False, "grabbable": False,
        }
        for text, (x, y) in headings.items()
    ]  # fmt: skip
    cites = [(work.key, paper.key, "cites") for work in shown if work != paper]
    authors = [(a, b, "author") for a, b in shared_authors() if {a, b} <= known]
    edges = [
        {"data": {"id": f"{kind} {a} {b}", "source": a, "target": b, "label": kind}, "selectable": False}
        for a, b, kind in (*cites, *authors)
    ]
    return {"nodes": nodes, "edges": edges}


Spots = dict[str, tuple[float, float]]


def places() -> tuple[Spots, Spots]:
    """Positions of works and headings. A column is a year, a row is a theme; works of one cell are below each other."""
    cells: dict[tuple[int, str], list[Work]] = {}
    for work in works():
        cells.setdefault((work.year, work.theme), []).append(work)
    years = sorted({year for year, _ in cells})
    headings: Spots = {str(year): (i * COLUMN, -ROW) for i, year in enumerate(years)}
    headings[" "] = (-1.7 * COLUMN, 0.0)  # an empty heading, so that the bar at the left edge of the map covers none
    spots, top = {}, 0.0
    for theme in themes():
        deepest = max(len(cell) for (_, here), cell in cells.items() if here == theme)
        headings[theme] = (-COLUMN, top + (deepest - 1) * ROW / 2)
        for (year, here), cell in cells.items():
            if here == theme:
                for depth, work in enumerate(cell):
                    spots[work.key] = years.index(year) * COLUMN, top + depth * ROW
        top += deepest * ROW + 14
    return spots, headings


def _styles() -> list[NodeStyle]:
    shared = {"width": SIZE, "height": SIZE, "font-size": 18, "min-zoomed-font-size": 5, "text-margin-y": 4}
    marks = [
        NodeStyle(theme, colour, "short", custom_styles={"shape": shape, **shared})
        for theme, (colour, shape) in zip(themes(), LOOKS, strict=True)
    ]
    plain = {"background-opacity": 0, "border-width": 0, "font-size": 18, "font-style": "italic", "events": "no"}
    words = {"text-valign": "center", "text-wrap": "wrap", "text-max-width": "150px", "min-zoomed-font-size": 4}
    return [*marks, NodeStyle("heading", caption="short", custom_styles={**plain, **words, "width": 160, "height": 20})]


class _Named(NodeStyle):
    """The mark under the pointer shows its title."""

    def dump(self) -> dict[str, Any]:
        light = st.context.theme.type != "dark"
        background = {"text-background-color": "#FFFFFF" if light else "#1F252F"}
        return {"selector": f"node[id='{self.label}']", "style": {**TITLE, **background}}


class _Marked(NodeStyle):
    """The chosen mark is larger and has a rim."""

    def dump(self) -> dict[str, Any]:
        rim = {"border-width": 4, "border-color": "#E69F00", "width": SIZE + 12, "height": SIZE + 12}
        return {"selector": f"node[id='{self.label}']", "style": rim}
