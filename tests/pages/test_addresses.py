"""Addresses that nobody would write by hand: each page says what it could not use, and works."""

import pytest

EVIL = "a` [Sign in again](https://evil.example) ![x](https://evil.example/x.png)"


@pytest.mark.parametrize(
    ("page", "key", "value"),
    [
        ("start", "seed", "inf"),
        ("start", "seed", "1e309"),
        ("craft", "steps", "inf"),
        ("craft", "steps", "nan"),
        ("accuracy", "n", "inf"),
        ("inside", "seed", "-inf"),
    ],
)
def test_a_number_that_is_not_finite_is_named_and_left_out(open_page, page, key, value):
    shown = open_page(page, settled=False, **{key: value})
    assert not shown.exception
    assert f"`{key}={value}` in the address could not be used" in shown.warning[0].value


@pytest.mark.parametrize(
    ("page", "key"), [("batch", "part"), ("paper", "claim"), ("start", "left"), ("craft", "images")]
)
def test_an_empty_value_is_none(open_page, page, key):
    shown = open_page(page, settled=False, **{key: ""})
    assert not shown.exception
    assert not shown.warning


@pytest.mark.parametrize("address", [{"left": EVIL}, {EVIL: "1"}])
def test_a_link_cannot_put_markdown_on_the_page(open_page, address):
    (warning,) = open_page("start", settled=False, **address).warning
    text = warning.value
    fence = text[: len(text) - len(text.lstrip("`"))]
    assert len(fence) == 2  # longer than the foreign backtick, so all of it is code
    assert text.count(fence) == 2
    assert text.index("](") < text.rindex(fence)
    assert len(text) < 250
