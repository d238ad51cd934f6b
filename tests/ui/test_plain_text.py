"""Foreign text in Markdown: whatever it holds, it is shown as text."""

import pytest

from rnorm_core.ui.shared.plain_text import MOST, as_code, escaped, sentence

ATTACKS = [
    "[Sign in again](https://evil.example)",
    "![x](https://evil.example/x.png)",
    "https://evil.example",
    "www.evil.example",
    "me@evil.example",
    "<img src=x>",
    ":red[alarm] :material/home:",
    "$\\frac{1}{2}$",
    "**bold** _it_ ~~gone~~",
]


@pytest.mark.parametrize("text", ATTACKS)
def test_nothing_that_has_a_meaning_is_left(text):
    bare = escaped(text)
    for mark in ("](", "![", "://", "www.", "<", "$", "**", "~~", "@"):
        assert mark not in bare.replace(f"\\{mark}", "")
    assert bare.replace("\\\\", "\0").replace("\\", "").replace("\0", "\\") == text


def test_a_text_is_one_line_and_not_long():
    assert escaped("a\n\n# Heading\n- item") == "a # Heading - item"
    assert len(escaped("x" * 500_000)) == MOST
    assert len(as_code("x" * 500_000)) == MOST + 2


def test_a_backtick_does_not_end_the_code():
    assert as_code("eps=1") == "`eps=1`"
    assert as_code("a` [b](c)") == "`` a` [b](c) ``"
    assert as_code("a``b") == "``` a``b ```"


def test_our_code_stays_code_in_a_sentence_and_foreign_backticks_do_not_make_links():
    assert sentence("run `python -m x`.") == "run `python -m x`."
    assert sentence("'a`[b](c)' is no image") == r"'a\`\[b\](c)' is no image"
    assert sentence("'a` ![b](c) `d' is no image") == "'a` ![b](c) `d' is no image"  # code, so no picture
