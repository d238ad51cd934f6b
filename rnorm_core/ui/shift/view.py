"""The figures and sentences of the page about statistic shift."""

from functools import partial

import streamlit as st

from rnorm_core.experiments import shift_reference, shift_sweep
from rnorm_core.experiments.shift_sweep import Request
from rnorm_core.figures.accuracy import accuracy_curve
from rnorm_core.figures.shift import mark_eps, shift_by_channel, shift_by_eps, shift_by_layer
from rnorm_core.figures.shift_channel import distribution
from rnorm_core.ui.chart.component import chart, clickable
from rnorm_core.ui.shared import growing_result, layers, query_params
from rnorm_core.ui.shared.live_job import is_stopped
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.query_params import choose_one
from rnorm_core.ui.shift import formula, words
from rnorm_core.ui.shift.selection import Selection, inside_address, most_moved_layer

SIDES, MOST, ORDERS = ("left", "right"), "most moved", ("most moved first", "by number")
KEYS = ("layer", "order", "channel_left", "channel_right")  # of the controls below the figure of the layers


def show(request: Request, eps: float, measure: str) -> bool:
    """Computes the result and shows it at attack size `eps` (k of k/255) or the largest one below that is measured.

    Returns whether there is anything to see.
    """
    result = growing_result.growing(request, partial(shift_sweep.run, request, first=eps))
    if result is None:
        query_params.reserve(*KEYS)
        if is_stopped():
            st.caption("Nothing is kept: not even the clean batch was measured.")
        return False
    shown = max(size for size in result.sizes if size <= eps)
    if note := words.kept(result.sizes, eps, shown, is_stopped()):
        st.caption(note)
    figures, counts = st.container(), [shift_reference.layers(variant) for variant in request.variants]
    titles = layers.numbered(counts[0])
    st.markdown("#### Inside one layer")
    with st.container(horizontal=True):
        chosen = choose_one("Layer, or click one above", [MOST, *titles], key="layer", width=260)
        order = choose_one("Channels", list(ORDERS), key="order", width=220)
    number = most_moved_layer(result, measure) if chosen == MOST else titles.index(chosen)
    selection = Selection(result, shown, measure, number)
    if chosen == MOST:
        st.caption(f"Layer {titles[number]}: {words.most_moved_rule(selection)}")
    with figures:
        _layers(selection, titles)
    for i, column in enumerate(st.columns(2, gap="large")):
        channels = list(counts[i].values())
        with column:
            _channels(selection, i, channels[min(number, len(channels) - 1)], order == ORDERS[0])
    return True


def _layers(selection: Selection, titles: list[str]) -> None:
    """The result in words; the shift of each layer over the natural band; accuracy and one layer's shift over eps."""
    st.markdown(words.headline(selection))
    for i, column in enumerate(st.columns(2, gap="large")):
        column.markdown(words.summary(selection, i))
    if comparison := words.compared(selection):
        st.markdown(comparison)
    for i, column in enumerate(st.columns(2, gap="large")):
        with column:
            places = selection.by_layer(i)
            figure = shift_by_layer(places, selection.axis, selection.attack, selection.layer, selection.layer_axis)
            clickable(figure, f"layers {SIDES[i]}", partial(_go_to_layer, titles))
    about = words.reference(selection), words.by_chance(selection), words.weights(selection)
    st.caption(" ".join(filter(None, about)))
    left, right = st.columns(2, gap="large")
    title, layer = "How many of these images are still recognised?", titles[selection.layer]
    accuracy = accuracy_curve(selection.accuracies, selection.title, evenly=True, title=title)
    growth = shift_by_eps(
        selection.growths, layer, selection.axis, selection.title, selection.n, axis=selection.layer_axis
    )
    for column, figure, key in ((left, accuracy, "accuracy"), (right, growth, "growth")):
        with column:
            chart(mark_eps(figure, selection.eps_255), key=key)
    if note := words.fall(selection):
        right.caption(note)


def _channels(selection: Selection, i: int, count: int, by_size: bool) -> None:
    """The channels of the layer, the values of one channel, and the formula that the layer applies to them."""
    side, above = SIDES[i], st.container()
    options = [MOST, *map(str, range(count))]
    chosen = choose_one(f"Channel, {side}, or click one above", options, key=f"channel_{side}")
    channel = selection.most_moved(i) if chosen == MOST else int(chosen)
    with above:
        figure = shift_by_channel(
            selection.by_channel(i), selection.place(i), selection.axis, selection.attack, channel,
            selection.channel_axis, by_size,
        )  # fmt: skip
        clickable(figure, f"channels {side}", partial(_go_to_channel, side))
    if chosen == MOST and (note := words.passed_over(selection, i)):
        st.caption(note)
    chart(distribution(selection.channel_input(i, channel), selection.attack), key=f"distribution {side}")
    st.markdown(f"**What the layer makes of channel {channel}**")
    latex, explanation = formula.formula(selection, i, channel)
    st.latex(latex)
    st.markdown(explanation)
    if address := inside_address(selection, i, channel):
        door("inside", "Look inside this channel", **address, net=side)


def _go_to_layer(titles: list[str], number: int) -> None:
    if number >= len(titles):
        st.toast("The left network is not as deep: this page looks at layers that both have.", icon=":material/layers:")
        return
    st.session_state["layer"] = titles[number]
    st.session_state["channel_left"] = st.session_state["channel_right"] = MOST


def _go_to_channel(side: str, number: int) -> None:
    st.session_state[f"channel_{side}"] = str(number)
