"""Tables of what norm layers receive."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnorm_core.evaluation.measure import channel_values
from rnorm_core.evaluation.measure.channel_values import POWERS, growth, outliers, spread
from rnorm_core.experiments import channel as channel_experiment
from rnorm_core.experiments import corruption_sweep, shift_sweep
from rnorm_core.experiments import recalibration as recalibration_experiment
from rnorm_core.experiments.channel import ALL, NONE, ONE
from rnorm_core.experiments.shift_sweep import Course
from rnorm_core.report.files import Rows, Tables
from rnorm_core.report.numbers.parts import EPS, network, of_hits
from rnorm_core.shift import MEASURES


def shift(
    result: shift_sweep.Result, layer: int | None = None, eps_255: float = 0, channels: Sequence[int] = ()
) -> Tables:
    """Accuracy and every layer's shift at every attack size.

    layer: of it also every channel's shift at the size `eps_255`. channels: of it the values of these channels, of the
    left and of the right network, as histograms.
    """
    courses = list(dict.fromkeys(result.courses))
    found = {
        "accuracy": [
            {**network(course.variant), EPS: reading.eps_255, **of_hits(reading.hits)}
            for course in courses
            for reading in course.readings
        ],
        "layers": [row for course in courses for row in _layers(course)],
    }
    if layer is not None:
        found["channels"] = [row for course in courses for row in _channels(course, layer, eps_255)]
        sides = zip(result.courses, channels, strict=False)
        found["values"] = [row for course, number in sides for row in _histogram(course, layer, number, eps_255)]
    return found


def _layers(course: Course) -> Rows:
    """`caused`: how far the attack moved the layer from the same images without it."""
    bands = {measure: course.layer_bands(measure) for measure in MEASURES}
    rows = []
    for reading in course.readings:
        for i, layer in enumerate(reading.shift.layers):
            row = {**network(course.variant), EPS: reading.eps_255, "layer": i + 1, "name": layer.name}
            for measure, band in bands.items():
                row |= {
                    measure: layer.summary(measure), f"{measure}: caused": float(reading.moved[measure][0, i]),
                    f"{measure}: band low": _number(band.low[i]), f"{measure}: band high": _number(band.high[i]),
                }  # fmt: skip
            rows.append(row)
    return rows


def _channels(course: Course, layer: int, eps_255: float) -> Rows:
    number = min(layer, len(course.names) - 1)
    rows = []
    for eps in sorted({0, eps_255}):
        here = course.at(eps).shift.layers[number]
        for c in range(len(here.alive)):
            values = {m: float(here.values(m)[c]) if here.alive[c] else None for m in MEASURES}
            rows.append({**network(course.variant), EPS: eps, "layer": number + 1, "channel": c, **values})
    return rows


def _histogram(course: Course, layer: int, channel: int, eps_255: float) -> Rows:
    number = min(layer, len(course.names) - 1)
    recordings = {"reference": course.population.statistics.layers[number]}
    recordings |= {f"{eps:g}/255": course.at(eps).recorded.layers[number] for eps in sorted({0, eps_255})}
    return [
        {**network(course.variant), "layer": number + 1, "channel": channel, "values of": name,
         "from": float(one.edges[b, channel]), "to": float(one.edges[b + 1, channel]),
         "share": float(one.histogram[b, channel]) / one.count}
        for name, one in recordings.items()
        for b in range(len(one.histogram))
    ]  # fmt: skip


def channel(
    result: channel_experiment.Result,
    *,
    which: str,
    layer: str,
    channel: int,
    power: float,
    sizes: Sequence[float] = (),
) -> Tables:
    """What one channel receives. which: NONE, ONE or ALL images attacked. sizes: of far values, in deviations."""
    received = channel_experiment.received(result, which, layer, channel)
    own = spread(received.values)
    place = {"layer": layer, "channel": channel, "attacked": which}
    found: dict[str, Rows] = {
        "spread": [_spread(result, kind, layer, channel, power) for kind in _kinds(result)],
        "divisors": [
            {**place, "p": p, "range^p": own.scale(p, received.eps), "deviation": own.scale(None, received.eps)}
            for p in sorted({*POWERS, power})
        ],
        "batch sizes": [
            {**place, "batch size": g.size, "batches": g.batches, "p": power, "range": g.range,
             "range low": g.range_low, "range high": g.range_high, "range^p": g.powered(power)[0],
             "standard deviation": g.std,
             "standard deviation low": g.std_low, "standard deviation high": g.std_high}
            for g in growth(received.values, channel_experiment.batch_sizes(len(received.values)))
        ],
        "values": [
            {**place, "image": i, "row": r, "column": c, "value": value, "by deviation": by_std, "by range^p": by_range}
            for (i, r, c), value, by_std, by_range in zip(
                np.ndindex(*received.values.shape), received.values.flatten().tolist(),
                *(channel_values.normalised(received.values, p).flatten().tolist() for p in (None, power)), strict=True,
            )
        ],
    }  # fmt: skip
    if sizes:
        clean = channel_experiment.received(result, NONE, layer, channel).values
        found["one far value"] = [
            {"layer": layer, "channel": channel, "standard deviations out": one.size, "p": power,
             "factor of the standard deviation": one.std_factor, "factor of range^p": one.scale_factor}
            for one in outliers(clean, sizes, power)
        ]  # fmt: skip
    return found


def _kinds(result: channel_experiment.Result) -> tuple[str, ...]:
    return (NONE,) if result.attacked is None else (NONE, ONE, ALL)


def _spread(result: channel_experiment.Result, which: str, layer: str, channel: int, power: float) -> dict[str, Any]:
    received = channel_experiment.received(result, which, layer, channel)
    own = spread(received.values)
    return {
        "layer": layer, "channel": channel, "attacked": which, "p": power, "values": own.n, "mean": own.mean,
        "standard deviation": own.std, "smallest": own.minimum, "largest": own.maximum, "range": own.range,
        "range^p": own.scale(power, received.eps),
    }  # fmt: skip


def corruptions(result: corruption_sweep.Result) -> Tables:
    """Accuracy and shift in every condition; the size of a corruption is its severity, that of an attack k of k/255."""
    accuracy, layers = [], []
    for readings in dict.fromkeys(result.networks):
        for (kind, size), reading in sorted(readings.by_condition.items()):
            about = {**network(readings.variant), "images": kind, "size": float(size)}
            means = {f"mean {m}": float(reading.shifts[m].mean()) if reading.shifts else None for m in MEASURES}
            accuracy.append({**about, **of_hits(reading.right), **means})
            for i, name in enumerate(readings.population.statistics.names if readings.population else ()):
                bands = {m: readings.bands(m, len(result.batch)) for m in MEASURES}
                row = {**about, "layer": i + 1, "name": name}
                for m, band in bands.items():
                    assert reading.shifts is not None
                    row |= {m: float(reading.shifts[m][i]), f"{m}: band low": float(band.low[i])}
                    row |= {f"{m}: band high": float(band.high[i])}
                layers.append(row)
    return {"accuracy": accuracy, "layers": layers}


def recalibration(result: recalibration_experiment.Result) -> Tables:
    """Accuracy by the number of images that the statistics are from; 0: the statistics of the training."""
    rows = []
    for variant, found in result.networks.items():
        hits = {(kind, 0): mask for kind, mask in found.before.items()} | found.after
        for (kind, m), mask in sorted(hits.items()):
            rows.append({**network(variant), "images": kind, "statistics of": m, **of_hits(mask)})
    return {"new statistics": rows}


def _number(value: float) -> float | None:
    """None where nothing is known."""
    return None if np.isnan(value) else float(value)
