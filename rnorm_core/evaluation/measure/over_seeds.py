"""The difference of two groups of trainings, with its interval over seeds.

An interval over images says what these networks would do on other images. This one says what other trainings would do
on these images. Trainings of two norms are not paired: an equal seed gives both the same batches, not the same fortune.
So the interval is that of Welch's t (Welch 1947), which lets one group vary more than the other. A bootstrap of three
trainings would have ten different means of a group to draw from, too few for the ends of an interval.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

import numpy as np

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


@dataclass(frozen=True)
class OverSeeds:
    """left, right: the accuracy of each training, as a fraction.

    difference: mean of left minus mean of right; `low` and `high` are the ends of its 95 % interval.
    """

    left: tuple[float, ...]
    right: tuple[float, ...]
    difference: float
    low: float
    high: float

    @property
    def trainings(self) -> str:
        """ "3 trainings of each", "3 and 2 trainings"."""
        one, other = len(self.left), len(self.right)
        return f"{one} trainings of each" if one == other else f"{one} and {other} trainings"


def over_seeds(left: Sequence[float], right: Sequence[float]) -> OverSeeds | None:
    """The difference of the mean accuracies; None if a group has a single training, for one says nothing of others."""
    if min(len(left), len(right)) < 2:
        return None
    difference, half = fmean(left) - fmean(right), 0.0
    one, other = variance(left) / len(left), variance(right) / len(right)
    if error := one + other:
        freedom = error**2 / (one**2 / (len(left) - 1) + other**2 / (len(right) - 1))
        half = t_quantile(0.975, freedom) * math.sqrt(error)
    return OverSeeds(tuple(left), tuple(right), difference, difference - half, difference + half)


def t_quantile(probability: float, freedom: float) -> float:
    """The quantile of Student's t for a probability from 0.5 and any degrees of freedom from 1.

    Measuring needs no SciPy. With t = sqrt(freedom) tan(angle), the probability of |t| is the integral of
    cos(angle) ** (freedom - 1) from 0, divided by that up to a right angle; bisection finds the angle.
    """
    whole = math.sqrt(math.pi) / 2 * math.exp(math.lgamma(freedom / 2) - math.lgamma((freedom + 1) / 2))
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        angle = (low + high) / 2
        inside = angle / 2 * float(_WEIGHTS @ np.cos(angle / 2 * (_NODES + 1)) ** (freedom - 1))
        low, high = (angle, high) if inside < (2 * probability - 1) * whole else (low, angle)
    return math.sqrt(freedom) * math.tan(low)
