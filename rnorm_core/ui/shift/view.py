"""The figures and sentences of the page about statistic shift."""

from functools import partial
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rnorm_core.experiments import shift_reference, shift_sweep
from rnorm_core.experiments.shift_sweep import Request, Result
from rnorm_core.figures.accuracy import accuracy_curve
from rnorm_core.figures.shift import mark_eps, shift_by_channel, shift_by_eps, shift_by_layer
from rnorm_core.figures.shift_channel import distribution
from rnorm_core.report import Source, sources
from rnorm_core.ui.chart.component import chart, clickable
from rnorm_core.ui.shared import growing_result, layers, panels, query_params
from rnorm_core.ui.shared.live_job import is_stopped
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.provenance import how_measured
from rnorm_core.ui.shared.query_params import choose_one
from rnorm_core.ui.shift import formula, words
from rnorm_core.ui.shift.selection import Selection, inside_address, most_moved_layer

SIDES, MOST, ORDERS = ("left", "right"), "most moved", ("most moved first", "by number")
KEYS = ("layer", "order", "channel_left", "channel_right")  # of the controls inside one layer
GROWING, INSIDE, IN_WORDS = "While the attack grows", "Inside one layer", "In words"
PARTS: dict[str, tuple[str, ...]] = {GROWING: (), INSIDE: KEYS, IN_WORDS: ()}
PART = "more"  # the key of the parts


def show(picture: DeltaGenerator, request: Request, eps: float, measure: str) -> bool:
    """Computes the result; shows it in `picture` and one part of it here, at attack size `eps` (k of k/255) or the
    largest one below that is measured.

    Returns whether there is anything to see.
    """
    with picture:
        result = growing_result.growing(request, partial(shift_sweep.run, request, first=eps))
    if result is None:
        query_params.reserve(*KEYS, PART)
        if is_stopped():
            st.caption("Nothing is kept: not even the clean batch was measured.")
        return False
    shown, titles = max(size for size in result.sizes if size <= eps), _titles(request)
    parts = panels.sections(PARTS, PART)
    part, tab = next((part, tab) for part, tab in parts.items() if tab.open)
    by_size, number = True, most_moved_layer(result, measure)
    with tab:
        if part == INSIDE:
            number, by_size = _choose_layer(result, shown, measure, titles)
    selection = Selection(result, shown, measure, number)
    with picture:
        _layers(selection, titles, words.kept(result.sizes, eps, shown, is_stopped()))
    with tab:
        if part == GROWING:
            _growth(selection, titles)
        elif part == INSIDE:
            _inside(selection, by_size)
        else:
            _in_words(selection)
    return True


def _titles(request: Request) -> list[str]:
    return layers.numbered(shift_reference.layers(request.variants[0]))


def _choose_layer(result: Result, shown: float, measure: str, titles: list[str]) -> tuple[int, bool]:
    """The number of the layer, and whether its channels are sorted by size."""
    with st.container(horizontal=True):
        chosen = choose_one("Layer, or click one above", [MOST, *titles], key="layer", width=260)
        order = choose_one("Channels", list(ORDERS), key="order", width=220)
    if chosen != MOST:
        return titles.index(chosen), order == ORDERS[0]
    number = most_moved_layer(result, measure)
    st.caption(f"Layer {titles[number]}: {words.most_moved_rule(Selection(result, shown, measure, number))}")
    return number, order == ORDERS[0]


def _layers(selection: Selection, titles: list[str], note: str) -> None:
    """The answer, and the shift of each layer over the natural band."""
    panels.answer(words.headline(selection))
    if note:
        st.caption(note)
    for i, column in enumerate(st.columns(2, gap="medium")):
        with column:
            places = selection.by_layer(i)
            figure = shift_by_layer(places, selection.axis, selection.attack, selection.layer, selection.layer_axis)
            clickable(figure, f"layers_{SIDES[i]}", partial(_go_to_layer, titles), _source(selection))
    request, variants = selection.result.request, [course.variant for course in selection.result.courses]
    how_measured(
        "shift", f"shift of the input of each norm layer, {selection.axis}; {selection.title} at all attack sizes",
        weights={variant.label: variant.weight_hash for variant in variants},
        n=f"n = {selection.n} ({request.images.source})", seed=request.images.seed,
        more=list(filter(None, [
            words.by_chance(selection), words.reference(selection),
            "Computed here, or shipped with the app for the first view. The address of this page repeats it.",
        ])),
    )  # fmt: skip


