"""The page about batch statistics in a browser: from part to part, a poisoned neighbour, and all of it by link."""

import re

import pytest

from rnorm_core import zoo
from rnorm_core.evaluation.tables import batch_sizes, laboratories

BN = "cifar10-resnet20-bn"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(f"'{BN}' not in zoo.names()", reason="the trained models are not here"),
]
assert zoo  # for the condition above


def sentences(page, pattern: str) -> list[str]:
    shown = page.locator("[data-testid=stMarkdown] p").all_inner_texts()
    return [text for text in shown if re.match(pattern, text)]


def choose(page, part: str) -> None:
    page.get_by_test_id("stButtonGroup").get_by_text(part, exact=True).click()
    page.wait_for_url(lambda url: f"part={part.replace(' ', '+')}" in url.replace("%20", "+"))


def tiles(page) -> list[list[int]]:
    """Pixels of the victim and of its first neighbour in the player."""
    return page.evaluate(
        """() => [0, 34].map(x => Array.from(document.querySelector('.player-network canvas').getContext('2d')
            .getImageData(x, 0, 32, 32).data))"""
    )


def test_from_question_to_question_and_back_by_link(visit, settled):
    # the shipped bars are there at once, the matrix grows, and another part leaves that work
    page = visit("/whose?n=8")
    page.wait_for_selector(".js-plotly-plot")
    if laboratories.rows():
        shown = page.locator("[data-testid=stMarkdown] img")
        assert shown.count() == 2
        assert shown.evaluate_all("all => all.every(one => one.naturalWidth > 300 && one.alt.includes('n = '))")
    choose(page, "Batch size")
    page.get_by_text("Statistics of a batch are estimates").wait_for()  # the matrix had charts and that toggle, too
    if batch_sizes.by_size()[0]:
        settled(page, 2)
        assert len(sentences(page, r"(BatchNorm|RobustNorm), clean images: ")) == 2

    # a victim whose pixels stay as they are
    choose(page, "Poisoned neighbours")
    settled(page, 3)
    page.wait_for_selector("[data-player][data-drawn$=',10']")
    last, answers = tiles(page), page.locator(".player-value").all_inner_texts()
    page.locator("input[name=step]").press("Home")
    page.wait_for_selector("[data-player][data-drawn$=',0']")
    assert page.locator(".player-value").all_inner_texts() != answers
    assert tiles(page)[0] == last[0]
    assert tiles(page)[1] != last[1]
    tracked = sentences(page, r"(BatchNorm|RobustNorm), tracked: ")
    assert len(tracked) == 2
    assert all("to the last bit" in text and "exactly 0" in text for text in tracked)

    # the link brings it back, on a phone, too
    other = visit(page.url[page.url.index("/whose") :], width=390, height=844)
    settled(other, 3)
    assert sentences(other, r"(BatchNorm|RobustNorm), tracked: ") == tracked
    assert sentences(other, r"BatchNorm, batch: ") == sentences(page, r"BatchNorm, batch: ")
    assert not other.locator("[data-testid=stAlert]").all()
    assert other.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390
