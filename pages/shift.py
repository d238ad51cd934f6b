"""Statistic shift: how far an attack moves what arrives at each norm layer, beside what it does to the accuracy.

The learner sees which layers leave the band in which clean batches lie, looks into a layer and into a channel, reads
the very formula that is applied there, and watches shift and accuracy while the attack grows; random noise of the same
size is the control.
"""

from functools import partial

import streamlit as st

from rnorm_core import data, figures, ui
from rnorm_core.attacks import CATALOGUE
from rnorm_core.shift import MEASURES
from rnorm_core.ui import exploring, shift_story, shift_view, shifting

ATTACKS = {CATALOGUE[name].title: name for name in shifting.ATTACKS}
MEASURED = {measure.title: key for key, measure in MEASURES.items()}
SIDES, MOST, ORDERS = ("left", "right"), "most moved", ("most moved first", "by number")
BATCH = "They run through the networks together, as one batch; the seed chooses which. One image is a batch of its own."


def choose(settings: ui.Settings) -> tuple[shifting.Plan, float, str]:
    """What is measured, at which attack size it is looked at, and by which measure."""
    columns = iter(st.columns([1.1, 1, 1.2, 1.8], gap="medium"))
    with next(columns):
        attack = ATTACKS[ui.choose_one("Attack", list(ATTACKS), key="attack")]
    sizes = [n for n in shifting.SIZES if settings.complete or n <= 20]
    with next(columns):
        count = ui.choose_one("Images", sizes, key="batch", default=20, help=BATCH)
        names = shifting.named(data.samples(settings.dataset))
        cat = next(name for name in names if name.endswith("af12e124"))
        image = ui.choose_one("Which", names, key="image", default=cat) if count == 1 else None
    with next(columns):
        title = ui.choose_one("Measure", list(MEASURED), key="measure")
    with next(columns):
        eps = ui.choose_one(
            "eps (k/255)", list(shifting.GRID), key="eps", default=1, widget=st.select_slider, shown="{:g}".format,
            help="The attack size to look at. All of these are measured, so moving it costs nothing.",
        )  # fmt: skip
    measure = MEASURED[title]
    st.caption(f"**{title}**, in {MEASURES[measure].unit}. {MEASURES[measure].sentence}")
    images = settings.dataset, settings.complete, settings.source, count, image
    return shifting.Plan(settings.left, settings.right, *images, attack, settings.seed, settings.device), eps, measure


def show(plan: shifting.Plan, eps: float, measure: str) -> None:
    """Everything that is measured; the choices inside it are there from the start, the pictures as they come."""
    layers = shifting.layer_names(plan)
    status, pictures = st.container(), st.container()
    st.markdown("#### Inside one layer")
    with st.container(horizontal=True):
        chosen = ui.choose_one("Layer, or click one above", layers, key="layer", default=layers[-1], width=260)
        order = ui.choose_one("Channels", list(ORDERS), key="order", width=220)
    columns, parts, channels = st.columns(2, gap="large"), [], []
    for side, column, count in zip(SIDES, columns, shifting.channel_counts(plan, layers.index(chosen)), strict=True):
        with column:
            above = st.container()
            options = [MOST, *map(str, range(count))]
            channels.append(ui.choose_one(f"Channel, {side}, or click one above", options, key=f"channel_{side}"))
            parts.append((above, st.container()))
    with status:
        shifted = exploring.growing(plan, shifting.measure(plan, eps))
    if shifted is None:
        return
    if eps not in shifted.sizes:
        eps = max(size for size in shifted.sizes if size < eps)
        status.caption(f"Not measured yet; shown so far: {f'{eps:g}/255' if eps else 'the clean batch'}.")
    view = shift_view.View(shifted, eps, measure, layers.index(chosen))
    with pictures:
        show_layers(view, layers)
    axis = figures.span([view.by_channel(i) for i in (0, 1)])
    for i in (0, 1):
        show_channels(view, i, parts[i], channels[i], order == ORDERS[0], axis)


