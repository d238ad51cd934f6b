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


@pytest.mark.timeout(480)
def test_from_question_to_question_and_back_by_link(visit, settled):
    # the shipped bars are there at once
    page = visit("/batch")
    page.set_default_timeout(400_000)  # every photo is a victim once: much work beside other tests
    page.get_by_text("for photos shown alone ").wait_for()
    if laboratories.rows():
        shown = page.locator("[data-testid=stMarkdown] img")
        assert shown.count() == 2
        assert shown.evaluate_all("all => all.every(one => one.naturalWidth > 300 && one.alt.includes('n = '))")
    if batch_sizes.by_size()[0]:
        settled(page, 2)
        assert len(sentences(page, r"(BatchNorm|RobustNorm), clean images: ")) == 2

    # a victim whose pixels stay as they are
    choose(page, "Poisoned neighbours")
    page.wait_for_selector("[data-player][data-drawn$=',10']")
    last, answers = tiles(page), page.locator(".player-value").all_inner_texts()
    page.locator("input[name=step]").press("Home")
    page.wait_for_selector("[data-player][data-drawn$=',0']")
    assert page.locator(".player-value").all_inner_texts() != answers
    assert tiles(page)[0] == last[0]
    assert tiles(page)[1] != last[1]
    assert len(sentences(page, r"(BatchNorm|RobustNorm) with batch statistics: .* became ")) == 2
    usual = sentences(page, r"(BatchNorm|RobustNorm): .* before and after")
    assert len(usual) == 2
    assert all("to the last bit" in text and "exactly 0" in text for text in usual)

    # poisoned anew after a click, with what opens on demand
    page.get_by_role("button", name="A batch of eight").click()
    page.get_by_role("button", name="Poison them").click()
    page.get_by_text("The victim's answer, step by step").click()
    page.get_by_text("All untouched images as victims").click()
    settled(page, 3)
    usual = sentences(page, r"(BatchNorm|RobustNorm): .* before and after")
    page.wait_for_function("() => ['n=8', 'course=true', 'crowds=true'].every(part => location.search.includes(part))")

    # the link brings the choices back, on a phone, too
    other = visit(page.url[page.url.index("/batch") :], width=390, height=844)
    other.get_by_role("button", name="Poison them").click()
    settled(other, 3)
    assert sentences(other, r"(BatchNorm|RobustNorm): .* before and after") == usual
    assert not other.locator("[data-testid=stAlert]").all()
    assert other.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_the_menu_of_advanced_parts(visit):
    page = visit("/batch")
    page.get_by_role("button", name="Advanced").click()
    page.get_by_role("menuitem", name="PreciseBN").click()
    page.wait_for_url(lambda url: "part=PreciseBN" in url)
    page.get_by_role("button", name="Estimate them here").wait_for()
    parts = page.get_by_test_id("stButtonGroup")
    assert parts.get_by_text("PreciseBN").is_visible()
    assert not parts.get_by_text("Patched layers").is_visible()
    parts.get_by_text("Batch size", exact=True).click()
    page.get_by_text("for photos shown alone ").wait_for()
    assert not parts.get_by_text("PreciseBN").is_visible()


@pytest.mark.parametrize(
    ("address", "part"),
    [("/whose?part=Counted+anew", "PreciseBN"), ("/whose?part=Patched+layers&n=8", "Patched layers"),
     ("/corruptions?severity=4", "Corruptions")],
)  # fmt: skip
def test_old_addresses_lead_to_their_part(visit, address, part):
    page = visit(address)
    page.locator("[data-testid=stButtonGroup] [aria-checked=true]").filter(has_text=part).wait_for()
    assert f"/batch?part={part.replace(' ', '+')}" in page.evaluate("location.href")
    assert not page.locator("[data-testid=stAlert]").all()
