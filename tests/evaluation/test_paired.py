"""McNemar's test beside SciPy's binomial test; the interval beside a weighted mean, published numbers and its aim."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
import torch

from rnorm_core.evaluation import Paired, paired

COUNTS = [(0, 0, 0, 1), (5, 0, 0, 5), (3, 1, 0, 2), (0, 7, 0, 0), (20, 6, 3, 11), (100, 40, 20, 0), (900, 3, 31, 66)]


def hits(both: int, left_only: int, right_only: int, neither: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two masks with these counts, the images in a mixed order."""
    pairs = [(1, 1)] * both + [(1, 0)] * left_only + [(0, 1)] * right_only + [(0, 0)] * neither
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(0))
    left, right = torch.tensor(pairs)[order].bool().unbind(1)
    return left, right


@pytest.mark.parametrize("counts", COUNTS)
def test_images_are_counted(counts):
    found = paired(*hits(*counts))
    assert (found.both, found.left_only, found.right_only, found.neither) == counts
    assert found.n == sum(counts)
    assert found.difference == pytest.approx((counts[1] - counts[2]) / sum(counts), abs=1e-12)


def test_the_p_value_is_scipys():
    for left, right in [*itertools.product(range(9), range(9)), (40, 62), (300, 371), (0, 2000)]:
        expected = scipy.stats.binomtest(left, left + right).pvalue if left + right else 1.0
        assert paired(*hits(3, left, right, 2)).p_value == pytest.approx(expected, rel=1e-9), (left, right)


def test_a_p_value_of_ten_thousand_images():
    left = torch.arange(10_000) % 2 == 0
    assert paired(left, ~left).p_value == 1
    assert paired(torch.ones(10_000).bool(), torch.zeros(10_000).bool()).p_value == 0  # 2 ** -9999


def mean_and_error(both: float, left_only: float, right_only: float, neither: float) -> tuple[float, float]:
    """Of the differences +1, 0, -1 that the images show, each kind counted with half an image more."""
    weights = np.array([left_only, both + neither, right_only]) + [0.5, 1.0, 0.5]
    values = np.array([1.0, 0.0, -1.0])
    mean = np.average(values, weights=weights)
    return mean, math.sqrt(np.average((values - mean) ** 2, weights=weights) / weights.sum())


@pytest.mark.parametrize("level", [0.9, 0.95])
@pytest.mark.parametrize("counts", COUNTS)
def test_the_interval_is_that_of_a_mean_with_four_half_images_more(counts, level):
    found = paired(*hits(*counts), level)
    mean, error = mean_and_error(*counts)
    z = scipy.stats.norm.ppf((1 + level) / 2)
    expected = max(-1, mean - z * error), min(1, mean + z * error)
    assert (found.low, found.high) == pytest.approx(expected, abs=1e-12)
    assert -1 <= found.low <= found.difference <= found.high <= 1


def test_the_interval_is_the_one_published():
    """The example of R's PropCIs::diffpropci.mp, with left and right exchanged: there it is c - b."""
    found = paired(*hits(100, 20, 40, 0))
    assert (found.low, found.high) == pytest.approx((-0.21601726, -0.03089632), abs=1e-8)


@pytest.mark.parametrize(("p_left", "p_right"), [(0.15, 0.15), (0.3, 0.1), (0.05, 0.2)])
def test_the_interval_holds_the_truth_about_95_times_in_100(p_left, p_right):
    """Exact: every outcome of 60 images with its probability."""
    n, covered = 60, 0.0
    outcomes = scipy.stats.multinomial(n, [p_left, p_right, 1 - p_left - p_right])
    for left in range(n + 1):
        for right in range(n + 1 - left):
            probability = outcomes.pmf([left, right, n - left - right])
            if probability > 1e-9:
                found = paired(*hits(n - left - right, left, right, 0))
                covered += probability * (found.low <= p_left - p_right <= found.high)
    assert 0.935 < covered < 0.97


def test_left_and_right_exchanged():
    left, right = hits(20, 6, 3, 11)
    one, other = paired(left, right), paired(right, left)
    assert one.p_value == other.p_value
    assert (one.difference, one.low, one.high) == pytest.approx((-other.difference, -other.high, -other.low))


def test_a_model_beside_itself():
    same = torch.tensor([True, False, True])
    found = paired(same, same)
    assert found == Paired(3, 2, 0, 0, 1, 1.0, 0.0, found.low, found.high)
    assert found.low == -found.high < 0


@pytest.mark.parametrize("lengths", [(3, 4), (0, 0), (1, 3)])
def test_masks_that_do_not_fit(lengths):
    with pytest.raises(ValueError, match="cannot pair"):
        paired(torch.ones(lengths[0]).bool(), torch.ones(lengths[1]).bool())
