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
from rnorm_core.report import Source, sources
from rnorm_core.ui.chart.component import chart
from rnorm_core.ui.inside import powers, question, words
from rnorm_core.ui.inside.question import Choice
from rnorm_core.ui.shared import growing_result
from rnorm_core.ui.shared.downloads import numbers
from rnorm_core.ui.shared.panels import answer, figure, show_summary
from rnorm_core.ui.shared.provenance import how_measured
from rnorm_core.zoo import Variant

FEW = "Few images: another choice of them gives other numbers, see the part “Size of the batch”."


@dataclass(frozen=True, eq=False)
class Shown:
    """The chosen channel with the chosen images, and the spread of its values. place: the choice in words."""

    request: Request
    result: Result
    which: str
    channel: Channel
    spread: Spread
    place: str

    def source(self, power: float) -> Source:
        """Where the numbers of all figures of this channel come from."""
        return sources.experiment(
            "channel", self.result, which=self.which, layer=self.channel.layer, channel=self.channel.channel,
            power=power, sizes=question.OUTLIERS,
        )  # fmt: skip


def show(choice: Choice) -> Shown | None:
    """Computes the inputs of the chosen channel; shows the answer and the picture. None without anything to see."""
    if choice.request is None:
        st.info("Neither left nor right has BatchNorm or RobustNorm: choose one of these.", icon=":material/info:")
        return None
    request = choice.request
    result = growing_result.growing(request, partial(channel_experiment.run, request))
    if result is None:
        return None
    which = choice.attacked if result.attacked is not None else NONE
    channel = channel_experiment.received(result, which, choice.layer, choice.channel)
    place = f"{request.variant.label}; {choice.place}; {words.images(which, request.images.count)}"
    shown = Shown(request, result, which, channel, spread(channel.values), place)
    answer(words.choice(shown.spread, choice.power, choice.place))
    drawing = figures.channel_values(channel.values, shown.spread, choice.power, place)
    with figure():
        chart(drawing, "values", shown.source(choice.power))
    how_measured(
        "channel", f"what arrives at {choice.place}, {shown.spread.n:,} values",
        weights={request.variant.label: request.variant.weight_hash},
        n=f"{words.images(which, request.images.count)} from {request.images.source}", seed=request.images.seed,
        more=[FEW] if len(result.batch) < 100 else [],
    )  # fmt: skip
    return shown


def show_divisors(shown: Shown, power: float) -> None:
    """The divisors over p, what they make of the values, and the formulas."""
    channel, place = shown.channel, shown.place
    left, right = st.columns(2, gap="large")
    with left:
        chart(figures.scale_by_power(shown.spread, POWERS, power, place), "scales", shown.source(power))
        st.markdown(words.equal_at(shown.spread))
        st.latex(words.by_deviation(shown.spread, channel.eps))
        st.latex(words.by_range(shown.spread, power, channel.eps))
        st.latex(words.popoviciu(shown.spread))
        st.markdown(words.bound(shown.spread))
    with right:
        by_std, by_range = (normalised(channel.values, p) for p in (None, power))
        chart(figures.normalised_values(by_std, by_range, power, place), "normalised", shown.source(power))
        st.latex(words.applied(channel))
        st.markdown(words.layer(channel, shown.spread))


def show_outlier(choice: Choice, shown: Shown) -> None:
    """The factor by which one outlier, and attacked images, change each scale."""
    request, result = shown.request, shown.result
    clean = channel_experiment.received(result, NONE, choice.layer, choice.channel).values
    picture, text = st.columns([1, 1.1], gap="large")
    with text:
        size = question.outlier()
        (chosen,) = outliers(clean, (size,), choice.power)
        st.markdown(words.outlier(chosen, choice.power))
        rows = [(f"and one value {size:g} standard deviations out", chosen.spread)]
        if result.attacked is not None:
            for which, name in ((ONE, "one image attacked"), (ALL, "all images attacked")):
                values = channel_experiment.received(result, which, choice.layer, choice.channel).values
                rows.append((f"{name}, {choice.eps_255:g}/255", spread(values)))
        st.markdown(words.effects(spread(clean), rows, choice.power))
        st.caption(words.about_attack(result))
    with picture:
        effects = outliers(clean, question.OUTLIERS, choice.power)
        place = f"{request.variant.label}; {choice.place}; clean"
        figure = figures.outlier_effect(effects, choice.power, place, chosen)
        chart(figure, "outlier effect", shown.source(choice.power))


def show_growth(shown: Shown, power: float) -> None:
    """Both scales over the size of the batch."""
    values = shown.channel.values
    scales = growth(values, channel_experiment.batch_sizes(len(values)))
    picture, text = st.columns([1.1, 1], gap="large", vertical_alignment="center")
    with picture:
        chart(figures.range_by_size(scales, power, shown.place), "growth", shown.source(power))
    with text:
        st.markdown(words.growth(scales, power))
        st.caption(
            "The images ran through together, and what arrived here is taken apart into smaller batches. A mean over "
            "all values does not know how many they are; an extreme is always one of them, and more of them reach "
            "further. A layer that divides by the range is therefore another one for batches of another size."
        )


def show_powers(choice: Choice, dataset: str, table: Table) -> None:
    """The accuracies of networks that were trained with different p, clean and attacked."""
    with st.container(width=340):
        mode = question.mode()
    points = powers.measured(dataset, table, mode, choice.eps_255)
    if mode == "tracked":
        show_summary(powers.bars(dataset, table, choice.eps_255))
    attack = f"attack at {choice.eps_255:g}/255"
    about = "ResNet-20" + (f", {mode} statistics" if mode != "tracked" else "")
    st.markdown(powers.summary(points, mode, attack))
    if not any(point.power is not None for point in points):
        return
    picture, text = st.columns([1, 1.3], gap="large", vertical_alignment="center")
    with picture:
        figure = figures.accuracy_by_power(points, attack, choice.power, about)
        variants = [Variant.of(point.clean.model, mode) for point in points]
        chart(figure, "powers", sources.shares("accuracy by p", partial(powers.shares, points), variants))
    with text:
        st.markdown(powers.table(points, attack))
        st.caption(
            "In brackets 95 % intervals; differences, in points, are counted image by image. Each network is one "
            "training, of seed 0; another one might differ by more. "
            + powers.over_seeds(table, points, mode, choice.eps_255)
        )
        numbers(powers.records(points, mode), "The numbers behind this", "accuracy-by-p.csv")
