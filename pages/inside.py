"""Inside RobustNorm: one layer, one channel, and the two numbers that its values can be divided by.

The learner sees what arrives, how wide it is by deviation and by range, what p makes of it, what an outlier or an
attack does to either, how the range grows with the batch, and which p kept most accuracy.
"""

import streamlit as st

from rnorm_core import figures, ui
from rnorm_core.evaluation import Table, inside
from rnorm_core.ui import ask_inside, exploring, glances, inside_powers, inside_words, looking_inside, shifting
from rnorm_core.ui.ask_inside import Look
from rnorm_core.ui.looking_inside import ALL, NONE, ONE

FEW = " Few images: another choice of them gives other numbers, see the bars below."
PAPER = "[The paper](https://arxiv.org/abs/2006.11007)"


def show(look: Look) -> bool:
    """One channel: what arrives and what is made of it, then outliers, then batches; whether there is anything."""
    if look.plan is None:
        st.info(
            "Neither left nor right has BatchNorm or RobustNorm: choose one of these in the sidebar.",
            icon=":material/info:",
        )
        return False
    found = exploring.growing(look.plan, looking_inside.make(look.plan))
    if found is None:
        return False
    which = look.attacked if found.attacked is not None else NONE
    channel = looking_inside.channel(found, which, look.layer, look.channel)
    spread = inside.spread(channel.values)
    place = f"{look.plan.side.label}; {look.place}; {inside_words.images(which, look.plan.count)}"
    show_channel(look, channel, spread, place)
    st.caption(
        f"{place[0].upper()}{place[1:]} ({look.plan.source}, seed {look.plan.seed}); n = {spread.n:,} values. Weights "
        f"`{look.plan.side.weight_hash[:12]}`."
        f"{FEW if len(found.batch) < 100 else ''}"
    )
    with ui.problems():
        show_outlier(look, found)
    show_growth(look, channel, place)
    return True


def show_channel(look: Look, channel: inside.Channel, spread: inside.Spread, place: str) -> None:
    """Left what arrives and how wide it is, right what p makes of it."""
    st.markdown(inside_words.choice(spread, look.power))
    left, middle, right = st.columns(3, gap="medium")
    by_std, by_range = (inside.normalised(channel.values, p) for p in (None, look.power))
    with left:
        ui.chart(figures.channel_values(channel.values, spread, place), key="values")
        st.latex(inside_words.popoviciu(spread))
        st.markdown(inside_words.bound(spread))
    with middle:
        ui.chart(figures.scale_by_power(spread, inside.POWERS, look.power, place), key="scales")
        st.latex(inside_words.by_deviation(spread, channel.eps))
        st.latex(inside_words.by_range(spread, look.power, channel.eps))
    with right:
        ui.chart(figures.normalised_values(by_std, by_range, look.power, place), key="normalised")
        st.latex(inside_words.applied(channel))
        st.markdown(inside_words.layer(channel, spread))


def show_outlier(look: Look, found: looking_inside.Images) -> None:
    """One value far out, and attacked images: by what each scale is multiplied."""
    st.markdown("#### What does an outlier do?")
    clean = looking_inside.channel(found, NONE, look.layer, look.channel).values
    before = inside.spread(clean)
    picture, words = st.columns([1, 1.1], gap="large")
    with words:
        size = ask_inside.outlier()
        (chosen,) = inside.outliers(clean, (size,), look.power)
        st.markdown(inside_words.outlier(chosen, look.power))
        rows = [(f"and one value {size:g} deviations out", chosen.found)]
        if found.attacked is not None:
            for which, name in ((ONE, "one image attacked"), (ALL, "all images attacked")):
                values = looking_inside.channel(found, which, look.layer, look.channel).values
                rows.append((f"{name}, {look.eps_255:g}/255", inside.spread(values)))
        st.markdown(inside_words.effects(before, rows, look.power))
        if found.fooled is not None:
            st.caption(
                f"n = {len(found.batch)} images. PGD of {looking_inside.STEPS} steps fools {int(found.fooled.sum())} "
                f"of them. The one is {shifting.named(found.batch)[found.one]}, the first of "
                f"{'those' if found.fooled.any() else 'the batch'}."
            )
        else:
            st.caption(f"n = {len(found.batch)} images. “Attacked” above adds what an attack does to the same channel.")
    with picture:
        drawn = inside.outliers(clean, ask_inside.OUTLIERS, look.power)
        place = f"{look.plan.side.label if look.plan else ''}; {look.place}; clean"
        ui.chart(figures.outlier_effect(drawn, look.power, place, chosen), key="outlier effect")


