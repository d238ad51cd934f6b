"""The movement of layers between two recordings of the same images, with each group of the images left out in turn."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rnorm_core.probes import Layer, LayerStatistics
from rnorm_core.shift.distances import MEASURES, log_ratio, summary


@dataclass(frozen=True, eq=False)
class Remainder:
    """One layer's input without group g of G groups of images: row g of mean, std and range (G, C).

    shares: float64 (BINS, G, C), the share of the values up to each bin.
    """

    mean: Tensor
    std: Tensor
    range: Tensor
    shares: Tensor


def remainders(groups: Sequence[LayerStatistics]) -> list[Remainder]:
    """For each layer what is left of a batch without each of its groups, from the groups' recordings on one grid.

    As `probes.merge` of all groups but one, for all of them at once.
    """
    return [_remainder(parts) for parts in zip(*(group.layers for group in groups), strict=True)]


def _remainder(parts: Sequence[Layer]) -> Remainder:
    others = ~torch.eye(len(parts), dtype=torch.bool)  # [g, k]: whether group k is in the batch without group g
    counts = torch.tensor([part.count for part in parts], dtype=torch.float64)
    weights = counts * others
    weights = weights / weights.sum(1, keepdim=True)
    means, deviations, minimum, maximum = (
        torch.stack([getattr(part, name) for part in parts]) for name in ("mean", "std", "minimum", "maximum")
    )
    mean = weights @ means.double()
    apart = (means.double() - mean[:, None]).square() + deviations.double().square()  # (G, G, C)
    std = (weights[:, :, None] * apart).sum(1).sqrt()
    left_out = ~others[:, :, None]
    low = minimum.expand(len(parts), *minimum.shape).masked_fill(left_out, torch.inf).amin(1)
    high = maximum.expand(len(parts), *maximum.shape).masked_fill(left_out, -torch.inf).amax(1)
    histograms = torch.stack([part.histogram for part in parts], 1)  # (BINS, G, C)
    remaining = (histograms.sum(1, keepdim=True) - histograms).double().cumsum(0)
    return Remainder(mean.float(), std.float(), high - low, remaining / (counts.sum() - counts)[:, None])


def movements(now: Sequence[Remainder], before: Sequence[Remainder], units: LayerStatistics) -> dict[str, Tensor]:
    """Measure -> (G, L): how far each layer moved, in units of `units`, without group g. See `shift.compare`."""
    layers = [_movement(*each) for each in zip(now, before, units.layers, strict=True)]
    return {measure: torch.stack([layer[measure] for layer in layers], 1) for measure in MEASURES}


def _movement(now: Remainder, before: Remainder, units: Layer) -> dict[str, Tensor]:
    """Measure -> (G,): the summary of the layer's channels."""
    width = (units.edges[-1] - units.edges[0]) / (len(units.edges) - 1)
    values = {
        "mean": (now.mean - before.mean) / units.unit,
        "log_std": log_ratio(now.std, before.std, units.resolution),
        "log_range": log_ratio(now.range, before.range, units.resolution),
        "wasserstein": ((now.shares - before.shares).abs().sum(0) * width).float() / units.unit,
    }
    return {measure: summary(measure, value[:, units.alive]) for measure, value in values.items()}