def _growth(selection: Selection, titles: list[str]) -> None:
    """Accuracy, and one layer's shift, over the attack sizes."""
    left, right = st.columns(2, gap="medium")
    title, layer = "How many of these images are still recognised?", titles[selection.layer]
    accuracy = accuracy_curve(selection.accuracies, selection.title, evenly=True, title=title)
    growth = shift_by_eps(
        selection.growths, layer, selection.axis, selection.title, selection.n, axis=selection.layer_axis
    )
    for column, figure, key in ((left, accuracy, "accuracy"), (right, growth, "growth")):
        with column:
            chart(mark_eps(figure, selection.eps_255), key, _source(selection))
    right.caption(f"Layer {layer}: {words.most_moved_rule(selection)}")
    if note := words.fall(selection):
        right.caption(note)


def _in_words(selection: Selection) -> None:
    """Each network, with intervals; then left against right."""
    for i, column in enumerate(st.columns(2, gap="large")):
        column.markdown(words.summary(selection, i))
    if comparison := words.compared(selection):
        st.markdown(comparison)


def _inside(selection: Selection, by_size: bool) -> None:
    columns = st.columns(2, gap="large")
    above = [column.container() for column in columns]
    chosen = [_choose_channel(selection, i, column) for i, column in enumerate(columns)]
    source = _source(selection, layer=selection.layer, eps_255=selection.eps_255, channels=tuple(chosen))
    for i, column in enumerate(columns):
        figure = shift_by_channel(
            selection.by_channel(i), selection.place(i), selection.axis, selection.attack, chosen[i],
            selection.channel_axis, by_size,
        )  # fmt: skip
        with above[i]:
            clickable(figure, f"channels_{SIDES[i]}", partial(_go_to_channel, SIDES[i]), source)
        with column:
            _channel(selection, i, chosen[i], source)


def _choose_channel(selection: Selection, i: int, column: DeltaGenerator) -> int:
    channels = list(shift_reference.layers(selection.course(i).variant).values())
    options = [MOST, *map(str, range(channels[min(selection.layer, len(channels) - 1)]))]
    with column:
        chosen = choose_one(f"Channel, {SIDES[i]}, or click one above", options, key=f"channel_{SIDES[i]}")
        if chosen != MOST:
            return int(chosen)
        if note := words.passed_over(selection, i):
            st.caption(note)
    return selection.most_moved(i)


def _channel(selection: Selection, i: int, channel: int, source: Source) -> None:
    """The values of one channel, and the formula that the layer applies to them."""
    figure = distribution(selection.channel_input(i, channel), selection.attack)
    chart(figure, f"distribution_{SIDES[i]}", source)
    st.markdown(f"**What the layer makes of channel {channel}**")
    latex, explanation = formula.formula(selection, i, channel)
    st.latex(latex)
    st.markdown(explanation)
    if address := inside_address(selection, i, channel):
        door("inside", "Look inside this channel", **address, net=SIDES[i])


def _source(selection: Selection, **inside: Any) -> Source:
    """Where all numbers come from. inside: the part of one layer, see `numbers.shifts.shift`."""
    return sources.experiment("shift", selection.result, **inside)


def _go_to_layer(titles: list[str], number: int) -> None:
    if number >= len(titles):
        st.toast("The left network is not as deep: this page looks at layers that both have.", icon=":material/layers:")
        return
    if st.session_state.get(PART) != INSIDE:
        st.query_params["layer"] = titles[number]  # a widget that is new does not write its value there
    st.session_state[PART], st.session_state["layer"] = INSIDE, titles[number]
    st.session_state["channel_left"] = st.session_state["channel_right"] = MOST


def _go_to_channel(side: str, number: int) -> None:
    st.session_state[f"channel_{side}"] = str(number)
