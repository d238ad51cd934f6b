"""A drawing for each kind of evidence for a claim."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from rnorm_core.evaluation.claims.evidence import (
    HALF,
    KEPT,
    MARGIN,
    BatchSizes,
    Contest,
    Count,
    Displacement,
    Evidence,
    Excess,
    KeptAccuracy,
    Recovery,
    Retention,
    Speed,
    named,
    points,
)
from rnorm_core.evaluation.measure.paired import Paired
from rnorm_core.figures.style import CLEAN, LOOKS, Figure, dress, wrap

LINE = {"color": CLEAN, "width": 1.5, "dash": "dot"}


@dataclass(frozen=True)
class Series:
    """A line with its error bars. x: numbers of the places on the axis, from 0. hover_texts: one for each point."""

    name: str
    x: Sequence[int]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    hover_texts: Sequence[str]
    colour: str
    marker: str
    dash: str = "solid"  # "" for points without a line


def evidence(item: Evidence) -> Figure:
    """The drawing of any kind of evidence."""
    draw = {
        Contest: _contest, Retention: _retention, Displacement: _displacement, Recovery: _recovery,
        BatchSizes: _batch_sizes, Excess: _excess, KeptAccuracy: _kept_accuracy, Speed: _speed,
    }[type(item)]  # fmt: skip
    return draw(item)


def _contest(contest: Contest) -> Figure:
    seeds = sorted({seed for by_seed in contest.by_eps.values() for seed in by_seed})
    places, look = sorted(contest.by_eps), _look(contest.left)
    series = []
    for i, seed in enumerate(seeds):
        at = [(places.index(eps), by_seed[seed]) for eps, by_seed in sorted(contest.by_eps.items()) if seed in by_seed]
        marker = look.marker + ("", "-open", "-dot")[i % 3]
        series.append(_differences(f"seed {seed}", [x for x, _ in at], [p for _, p in at], look.colour, marker))
    if contest.trainings:
        over = [contest.trainings[eps] for eps in places if eps in contest.trainings]
        x = [i for i, eps in enumerate(places) if eps in contest.trainings]
        y, low, high = ([100 * getattr(t.difference, key) for t in over] for key in ("difference", "low", "high"))
        name = f"over {over[0].difference.trainings}"
        series.append(Series(name, x, y, low, high, list(map(str, over)), CLEAN, "line-ew-open"))
    n = sorted({p.n for by_seed in contest.by_eps.values() for p in by_seed.values()})
    title = f"Does {contest.left.partition(' with ')[0]} keep more?"
    under = contest.under or named(contest.attacks)
    subtitle = (
        f"{contest.left} minus {contest.right}; {under}; {_n(n)} images that both get right when clean; 95 % interval"
    )
    return _drawn(title, subtitle, series, _eps(places), "difference (points of accuracy)", [(0, "no difference")])


def _differences(
    name: str, x: Sequence[int], pairs: Sequence[Paired], colour: str, marker: str, dash: str = "solid"
) -> Series:
    y, low, high = ([100 * getattr(p, key) for p in pairs] for key in ("difference", "low", "high"))
    return Series(name, x, y, low, high, [f"{points(p)}, n = {p.n:,}" for p in pairs], colour, marker, dash)


def _retention(kept: Retention) -> Figure:
    places, look, series = sorted(kept.by_eps), _look(kept.label), []
    for i, seed in enumerate(sorted({seed for by_seed in kept.by_eps.values() for seed in by_seed})):
        at = [(places.index(eps), *by_seed[seed]) for eps, by_seed in sorted(kept.by_eps.items()) if seed in by_seed]
        ratios = [kept.ratio(clean, attacked) for _, clean, attacked in at]
        ends = [[end / clean.value if clean.correct else 0 for end in attacked.interval] for _, clean, attacked in at]
        series.append(
            Series(
                f"seed {seed}", [x for x, *_ in at], ratios, [low for low, _ in ends], [high for _, high in ends],
                [f"{attacked} of {clean}, n = {attacked.n:,}" for _, clean, attacked in at], look.colour,
                look.marker + ("", "-open", "-dot")[i % 3],
            )
        )  # fmt: skip
    n = sorted({counts[1].n for by_seed in kept.by_eps.values() for counts in by_seed.values()})
    title = "How much of its clean accuracy is left?"
    subtitle = f"{kept.label}; {named(kept.attacks)}; {_n(n)} images; bars: 95 % interval of the attacked accuracy"
    threshold = [(KEPT, f"the rule: {KEPT:g} of clean accuracy")]
    return _drawn(title, subtitle, series, _eps(places), "robust / clean accuracy", threshold, [0, 1.05])


def _displacement(moved: Displacement) -> Figure:
    places = sorted({0.0, *moved.by_eps, *moved.noise})
    look, series = _look(moved.label), []
    for name, by_eps, colour, marker, dash in (
        (
            "attacked",
            {**{0.0: moved.noise.get(0.0, {})}, **moved.by_eps},
            look.colour,
            look.marker,
            "solid",
        ),
        ("noise of the same size", moved.noise, CLEAN, look.marker + "-open", "dot"),
    ):
        at = [(eps, np.concatenate([b.mean(1) for b in models.values()])) for eps, models in by_eps.items() if models]
        at.sort(key=lambda point: point[0])
        if at:
            shares = [share for _, share in at]
            ends = [100 * s.min() for s in shares], [100 * s.max() for s in shares]
            hover_texts = [f"{100 * s.mean():.0f} % of the layers on average, {len(s)} batches" for s in shares]
            x = [places.index(eps) for eps, _ in at]
            series.append(Series(name, x, [100 * s.mean() for s in shares], *ends, hover_texts, colour, marker, dash))
    title = "How many layers leave the natural band?"
    subtitle = f"{moved.label}; n = {moved.n:,} images; bars: from the least to the most moved batch"
    chance = 2.5 * moved.measures
    by_chance = f"by chance: {'at most ' * (moved.measures > 1)}{chance:g} %"
    threshold = [(100 * HALF, "the rule: half of the layers"), (chance, by_chance)]
    return _drawn(title, subtitle, series, _eps(places), "layers beyond the band (%)", threshold, [-3, 103])


def _excess(excess: Excess) -> Figure:
    places, look = sorted(excess.by_eps), _look(excess.label)
    shares = [100 * np.concatenate([b.mean(1) for b in excess.by_eps[eps].values()]) for eps in places]
    hover_texts = [f"{s.mean():.0f} % of the layers on average, {len(s)} batches" for s in shares]
    y, low, high = ([float(end(s)) for s in shares] for end in (np.mean, np.min, np.max))
    series = Series("attack beyond noise", range(len(places)), y, low, high, hover_texts, look.colour, look.marker)
    title = "Does the attack move them further than noise?"
    subtitle = f"{excess.label}; n = {excess.n:,} images; bars: from the least to the most moved batch"
    threshold = [(100 * HALF, "the rule: half of the layers")]
    return _drawn(title, subtitle, [series], _eps(places), "layers that move further (%)", threshold, [-3, 103])


def _recovery(recovery: Recovery) -> Figure:
    places = sorted(recovery.by_eps)
    at = [(i, Count(*recovery.by_eps[eps])) for i, eps in enumerate(places) if recovery.by_eps[eps][1]]
    look = _look(recovery.label)
    series = Series(
        "come back", [i for i, _ in at], [100 * c.value for _, c in at], *_ends([c for _, c in at]),
        [f"{c.correct:,} of {c.n:,} lost images" for _, c in at], look.colour, look.marker,
    )  # fmt: skip
    title = "How many lost images come back?"
    subtitle = (
        f"{recovery.label}, attacked with the statistics of training, scored with the batch's own; bars: 95 % interval"
    )
    threshold = [(100 * HALF, "the rule: half of the lost images")]
    return _drawn(title, subtitle, [series], _eps(places), "lost images that come back (%)", threshold, [-3, 103])


def _batch_sizes(sizes: BatchSizes) -> Figure:
    places = sorted({*sizes.by_size, *sizes.attacked})
    look = _look(sizes.label)
    series = []
    for name, counts, marker, dash in (
        ("without an attack", sizes.by_size, look.marker + "-open", "dot"),
        (f"under {sizes.attack}", sizes.attacked, look.marker, "solid"),
    ):
        if counts:
            listed = [counts[size] for size in sorted(counts)]
            x = [places.index(size) for size in sorted(counts)]
            hover_texts = [f"{c}, n = {c.n:,}" for c in listed]
            y = [100 * c.value for c in listed]
            series.append(Series(name, x, y, *_ends(listed), hover_texts, look.colour, marker, dash))
    title = "How many images at once?"
    n = sorted({c.n for c in (*sizes.by_size.values(), *sizes.attacked.values())})
    subtitle = f"{sizes.label}; {_n(n)} images; bars: 95 % interval"
    threshold = [
        (100 * sizes.tracked.value, "statistics of training, without an attack"),
        (100 * KEPT * sizes.tracked.value, f"the rule: {KEPT:g} of that"),
    ]
    axis = ("images in a batch", [f"{size:g}" for size in places])
    return _drawn(title, subtitle, series, axis, "accuracy (%)", threshold, [-2, 102])


def _kept_accuracy(kept: KeptAccuracy) -> Figure:
    seeds, look = sorted(kept.by_seed), _look(kept.left)
    pairs = [kept.by_seed[seed] for seed in seeds]
    series = _differences("difference", range(len(seeds)), pairs, look.colour, look.marker, dash="")
    title = "What does it cost without an attack?"
    subtitle = f"{kept.left} minus {kept.right}; {_n(sorted({p.n for p in pairs}))} images; 95 % interval"
    threshold = [(0, "no difference"), (-100 * MARGIN, "the rule: one point")]
    axis = ("seed of the training", [str(seed) for seed in seeds])
    return _drawn(title, subtitle, [series], axis, "difference (points of accuracy)", threshold)


def _speed(speed: Speed) -> Figure:
    series, longest = [], max(len(curve) for curves in speed.curves.values() for curve in curves)
    names = speed.left, speed.right, LOOKS["none"].name
    for i, (seed, curves) in enumerate(sorted(speed.curves.items())):
        for name, curve in zip(names, curves, strict=False):  # a network without a norm may be missing
            look = _look(name)
            y = [100 * accuracy for accuracy in curve]
            hover_texts = [f"{value:.1f} % after epoch {k}" for k, value in enumerate(y, 1)]
            label = f"{name}, seed {seed}"
            dash = ("solid", "dash", "dot")[i % 3]
            series.append(Series(label, list(range(len(y))), y, y, y, hover_texts, look.colour, look.marker, dash))
    title = "Does it learn as fast?"
    subtitle = "on augmented training images; no interval: one curve a training"
    subtitle += f"; small crops until epoch {speed.small}" if speed.small else ""
    axis = ("epoch", [str(k) if k % 5 == 0 else "" for k in range(1, longest + 1)])
    threshold = [(100 * level, f"{100 * level:.0f} %") for level in speed.levels]
    return _drawn(title, subtitle, series, axis, "training accuracy (%)", threshold)


def _drawn(
    title: str,
    subtitle: str,
    series: Sequence[Series],
    axis: tuple[str, Sequence[str]],
    y_title: str,
    thresholds: Sequence[tuple[float, str]],
    y_range: Sequence[float] | None = None,
) -> Figure:
    """axis: title of the x axis, and the text at each place. thresholds: y and title of each horizontal line."""
    figure, texts = go.Figure(), []
    along, names = axis
    for s in series:
        bars = {
            "array": [h - y for h, y in zip(s.high, s.y, strict=True)],
            "arrayminus": [y - low for low, y in zip(s.low, s.y, strict=True)],
        }
        figure.add_scatter(
            x=list(s.x), y=list(s.y), name=wrap(s.name), customdata=list(s.hover_texts),
            mode="lines+markers" if s.dash else "markers",
            line={"color": s.colour, "width": 2, "dash": s.dash or "solid"},
            marker={"symbol": s.marker, "size": 9 if len(s.x) < 20 else 5, "color": s.colour,
                    "line": {"width": 2 if len(s.x) < 20 else 0}},
            error_y={"type": "data", "symmetric": False, "thickness": 1.5, **bars} if any(bars["array"]) else None,
            hovertemplate="%{customdata}", cliponaxis=False,
        )  # fmt: skip
        values = ", ".join(f"{_short(y)} at {names[x] or x + 1}" for x, y in zip(s.x, s.y, strict=True))
        texts.append(f"{s.name}: {values}")
    for i, (value, what) in enumerate(thresholds):
        line: dict[str, Any] = {**LINE, "dash": ("dot", "dash")[i % 2]}
        figure.add_hline(value, line=line)
        figure.add_scatter(x=[None], y=[None], mode="lines", line=line, name=wrap(what), hoverinfo="skip")
    figure.update_xaxes(title=along, tickvals=list(range(len(names))), ticktext=list(names), zeroline=False)
    figure.update_xaxes(range=[-0.4, len(names) - 0.6])
    figure.update_yaxes(title=y_title, range=list(y_range) if y_range else None, zeroline=False)
    dress(figure, title, subtitle, 330)
    lines = ", ".join(f"{what} at {_short(value)}" for value, what in thresholds)
    return Figure(figure, f"{title} {subtitle}. {'; '.join(texts)}. Lines: {lines}.")


def _eps(places: Sequence[float]) -> tuple[str, list[str]]:
    return "attack size eps (k/255), not to scale", [f"{eps:g}" for eps in places]


def _ends(counts: Sequence[Count]) -> tuple[list[float], list[float]]:
    low, high = zip(*(count.interval for count in counts), strict=True) if counts else ((), ())
    return [100 * end for end in low], [100 * end for end in high]


def _look(label: str):
    """Colour and marker of the norm that the label begins with."""
    return next(look for look in LOOKS.values() if label.lower().startswith(look.name.lower()))


def _n(counts: Sequence[int]) -> str:
    return f"n = {counts[0]:,}" + (f" to {counts[-1]:,}" if len(counts) > 1 else "")


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
