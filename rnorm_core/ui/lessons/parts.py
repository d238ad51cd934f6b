"""Experiments of lessons on screen: shipped results at once, and controls to change them."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import streamlit as st

from rnorm_core import model_names
from rnorm_core.classroom.parts import (
    AccuracyBySize,
    BarPart,
    ByBatchSize,
    LayerShift,
    Neighbours,
    OneChannel,
    Part,
    Player,
    Transfer,
)
from rnorm_core.classroom.parts.channel import FAR, POWERS
from rnorm_core.classroom.parts.shift import ATTACKS, MEASURE
from rnorm_core.data import Batch, class_title
from rnorm_core.evaluation.measure.channel_values import outliers
from rnorm_core.experiments import landscape
from rnorm_core.figures import inside
from rnorm_core.figures.markup import layer_dots, small_curves, summary_bars
from rnorm_core.figures.markup.summary_bars import Bar
from rnorm_core.report import reproduce, sources
from rnorm_core.ui import attack_player
from rnorm_core.ui.chart.component import chart
from rnorm_core.ui.shared import query_params
from rnorm_core.ui.shared.growing_result import growing
from rnorm_core.ui.shared.panels import pictures, show_summary
from rnorm_core.ui.shared.provenance import how_measured
from rnorm_core.ui.shared.stage import address, places
from rnorm_core.ui.shared.summary_bars import SummaryBars, bars_of

MANY = 3  # attack sizes with bars; of more, lines are drawn


def show(part: Part, key: str) -> None:
    """key: of the step, for the keys of the controls."""
    part = _on_chosen_dataset(part, key)
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


def _control(widget: Callable[..., Any], name: str, label: str, *args: Any, **options: Any) -> Any:
    """A control of an experiment. The address can keep it in the presenter's view by its name, and lock it."""
    query_params.note(name, label)
    with places.control(name):
        return widget(label, *args, disabled=address.is_locked(), **options)


def _on_chosen_dataset(part: Part, key: str) -> Part:
    """The part on the data set that the learner chooses, where it was measured on several."""
    known = part.by_dataset()
    own = next((dataset for dataset, one in known.items() if one == part), None)
    if own is None or len(known) < 2:
        return part
    chosen = _control(
        st.segmented_control, "photos_of", "Photos of", list(known), default=own, key=f"photos of {key}",
        format_func=model_names.dataset, required=True,
    )  # fmt: skip
    if chosen != own:
        st.caption(f"Shown: {model_names.dataset(chosen)}. The text above is about {model_names.dataset(own)}.")
    return known[chosen]


def _player(part: Player, key: str) -> None:
    samples, above = part.samples(), st.container()
    names = [samples.name(i) for i in range(len(samples))]
    begin = names[samples.find(part.request().ids[0])]
    chosen = _control(
        st.selectbox, "photo", "Another photo", names, names.index(begin), key=f"photo {part.dataset} {key}", width=260
    )  # fmt: skip
    photo = samples.select([names.index(chosen)])
    request = part.request("" if chosen == begin else photo.ids[0])
    with above:
        _landscape(part, request, photo)


def _landscape(part: Player, request: landscape.Request, photo: Batch) -> None:
    work = partial(landscape.run, request, batch=photo, first=part.eps_255)
    result = growing(request, work, slot="lesson", short=request.is_short)
    if result is None:
        pictures([(photo.images[0], "the photo, not attacked", class_title(photo.classes[int(photo.labels[0])]))])
        return
    kept = attack_player.show_alone(result, 0, part.dataset, chosen=part.eps_255, key="lesson_player")
    how_measured(
        "player", f"PGD of {request.steps} steps on this photo alone, for each network by itself",
        weights={one.label: one.weight_hash for one in request.variants}, n="1 sample", seed=request.seed,
        parts=[kept], sources=[attack_player.source(result, photo, part.eps_255)],
    )  # fmt: skip


def _bars(part: BarPart, key: str) -> None:
    options = part.options()  # a data set with other ones has a choice of its own
    numbers = _control(
        st.pills, "numbers", part.ASKS, options, selection_mode="multi", default=part.numbers,
        key=f"numbers {key} {len(options)}", format_func=lambda number: f"{number:g}{part.UNIT}", wrap=True,
    )  # fmt: skip
    shown = part.at(numbers) if numbers else part
    if isinstance(shown, AccuracyBySize) and len(shown.lines) > 1 and len(shown.numbers) > MANY:
        show_summary(_curves(shown))
    else:
        show_summary(summary(shown))


def _curves(part: AccuracyBySize) -> SummaryBars:
    """Many sizes of several lines: one picture of lines in place of a picture of bars for each size."""
    by_size = part.pictures()
    lines = [
        small_curves.Line(bar.label, bar.norm, [picture.bars[i].value for picture in by_size])
        for i, bar in enumerate(by_size[0].bars)
    ]
    picture = small_curves.draw(
        "Still right, by attack size (k/255), not to scale", [f"{eps:g}" for eps in part.numbers], lines
    )
    return replace(summary(part), pictures=(picture,))


def summary(part: BarPart) -> SummaryBars:
    """The part's pictures, and how their numbers were made."""
    match part:
        case AccuracyBySize():
            template = reproduce.rows_script(part.rows())
        case ByBatchSize():
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
    shown = bars_of(drawn, networks, part.measured(), template)
    return replace(shown, kept=sources.named(part.NAME, part))


def _shift(part: LayerShift) -> None:
    """Layers over their bands for each attack, and how many of the same photos are still right."""
    rows, variant, values = [part.row(attack) for attack in part.attacks], part.variant, part.values()
    times = [np.array(row.shifts[MEASURE]) / np.array(row.bands[MEASURE])[:, 1] for row in rows]
    top = layer_dots.common_top(times)
    drawn = [
        layer_dots.draw(f"{variant.title}, {ATTACKS[attack]}, {part.eps_255:g}/255", variant.norm, each, top)
        for attack, each in zip(part.attacks, times, strict=True)
    ]
    labels = {"clean": "no attack", **{name: f"{ATTACKS[name]}, {part.eps_255:g}/255" for name in part.attacks}}
    bars = [Bar(label, variant.norm, values[f"{name}_right"]) for name, label in labels.items()]
    drawn.append(summary_bars.draw("The same photos: still right", bars))
    command = reproduce.command(reproduce.EVIDENCE, [variant.model])
    about = f"shift of the input of each norm layer, PGD of {rows[0].settings.get('steps', 10)} steps or random noise, "
    about += (
        f"batches of {rows[0].batch_size}; divided by the end of its natural band; each point is a layer in a batch"
    )
    weights = {variant.label: variant.weight_hash}
    kept = sources.named(part.NAME, part)
    show_summary(SummaryBars(tuple(drawn), about, weights, f"n = {rows[0].n} test images", command, kept=kept))


def _channel(part: OneChannel, key: str) -> None:
    left, right = st.columns(2, gap="medium")
    with left:
        label = "One more value, so many standard deviations away"
        far = _control(st.select_slider, "far", label, FAR, part.far, key=f"far {key}")
    with right:
        power = _control(st.select_slider, "p", "p", POWERS, part.power, key=f"p {key}", format_func="{:g}".format)
    channel = part.channel()
    effects = outliers(channel.values, FAR, power)
    place = f"RobustNorm; layer {channel.layer}, channel {channel.channel}; {len(channel.values)} clean photos"
    figure = inside.outlier_effect(effects, power, place, outliers(channel.values, (far,), power)[0])
    chart(figure, "lesson outlier", sources.named(part.NAME, replace(part, far=far, power=power)))
