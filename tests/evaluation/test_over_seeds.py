"""The difference over trainings beside SciPy's Welch test, and its aim: to hold the truth 95 times in 100."""

import numpy as np
import pytest
import scipy.stats

from rnorm_core.evaluation.measure.over_seeds import over_seeds, t_quantile

GROUPS = [
    ((0.227, 0.190, 0.190), (0.271, 0.332, 0.277)), ((0.5, 0.6), (0.4, 0.41, 0.43)),
    ((0.1, 0.9, 0.2, 0.3), (0.5, 0.51)),
]  # fmt: skip


@pytest.mark.parametrize("freedom", [1, 1.2, 2, 2.003, 3.41, 4, 9.5, 60, 1000])
def test_the_quantile_is_scipys(freedom):
    for probability in (0.6, 0.95, 0.975, 0.999):
        expected = scipy.stats.t.ppf(probability, freedom)
        assert t_quantile(probability, freedom) == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(("left", "right"), GROUPS)
def test_the_interval_is_that_of_welchs_test(left, right):
    expected = scipy.stats.ttest_ind(left, right, equal_var=False).confidence_interval(0.95)
    found = over_seeds(left, right)
    assert found is not None
    assert found.difference == pytest.approx(np.mean(left) - np.mean(right))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-7)
    back = over_seeds(right, left)
    assert back is not None
    assert (back.low, back.difference, back.high) == pytest.approx((-found.high, -found.difference, -found.low))


def test_it_holds_the_truth_about_95_times_in_100():
    """Three trainings each, one norm of which varies three times as much as the other."""
    draws = np.random.default_rng(0).normal(size=(3000, 2, 3)) * [[3.0], [1.0]] + [[0.2], [0.0]]
    found = [over_seeds(*one.tolist()) for one in draws]
    assert 0.94 < np.mean([one is not None and one.low <= 0.2 <= one.high for one in found]) < 0.98


@pytest.mark.parametrize(
    ("left", "right"), [((0.5,), (0.4, 0.3, 0.2)), ((0.5, 0.6), (0.4,)), ((), ()), ((0.1,), (0.2,))]
)
def test_one_training_has_no_interval(left, right):
    assert over_seeds(left, right) is None


def test_trainings_that_are_all_equal_leave_nothing_open():
    found = over_seeds([0.3] * 3, [0.3] * 3)
    assert found is not None
    assert (found.difference, found.low, found.high) == (0, 0, 0)
    assert found.trainings == "3 trainings of each"
    apart = over_seeds([0.4, 0.4], [0.3] * 3)
    assert apart is not None
    assert apart.low == apart.high == pytest.approx(0.1)
    assert apart.trainings == "2 and 3 trainings"
