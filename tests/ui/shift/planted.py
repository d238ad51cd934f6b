"""A result with planted shifts, bands and counts."""

from dataclasses import replace

import torch

from rnorm_core import shift
from rnorm_core.experiments.shift_sweep import Course, Result


def planted(done: Result, clean: list[float], attacked: list[float], band=(0.1, 0.3), usual: int = 1) -> Result:
    """Both models with these shifts of the mean at five layers (at 8/255; at 0.25/255 half way), and this band."""
    names = tuple(f"blocks.{k}.first.norm" for k in range(5))

    def course(of: Course) -> Course:
        layer = of.population.statistics.layers[0]
        channels = len(layer.mean)
        statistics = replace(of.population.statistics, layers=tuple(replace(layer, name=name) for name in names))
        middle, ends = torch.full((3, 5 * channels), 0.2), torch.tensor(band)
        summaries = torch.stack([ends[0], ends.mean(), ends[1]])[:, None].expand(3, 5)
        counts = torch.zeros(6, dtype=torch.int)
        counts[usual] = 100
        key = shift.BandKey(of.variant.statistics, 8, 8, "mean")
        population = shift.Population(statistics, 1, {}, {key: (middle, summaries)}, {key: counts})
        readings = []
        for eps, values in (
            (0, clean),
            (0.25, [(a + b) / 2 for a, b in zip(clean, attacked, strict=True)]),
            (8, attacked),
        ):
            shifts = [
                replace(of.at(0).shift.layers[0], name=n, mean=torch.full((channels,), v))
                for n, v in zip(names, values, strict=True)
            ]
            moved = {"mean": torch.tensor([[abs(v - c) for v, c in zip(values, clean, strict=True)]]).expand(9, 5)}
            recorded = replace(of.at(0).recorded, layers=statistics.layers)
            readings.append(
                replace(
                    of.at(0),
                    eps_255=eps,
                    recorded=recorded,
                    shift=replace(of.at(0).shift, layers=tuple(shifts)),
                    moved=moved,
                )
            )
        return replace(of, population=population, readings=tuple(readings))

    return replace(done, courses=(course(done.courses[0]), course(done.courses[1])))
