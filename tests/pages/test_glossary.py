"""The page of words."""

import pytest

from rnorm_core import glossary


def test_a_word_by_address_and_by_choice(open_page):
    page = open_page("glossary")
    assert "#### eps (k/255)" in page.markdown[0].value
    page = open_page("glossary", word="BatchNorm")
    assert "subtracts a mean from each channel" in page.markdown[0].value
    assert "\\mathrm{var}" in page.latex[0].value
    page.selectbox(key="word").set_value("PGD").run()
    assert page.markdown[0].value.startswith("#### PGD")
    assert not page.warning


@pytest.mark.parametrize("word", ["<b>x</b>", "batch norm"])
def test_a_word_that_is_not_there_is_named(open_page, word):
    page = open_page("glossary", word=word)
    assert "could not be used" in page.warning[0].value
    assert not page.exception


def test_all_words_are_listed(open_page):
    listed = "\n".join(block.value for block in open_page("glossary").markdown)
    assert all(f"**{entry.term}**. {entry.text}" in listed for entry in glossary.entries())
