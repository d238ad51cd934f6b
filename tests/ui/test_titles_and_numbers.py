"""Titles of layers, and numbers in formulas."""

import pytest

from rnorm_core.rounding import short, signed
from rnorm_core.ui.shared import layers


def test_titles_of_layers():
    assert layers.title("stem.norm") == "stem"
    assert layers.title("blocks.0.first.norm") == "block 1 first"
    assert layers.title("features.3.norm") == "part 4"
    assert layers.numbered(["stem.norm", "blocks.0.first.norm"]) == ["1 stem", "2 block 1 first"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123456, "0.0123"), (12345.6, "12345.6"), (0.00004, "0.00004"), (0, "0"), (-1e-9, "0"), (1.236, "1.24")],
)
def test_numbers_in_formulas_have_no_powers_of_ten(value, text):
    assert short(value) == text


def test_a_summand_has_its_sign():
    assert [signed(v) for v in (0.5, -0.5, 0)] == ["+0.5", "-0.5", "+0"]
