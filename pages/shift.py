"""Statistic shift: how far an attack moves what arrives at each norm layer, beside what it does to the accuracy.

The learner sees which layers leave the band in which clean batches lie, looks into a layer and into a channel, reads
the very formula that is applied there, and watches shift and accuracy while the attack grows; random noise of the same
size is the control.
"""

from functools import partial

import streamlit as st

from rnorm_core import figures, ui
from rnorm_core.attacks import CATALOGUE
from rnorm_core.norms import modes
from rnorm_core.shift import MEASURES
from rnorm_core.ui import ask_shift, exploring, shift_formula, shift_story, shift_view, shifting, url

SIDES, MOST, ORDERS = ("left", "right"), "most moved", ("most moved first", "by number")
INSIDE = ("layer", "order", "channel_left", "channel_right")
PAPER = "[The paper](https://arxiv.org/abs/2006.11007)"


def show(plan: shifting.Plan, wanted: float, measure: str) -> bool:
    """What is measured so far, with what can be asked about it; whether there is anything."""
    shifted = exploring.growing(plan, shifting.measure(plan, wanted))
    if shifted is None:
        url.reserve(*INSIDE)
        if ui.is_stopped():
            st.caption("Nothing is kept: not even the clean batch was measured.")
        return False
    eps = max(size for size in shifted.sizes if size <= wanted)
    if note := shift_story.kept(shifted.sizes, wanted, eps, ui.is_stopped()):
        st.caption(note)
    pictures, layers = st.container(), shifting.layer_names(plan)
    st.markdown("#### Inside one layer")
    with st.container(horizontal=True):
        chosen = ui.choose_one("Layer, or click one above", [MOST, *layers], key="layer", width=260)
        order = ui.choose_one("Channels", list(ORDERS), key="order", width=220)
    number = shift_view.telling_layer(shifted, measure) if chosen == MOST else layers.index(chosen)
    view = shift_view.View(shifted, eps, measure, number)
    if chosen == MOST:
        st.caption(f"Layer {layers[number]}: {shift_story.telling(view)}")
    with pictures:
        show_layers(view, layers)
    columns, counts = st.columns(2, gap="large"), shifting.channel_counts(plan, number)
    for i in (0, 1):
        with columns[i]:
            show_channels(view, i, counts[i], order == ORDERS[0])
    return True


def show_layers(view: shift_view.View, layers: list[str]) -> None:
    """The result in words; shift per layer over the natural band; accuracy and one layer's shift on one axis of eps."""
    st.markdown(shift_story.headline(view))
    for i, column in enumerate(st.columns(2, gap="large")):
        column.markdown(shift_story.happened(view, i))
    if said := shift_story.compared(view):
        st.markdown(said)
    for i, column in enumerate(st.columns(2, gap="large")):
        with column:
            figure = figures.shift_by_layer(view.by_layer(i), view.axis, view.attack, view.layer, view.layer_axis)
            exploring.clickable(figure, f"layers {SIDES[i]}", partial(go_to_layer, layers))
    about = shift_story.counted_from(view), shift_story.by_chance(view), shift_story.weights(view)
    st.caption(" ".join(filter(None, about)))
    left, right = st.columns(2, gap="large")
    title, layer = "How many of these images are still recognised?", layers[view.layer]
    accuracy = figures.accuracy_curve(view.accuracies, view.title, evenly=True, title=title)
    growth = figures.shift_by_eps(view.growths, layer, view.axis, view.title, view.n, axis=view.layer_axis)
    for column, figure, key in ((left, accuracy, "accuracy"), (right, growth, "growth")):
        with column:
            ui.chart(figures.mark_eps(figure, view.eps_255), key=key)
    if said := shift_story.fell(view):
        right.caption(said)


def show_channels(view: shift_view.View, i: int, count: int, by_size: bool) -> None:
    """The channels of the layer, one channel's distribution, and the formula it meets."""
    side, above = SIDES[i], st.container()
    options = [MOST, *map(str, range(count))]
    chosen = ui.choose_one(f"Channel, {side}, or click one above", options, key=f"channel_{side}")
    channel = view.most_moved(i) if chosen == MOST else int(chosen)
    with above:
        picture = view.by_channel(i), view.place(i), view.axis, view.attack, channel, view.channel_axis, by_size
        exploring.clickable(figures.shift_by_channel(*picture), f"channels {side}", partial(go_to_channel, side))
    if chosen == MOST and (said := shift_story.passed_over(view, i)):
        st.caption(said)
    ui.chart(view.distribution(i, channel), key=f"distribution {side}")
    st.markdown(f"**What the layer makes of channel {channel}**")
    latex, words = shift_formula.formula(view, i, channel)
    st.latex(latex)
    st.markdown(words)
    if there := shift_view.way_inside(view, i, channel):
        ui.door("inside", "Look inside this channel", **there, net=side)


def go_to_layer(layers: list[str], k: int) -> None:
    if k >= len(layers):
        st.toast("The left network is not as deep: this page looks at layers that both have.", icon=":material/layers:")
        return
    st.session_state["layer"] = layers[k]
    st.session_state["channel_left"] = st.session_state["channel_right"] = MOST


def go_to_channel(side: str, k: int) -> None:
    st.session_state[f"channel_{side}"] = str(k)


with ui.guard("shift"):
    settings = ui.sidebar()
    st.title("Do the statistics move?")
    st.markdown(
        "A norm layer trusts that what arrives looks like it did in training. Does an **attack** change that, more "
        "than one batch of ordinary photos differs from another, the **grey band**? And is that when accuracy falls?"
    )
    there = False
    with ui.problems():
        there = show(*ask_shift.choose(settings))
    ui.explain(
        "Each point is one norm layer of a network: how far what it receives from this batch is from what it received "
        "from the training images, over all its channels. Hollow: the clean batch; filled: the same images, attacked; "
        "ringed: outside the band. Any batch differs from the training set by chance, a small one by more: the band is "
        "narrower for more images, and smaller shifts show. Below, the accuracy of the same images and the shift of "
        "one layer share one axis of attack sizes.",
        f"{PAPER} claims that adversarial images shift what BatchNorm layers receive (its claim C1), and that this "
        "makes the statistics estimated in training inaccurate (C2). Both can be seen here where the attack is large "
        "enough, or the batch, and for other norms as well. Neither says that the shift is what *fools* the network. "
        "Look at 1/255: how many images are lost, and how far have the layers moved? Then at random noise of 8/255: "
        "how far has it moved them, and what did that cost? An attack needs a direction, not only a distance.",
        there=there,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        pgd, noise, fgsm = (CATALOGUE[name].title for name in ("pgd", "noise", "fgsm"))
        ui.door("shift", "The control: noise at 8/255", attack=noise, eps=8)
        ui.door("shift", "The attack again: PGD at 8/255", attack=pgd, eps=8)
        ui.door("shift", "Does accuracy fall first: PGD at 1/255, 20 images?", attack=pgd, eps=1, batch=20)
        if settings.complete:
            ui.door("shift", "A narrower band: FGSM at 1/255, 128 images", attack=fgsm, eps=1, batch=128)
        ui.door("shift", "One image alone, change of the range", batch=1, measure=MEASURES["log_range"].title)
        if "batch" in modes(settings.left.norm):
            ui.door(
                "shift", f"{settings.left.title} twice: tracked left, the batch's own statistics right",
                left_mode="tracked", right=settings.left.name, right_mode="batch",
            )  # fmt: skip
        ui.door("whose", "Give layers their clean statistics back", part="Patched layers")
        ui.door("craft", "Craft such an attack")
        ui.door("paper", "What becomes of the paper's claims")
