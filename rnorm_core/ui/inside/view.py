"""The figures and sentences of the page about the inside of a norm layer."""

from dataclasses import dataclass
from functools import partial

import streamlit as st

from rnorm_core.evaluation import Table
from rnorm_core.evaluation.measure.channel_values import (
    POWERS,
    Channel,
    Spread,
    growth,
    normalised,
    outliers,
    spread,
)
from rnorm_core.experiments import channel as channel_experiment
from rnorm_core.experiments.channel import ALL, NONE, ONE, Request, Result
from rnorm_core.figures import inside as figures
from rnorm_core.ui.chart.component import chart
from rnorm_core.ui.inside import powers, question, words
from rnorm_core.ui.inside.question import Choice
from rnorm_core.ui.shared import growing_result
from rnorm_core.ui.shared.downloads import numbers
from rnorm_core.ui.shared.guard import problems

FEW = " Few images: another choice of them gives other numbers, see the bars below."


@dataclass(frozen=True, eq=False)
class Shown:
    """The chosen channel with the chosen images, and the spread of its values. place: the choice in words."""

    request: Request
    result: Result
    which: str
    channel: Channel
    spread: Spread
    place: str


def show(choice: Choice) -> bool:
    """Computes the inputs of the chosen channel and shows them. Returns whether there is anything to see."""
    if choice.request is None:
        st.info(
            "Neither left nor right has BatchNorm or RobustNorm: choose one of these in the sidebar.",
            icon=":material/info:",
        )
        return False
    request = choice.request
    result = growing_result.growing(request, partial(channel_experiment.run, request))
    if result is None:
        return False
    which = choice.attacked if result.attacked is not None else NONE
    channel = channel_experiment.received(result, which, choice.layer, choice.channel)
    place = f"{request.variant.label}; {choice.place}; {words.images(which, request.images.count)}"
    shown = Shown(request, result, which, channel, spread(channel.values), place)
    _channel(shown, choice.power)
    st.caption(
        f"{place[0].upper()}{place[1:]} ({request.images.source}, seed {request.images.seed}); "
        f"n = {shown.spread.n:,} values. Weights `{request.variant.weight_hash[:12]}`."
        f"{FEW if len(result.batch) < 100 else ''}"
    )
    with problems():
        _outlier(choice, request, result)
    _growth(shown, choice.power)
    return True


def _channel(shown: Shown, power: float) -> None:
    """Left the values and how wide they are, in the middle the divisors, right the divided values."""
    channel, values, place = shown.channel, shown.channel.values, shown.place
    st.markdown(words.choice(shown.spread, power))
    left, middle, right = st.columns(3, gap="medium")
    with left:
        chart(figures.channel_values(values, shown.spread, place), key="values")
        st.latex(words.popoviciu(shown.spread))
        st.markdown(words.bound(shown.spread))
    with middle:
        chart(figures.scale_by_power(shown.spread, POWERS, power, place), key="scales")
        st.latex(words.by_deviation(shown.spread, channel.eps))
        st.latex(words.by_range(shown.spread, power, channel.eps))
    with right:
        by_std, by_range = (normalised(values, p) for p in (None, power))
        chart(figures.normalised_values(by_std, by_range, power, place), key="normalised")
        st.latex(words.applied(channel))
        st.markdown(words.layer(channel, shown.spread))


def _outlier(choice: Choice, request: Request, result: Result) -> None:
    """The factor by which one outlier, and attacked images, change each scale."""
    st.markdown("#### What does an outlier do?")
    clean = channel_experiment.received(result, NONE, choice.layer, choice.channel).values
    picture, text = st.columns([1, 1.1], gap="large")
    with text:
        size = question.outlier()
        (chosen,) = outliers(clean, (size,), choice.power)
        st.markdown(words.outlier(chosen, choice.power))
        rows = [(f"and one value {size:g} deviations out", chosen.spread)]
        if result.attacked is not None:
            for which, name in ((ONE, "one image attacked"), (ALL, "all images attacked")):
                values = channel_experiment.received(result, which, choice.layer, choice.channel).values
                rows.append((f"{name}, {choice.eps_255:g}/255", spread(values)))
        st.markdown(words.effects(spread(clean), rows, choice.power))
        st.caption(words.about_attack(result))
    with picture:
        effects = outliers(clean, question.OUTLIERS, choice.power)
        place = f"{request.variant.label}; {choice.place}; clean"
        chart(figures.outlier_effect(effects, choice.power, place, chosen), key="outlier effect")


def _growth(shown: Shown, power: float) -> None:
    """Both scales over the size of the batch."""
    st.markdown("#### Does the size of the batch matter?")
    values = shown.channel.values
    scales = growth(values, channel_experiment.batch_sizes(len(values)))
    picture, text = st.columns([1.1, 1], gap="large", vertical_alignment="center")
    with picture:
        chart(figures.range_by_size(scales, power, shown.place), key="growth")
    with text:
        st.markdown(words.growth(scales, power))
        st.caption(
            "The images ran through together, and what arrived here is taken apart into smaller batches. A mean over "
            "all values does not know how many they are; an extreme is always one of them, and more of them reach "
            "further. A layer that divides by the range is therefore another one for batches of another size."
        )


def show_powers(choice: Choice, dataset: str, table: Table) -> None:
    """The accuracies of networks that were trained with different p, clean and attacked."""
    st.markdown("#### And the networks: does p matter?")
    with st.container(width=340):
        mode = question.mode()
    points = powers.measured(dataset, table, mode, choice.eps_255)
    attack = f"PGD at {choice.eps_255:g}/255"
    st.markdown(powers.summary(points, mode, attack))
    if not any(point.power is not None for point in points):
        return
    picture, text = st.columns([1, 1.3], gap="large", vertical_alignment="center")
    with picture:
        chart(figures.accuracy_by_power(points, attack, choice.power, f"ResNet-20, {mode}"), key="powers")
    with text:
        st.markdown(powers.table(points, attack))
        st.caption(
            "In brackets 95 % intervals; differences, in points, are counted image by image. Each network is one "
            "training, of seed 0; another one might differ by more. Measured by this project. Weights: "
            f"{powers.weights(points)}."
        )
        numbers(powers.records(points, mode), "The numbers behind this", "accuracy-by-p.csv")
