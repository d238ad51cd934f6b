"""Experiments of lessons on screen: shipped results at once, and controls to change them."""

from functools import partial

import numpy as np
import streamlit as st

from rnorm_core.classroom.parts import (
    AccuracyBySize,
    BarPart,
    ByBatchSize,
    LayerShift,
    Neighbours,
    OneChannel,
    OtherStatistics,
    Part,
    Player,
    Transfer,
)
from rnorm_core.classroom.parts.channel import FAR, POWERS
from rnorm_core.classroom.parts.part import DATASET
from rnorm_core.classroom.parts.shift import ATTACKS, MEASURE
from rnorm_core.evaluation.measure.channel_values import outliers
from rnorm_core.experiments import landscape
from rnorm_core.figures import inside
from rnorm_core.figures.markup import layer_dots, summary_bars
from rnorm_core.figures.markup.summary_bars import Bar
from rnorm_core.ui import attack_player
from rnorm_core.ui.chart.component import chart
from rnorm_core.ui.shared import reproduce
from rnorm_core.ui.shared.growing_result import growing
from rnorm_core.ui.shared.panels import pictures, show_summary
from rnorm_core.ui.shared.provenance import how_measured
from rnorm_core.ui.shared.summary_bars import SummaryBars, bars_of


def show(part: Part, key: str) -> None:
    """key: of the step, for the keys of the controls."""
    match part:
        case Player():
            _player(part, key)
        case BarPart():
            _bars(part, key)
        case LayerShift():
            _shift(part)
        case OneChannel():
            _channel(part, key)
        case _:
            raise TypeError(f"no drawing for {type(part).__name__}")


def _player(part: Player, key: str) -> None:
    samples = part.samples()
    names = [samples.name(i) for i in range(len(samples))]
    begin = names[samples.find(part.request().ids[0])]
    chosen = st.selectbox("Photo", names, names.index(begin), key=f"photo {key}", width=260)
    photo = samples.select([names.index(chosen)])
    request = part.request("" if chosen == begin else photo.ids[0])
    work = partial(landscape.run, request, batch=photo, first=part.eps_255)
    result = growing(request, work, slot="lesson", short=request.is_short)
    if result is None:
        pictures([(photo.images[0], "the photo, not attacked", photo.classes[int(photo.labels[0])])])
        return
    attack_player.show(result, 0, DATASET, chosen=part.eps_255, key="lesson_player", opened=True)
    how_measured(
        "player", f"PGD of {request.steps} steps on this photo alone, for each network by itself",
        weights={one.label: one.weight_hash for one in request.variants}, n="1 sample", seed=request.seed,
    )  # fmt: skip


def _bars(part: BarPart, key: str) -> None:
    numbers = st.pills(
        part.ASKS, part.options(), selection_mode="multi", default=part.numbers, key=f"numbers {key}",
        format_func=lambda number: f"{number:g}{part.UNIT}",
    )  # fmt: skip
    show_summary(summary(part.at(numbers) if numbers else part))


def summary(part: BarPart) -> SummaryBars:
    """The part's pictures, and how their numbers were made."""
    match part:
        case AccuracyBySize():
            modes = [one.statistics for one in part.variants()]
            template = reproduce.sweep(modes, part.attacks(), part.numbers)
        case ByBatchSize() | OtherStatistics():
            template = reproduce.EVIDENCE
        case Neighbours() | Transfer():
            template = reproduce.LABORATORIES
        case _:
            raise TypeError(f"no command for {type(part).__name__}")
    drawn = [
        (picture.title, [bar.norm for bar in picture.bars], [(bar.label, bar.value) for bar in picture.bars])
        for picture in part.pictures()
    ]
    networks = {one.label: (one.model, one.weight_hash) for one in part.variants()}
    return bars_of(drawn, networks, part.measured(), template)


def _shift(part: LayerShift) -> None:
    """Layers over their bands for each attack, and how many of the same photos are still right."""
    rows, variant, values = [part.row(attack) for attack in part.attacks], part.variant, part.values()
    shifts, bands = ([np.array(getattr(row, name)[MEASURE]) for row in rows] for name in ("shifts", "bands"))
    top = layer_dots.common_top(shifts, bands)
    drawn = [
        layer_dots.draw(f"{variant.title}, {ATTACKS[attack]}, {part.eps_255:g}/255", variant.norm, *both, top)
        for attack, both in zip(part.attacks, zip(shifts, bands, strict=True), strict=True)
    ]
    labels = {"clean": "no attack", **{name: f"{ATTACKS[name]}, {part.eps_255:g}/255" for name in part.attacks}}
    bars = [Bar(label, variant.norm, values[f"{name}_right"]) for name, label in labels.items()]
    drawn.append(summary_bars.draw("The same photos: still right", bars))
    command = reproduce.command(reproduce.EVIDENCE, [variant.model])
    about = f"shift of the input of each norm layer, PGD of {rows[0].settings.get('steps', 10)} steps or random noise, "
    about += f"batches of {rows[0].batch_size}; each point is a layer in a batch"
    weights = {variant.label: variant.weight_hash}
    show_summary(SummaryBars(tuple(drawn), about, weights, f"n = {rows[0].n} test images", command))


def _channel(part: OneChannel, key: str) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        far = st.select_slider(
            "One more value, so many standard deviations away", FAR, part.far, key=f"far {key}",
        )  # fmt: skip
    with right:
        power = st.select_slider(
            "p", POWERS, part.power, key=f"p {key}", format_func="{:g}".format
        )  # fmt: skip
    channel = part.channel()
    effects = outliers(channel.values, FAR, power)
    place = f"RobustNorm; layer {channel.layer}, channel {channel.channel}; {len(channel.values)} clean photos"
    chart(
        inside.outlier_effect(effects, power, place, outliers(channel.values, (far,), power)[0]), key="lesson outlier"
    )
