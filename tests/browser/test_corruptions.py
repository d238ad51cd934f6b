"""A natural shift in a browser: corrupt, re-estimate, stop, and all of it again by link."""

import re

import pytest

from rnorm_core import shift
from rnorm_core.errors import UserError


def measured() -> bool:
    try:
        return bool(shift.population("cifar10-resnet20-bn") and shift.population("cifar10-resnet20-rn"))
    except UserError:
        return False


pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("not measured()", reason="the trained models or their populations are not here"),
]
ABOVE, ALL = 4, 6  # charts without and with new statistics
WORK = "[data-testid=stMain] [data-testid=stProgress]"


def sentences(page, start: str) -> list[str]:
    shown = page.locator("[data-testid=stMarkdown] p").all_inner_texts()
    return [text for text in shown if re.match(rf"(BatchNorm|RobustNorm){start}", text)]


def titles(page) -> list[str]:
    return [" ".join(title.split()) for title in page.locator(".chart figcaption").all_inner_texts()]


def address_says(page, what: str) -> None:
    page.wait_for_url(lambda url: what in url)


def test_corrupt_re_estimate_stop_and_back_by_link(visit, settled):
    page = visit("/corruptions?n=20&severity=4&of=the+same+images")  # enough work to be stopped
    # the pictures do not wait for anything
    page.wait_for_selector(".row-of-pictures img")
    assert page.locator(".row-of-pictures").first.locator("img").count() >= 6

    # another corruption, and another severity by keyboard
    page.get_by_test_id("stSelectbox").filter(has_text="Corruption").get_by_role("combobox").click()
    page.get_by_role("option", name="Contrast").click()
    address_says(page, "corruption=Contrast")
    slider = page.get_by_test_id("stMain").get_by_role("slider").first
    slider.focus()
    slider.press("ArrowRight")
    address_says(page, "severity=5")
    page.locator(
        "[data-testid=stMarkdown] p", has_text=re.compile("^RobustNorm: clean.*Contrast, severity 5")
    ).wait_for()
    settled(page, ABOVE)
    first = sentences(page, ": clean")
    assert len(first) == 2
    assert all("Contrast, severity 5" in said and "PGD at 1/255" in said for said in first)

    # new statistics, stopped on the way: what there is stays
    page.get_by_test_id("stBaseButton-primary").click()
    address_says(page, "m=all")
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot').length >= 5")
    page.get_by_test_id("stMainBlockContainer").get_by_role("button", name="Stop").click()
    page.get_by_role("button", name="Start again").wait_for()
    settled(page, 5)
    assert not page.locator(WORK).all()
    assert any(title.startswith("What do new statistics repair?") for title in titles(page))

    # and to the end
    page.get_by_role("button", name="Start again").click()
    page.wait_for_selector(WORK)
    settled(page, ALL)
    answers = sentences(page, ", statistics of 20 images")
    assert len(answers) == 2
    assert all("the attack made anew: " in said for said in answers)

    # the link brings all of it back, on a phone, too
    shown = titles(page)
    other = visit(page.url[page.url.index("/batch") :], width=390, height=844)
    settled(other, ALL)
    assert sentences(other, ": clean") == first
    assert sentences(other, ", statistics of 20 images") == answers
    assert titles(other) == shown
    assert not other.locator("[data-testid=stAlert]").all()
    wide = other.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= 390