def show_layers(view: shift_view.View, layers: list[str]) -> None:
    """Shift per layer over the natural band; below it accuracy and one layer's shift on the same axis of eps."""
    axis = figures.span([view.by_layer(i, eps) for i in (0, 1) for eps in view.shifted.sizes])
    for i, column in enumerate(st.columns(2, gap="large")):
        with column:
            st.markdown(shift_story.happened(view, i))
            figure = figures.shift_by_layer(view.by_layer(i), view.axis, view.attack, view.layer, axis)
            exploring.clickable(figure, f"layers {SIDES[i]}", partial(go_to_layer, layers))
    st.caption(" ".join(filter(None, [shift_story.counted_from(view), shift_story.by_chance(view)])))
    left, right = st.columns(2, gap="large")
    title = "How many of these images are still recognised?"
    accuracy = figures.accuracy_curve(view.accuracies, view.title, evenly=True, title=title)
    growth = figures.shift_by_eps(view.growths, layers[view.layer], view.axis, view.title, view.n)
    for column, figure, key in ((left, accuracy, "accuracy"), (right, growth, "growth")):
        with column:
            ui.chart(figures.mark_eps(figure, view.eps_255), key=key)


def show_channels(view: shift_view.View, i: int, parts, chosen: str, by_size: bool, axis: tuple[float, float]) -> None:
    """The channels of the layer, one channel's distribution, and the formula it meets."""
    places, side = view.by_channel(i), SIDES[i]
    channel = view.most_moved(i) if chosen == MOST else int(chosen)
    with parts[0]:
        figure = figures.shift_by_channel(places, view.place(i), view.axis, view.attack, channel, axis, by_size)
        exploring.clickable(figure, f"channels {side}", partial(go_to_channel, side))
    with parts[1]:
        ui.chart(view.distribution(i, channel), key=f"distribution {side}")
        st.markdown(f"**What the layer makes of channel {channel}**")
        latex, words = shift_story.formula(view, i, channel)
        st.latex(latex)
        st.markdown(words)


def go_to_layer(layers: list[str], k: int) -> None:
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
    with ui.problems():
        show(*choose(settings))
    ui.explain(
        "Each point is one norm layer of a network: how far what it receives from this batch is from what it received "
        "in training, over all its channels. Hollow: the clean batch; filled: the same images, attacked. Any batch "
        "differs from the training set by chance, a small one by more: the band is narrower for more images, and "
        "smaller shifts show. Below, the accuracy of the same images and the shift of the layer you choose share one "
        "axis of attack sizes.",
        "The paper claims that adversarial images shift what BatchNorm layers receive (its claim C1), and that this "
        "makes the statistics estimated in training inaccurate (C2). Both can be seen here where the attack is large "
        "enough, or the batch, and for other norms as well. Neither says that the shift is what *fools* the network. "
        "Look at 1/255: how many images are lost, and how far have the layers moved? Then at random noise of 8/255: "
        "how far has it moved them, and what did that cost? An attack needs a direction, not only a distance.",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        pgd, noise = CATALOGUE["pgd"].title, CATALOGUE["noise"].title
        ui.door("shift", "The control: noise of 8/255", attack=noise, eps=8)
        ui.door("shift", "The attack again: PGD at 8/255", attack=pgd, eps=8)
        ui.door("shift", "Accuracy falls first: PGD at 1/255", attack=pgd, eps=1, batch=20)
        if settings.complete:
            ui.door("shift", "A narrower band: 128 images", attack=CATALOGUE["fgsm"].title, eps=1, batch=128)
        ui.door("shift", "One image alone", batch=1, measure=MEASURES["log_range"].title)
        ui.door(
            "shift", "Statistics of the batch instead", left=settings.left.name, left_mode="tracked",
            right=settings.left.name, right_mode="batch",
        )  # fmt: skip
        ui.door("craft", "Craft such an attack")
