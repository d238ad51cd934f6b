"""The rule for percentages."""

import pytest

from rnorm_core.rounding import percent, tenths


@pytest.mark.parametrize(
    ("fraction", "said"),
    [
        (0, "0 %"),
        (1e-6, "<0.1 %"),
        (0.004, "0.4 %"),
        (453 / 2000, "22.7 %"),
        (0.5, "50.0 %"),
        (0.99999, "99.9 %"),
        (1, "100 %"),
    ],
)
def test_percents_never_claim_more_than_is_so(fraction, said):
    assert percent(fraction) == said


def test_counts_and_fractions_are_rounded_alike():
    assert all(tenths(k / 2000) == f"{(k + 1) // 2 / 10:.1f}" for k in range(2001))  # k of 2,000: halves of a tenth