def show_growth(look: Look, channel: inside.Channel, place: str) -> None:
    st.markdown("#### Does the size of the batch matter?")
    grown = inside.growth(channel.values, looking_inside.sizes(len(channel.values)))
    picture, words = st.columns([1.1, 1], gap="large", vertical_alignment="center")
    with picture:
        ui.chart(figures.range_by_size(grown, look.power, place), key="growth")
    with words:
        st.markdown(inside_words.growth(grown, look.power))
        st.caption(
            "The images ran through together, and what arrived here is taken apart into smaller batches. A mean over "
            "all values does not know how many they are; an extreme is always one of them, and more of them reach "
            "further. A layer that divides by the range is therefore another one for batches of another size."
        )


def show_powers(look: Look, dataset: str, table: Table) -> None:
    """Networks that were trained with different p: accuracy without and under the attack."""
    st.markdown("#### And the networks: does p matter?")
    with st.container(width=340):
        mode = ask_inside.mode()
    found = inside_powers.measured(dataset, table, mode, look.eps_255)
    attack = f"PGD at {look.eps_255:g}/255"
    st.markdown(inside_powers.said(found, mode, attack))
    if any(point.power is not None for point in found):
        picture, words = st.columns([1, 1.3], gap="large", vertical_alignment="center")
        with picture:
            ui.chart(figures.accuracy_by_power(found, attack, look.power, f"ResNet-20, {mode}"), key="powers")
        with words:
            st.markdown(inside_powers.table(found, attack))
            st.caption(
                "In brackets 95 % intervals; differences, in points, are counted image by image. Each network is one "
                "training, of seed 0; another one might differ by more. Measured by this project. Weights: "
                f"{inside_powers.weights(found)}."
            )
            ui.numbers(inside_powers.records(found, mode), "The numbers behind this", "accuracy-by-p.csv")


with ui.guard("inside"):
    settings = ui.sidebar()
    st.title("What does RobustNorm divide by?")
    st.markdown(
        "BatchNorm divides each channel by its **deviation**, RobustNorm by a power of its **range**. Look at one "
        "channel: how far apart are the two, what moves either of them, and what does p change?"
    )
    there, other = False, ""
    with ui.problems():
        top = st.container()
        look = ask_inside.look(settings)
        table = ui.read_table(settings.dataset)
        with top:
            ui.glance(glances.powers(settings.dataset, table, look.eps_255))
        other = look.other
        there = show(look)
        show_powers(look, settings.dataset, table)
    ui.explain(
        "Above, all values that one channel of one layer receives from the images, with the deviation to either side "
        "of their mean and, above it, Popoviciu's bound. Then the two divisors, and what is left of the same values: "
        "move p, and only the dashed ones follow. Below, what one far value or an attack does to each divisor, what "
        "more images in a batch do, and what became of whole networks that were trained with different p.",
        f"{PAPER} replaces the deviation by range^p because of Popoviciu's inequality, σ ≤ r/2: a range bounds the "
        "deviation, and claims that this makes networks more robust (its claim C5). But a range is made by two values "
        "alone: one outlier is enough to widen it, while it hardly counts in a deviation over thousands. A small p "
        "takes that back, for it brings all ranges closer to 1, and with them the channels' scales: at p = 0 nothing "
        "is normalised but the mean, at p = 1 the widest values alone decide. How much of all this is robustness, only "
        "the last picture can say.",
        there=there,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        ui.door("inside", "One image attacked, 8/255", attacked=ONE, eps=8)
        ui.door("inside", "All images attacked, 8/255", attacked=ALL, eps=8)
        ui.door("inside", "p = 1: the range itself", p=1.0)
        ui.door("inside", "p = 0: nothing but the mean", p=0.0)
        if other:
            ui.door("inside", f"The same place in the {other} network", net=other)
        ui.door("shift", "How far do such statistics move?")
        ui.door("paper", "What becomes of claim C5?", claim="C5")
