"""Compares two classifiers on the same images, image by image."""

import math
from dataclasses import dataclass
from statistics import NormalDist

from torch import Tensor


@dataclass(frozen=True)
class Paired:
    """Counts of `n` images: `both` right, `left_only`, `right_only`, `neither`.

    p_value:    of the exact, two-sided McNemar test (McNemar 1947). If both classifiers are equally good, each image
                that only one of them gets right is a fair coin; this is the probability that so many coins are at
                least as one-sided.
    difference: left accuracy minus right accuracy, as a fraction; `low` and `high` are the ends of its 95 % interval
                (Agresti and Min 2005, Wald's interval after half an image is added to each of the four counts).
    """

    n: int
    both: int
    left_only: int
    right_only: int
    neither: int
    p_value: float
    difference: float
    low: float
    high: float

    @property
    def left(self) -> float:
        """The accuracy of left."""
        return (self.both + self.left_only) / self.n

    @property
    def right(self) -> float:
        """The accuracy of right."""
        return (self.both + self.right_only) / self.n


def paired(left_hits: Tensor, right_hits: Tensor, level: float = 0.95) -> Paired:
    """Compares bool (N,) with bool (N,), image by image. ValueError if the shapes differ or the tensors are empty."""
    if left_hits.shape != right_hits.shape or left_hits.ndim != 1 or not len(left_hits):
        raise ValueError(f"cannot pair hits of shapes {tuple(left_hits.shape)} and {tuple(right_hits.shape)}")
    left, right = left_hits.bool().cpu(), right_hits.bool().cpu()
    n, left_only, right_only = len(left), int((left & ~right).sum()), int((right & ~left).sum())
    low, high = _agresti_min(left_only, right_only, n, level)
    return Paired(
        n, int((left & right).sum()), left_only, right_only, int((~left & ~right).sum()),
        _mcnemar(left_only, right_only), (left_only - right_only) / n, low, high,
    )  # fmt: skip


def _mcnemar(left_only: int, right_only: int) -> float:
    """min(1, 2 P(X <= min(left_only, right_only))), X the heads of left_only + right_only fair coins."""
    coins, term, total = left_only + right_only, 1, 1
    for heads in range(1, min(left_only, right_only) + 1):
        term = term * (coins - heads + 1) // heads  # the binomial coefficient, in whole numbers
        total += term
    return min(1.0, 2 * total / 2**coins)


def _agresti_min(left_only: int, right_only: int, n: int, level: float) -> tuple[float, float]:
    left, right, images = left_only + 0.5, right_only + 0.5, n + 2
    middle = (left - right) / images
    half = NormalDist().inv_cdf((1 + level) / 2) * math.sqrt(left + right - (left - right) ** 2 / images) / images
    return max(-1.0, middle - half), min(1.0, middle + half)
