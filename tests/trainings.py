"""Trainings compared by another way of counting: the images of the table, and SciPy's t."""

from collections.abc import Sequence

import numpy as np
import scipy.stats

from rnorm_core import evaluation

SEEDS = ("", "-seed1", "-seed2")


def welch(left: Sequence[float], right: Sequence[float]) -> tuple[float, float, float]:
    """Lower end, difference of the means and upper end, at 95 %."""
    errors = [np.var(values, ddof=1) / len(values) for values in (left, right)]
    shares = [error**2 / (len(values) - 1) for error, values in zip(errors, (left, right), strict=True)]
    freedom = sum(errors) ** 2 / sum(shares)
    middle, half = np.mean(left) - np.mean(right), scipy.stats.t.ppf(0.975, freedom) * np.sqrt(sum(errors))
    return float(middle - half), float(middle), float(middle + half)


def right_under(names: Sequence[str], eps: float) -> dict[str, np.ndarray]:
    """Images of the shipped table that are right under every attack that all these networks were measured under.

    With the same settings, on the same images; without an attack if eps is 0.
    """
    rows = {
        name: {(r.attack, str(r.settings), r.images): r.mask.numpy() for r in evaluation.table().rows if (
            r.model, r.statistics, r.eps_255, r.pixels) == (name, "tracked", eps, "float")}
        for name in names
    }  # fmt: skip
    common = set.intersection(*(set(some) for some in rows.values()))
    assert common
    assert len({images for *_, images in common}) == 1
    return {name: np.all([mask for key, mask in some.items() if key in common], axis=0) for name, some in rows.items()}
