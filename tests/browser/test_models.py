"""The Models page in a real browser: select a row, filter, read a card, and come back by a link."""

import pytest

from rnorm_core import zoo

BN, RN, NONE = (f"cifar10-resnet20-{norm}" for norm in ("bn", "rn", "none"))
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(f"{not {BN, RN, NONE} <= set(zoo.names())}", reason="the trained models are not here"),
]
ROW, HEAD = 35, 35  # pixels; the list is drawn on a canvas


def wait(page, *titles: str) -> None:
    """Until all is done and the bars are of these networks."""
    page.wait_for_function(
        """titles => {
            const bars = document.querySelector('[data-testid=stMain] img[alt^="Right under attack"]')?.alt;
            const named = bars?.split('255 ').pop().split('; ').map(one => one.split(/ [\\d.<]+ %/)[0]);
            return document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
                && document.body.innerText.includes('Try this')
                && JSON.stringify(named) === JSON.stringify(titles);
        }""",
        arg=list(titles),
    )


def click_row(page, number: int) -> None:
    """The checkbox at the left edge of a row of the list, counted from 0."""
    page.get_by_test_id("stDataFrame").first.locator(".dvn-scroller").click(
        position={"x": 20, "y": HEAD + ROW * number + ROW / 2}
    )


def rows(page) -> int:
    """How many the list has; its header counts, too."""
    return int(page.get_by_test_id("stDataFrame").first.locator("[role=grid]").get_attribute("aria-rowcount"))


def test_select_filter_and_reload(visit):
    page = visit(f"/models?show={NONE}&architecture=resnet20&training=standard")
    wait(page, "no norm")
    click_row(page, 1)
    wait(page, "RobustNorm", "no norm")
    assert f"show={RN}" in page.url
    inside = page.locator("[data-testid=stMain]")
    everything = rows(page)
    inside.get_by_role("button", name="BatchNorm", exact=True).click()  # a filter hides rows, not bars
    page.wait_for_url("**norm=BatchNorm**")
    while rows(page) == everything:  # a click on the list of before would be none on this one
        page.wait_for_timeout(100)
    click_row(page, 0)
    wait(page, "BatchNorm", "RobustNorm", "no norm")
    click_row(page, 0)
    wait(page, "RobustNorm", "no norm")
    inside.get_by_role("tab", name="One card").click()
    inside.get_by_text("RobustNorm: a ResNet-20").wait_for()
    card = inside.get_by_role("combobox", name="Card", exact=True)
    card.press_sequentially("no norm")
    card.press("Enter")
    page.wait_for_url(f"**card={NONE}**")
    inside.get_by_text("no norm: a ResNet-20").wait_for()
    page.reload()
    wait(page, "RobustNorm", "no norm")
    inside.get_by_text("no norm: a ResNet-20").wait_for()


def test_a_shared_link_on_a_phone(visit):
    page = visit(f"/models?show={BN}&show={RN}&card={RN}", width=390, height=844)
    wait(page, "BatchNorm", "RobustNorm")
    page.get_by_text("RobustNorm: a ResNet-20").wait_for()
    assert not page.get_by_test_id("stAlert").count()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_a_door_chooses_and_other_pages_are_found(visit):
    page = visit(f"/models?show={BN}")
    wait(page, "BatchNorm")
    page.get_by_role("button", name="RobustNorm alone").click()
    page.wait_for_url("**norm=RobustNorm**")
    page.locator(".st-key-parts_about.door-mark").wait_for()
    page.locator("[data-testid=stMain]").get_by_role("link", name="More attacks, and left against right").click()
    page.get_by_role("heading", name="How much accuracy is left?").wait_for()
    page.get_by_text("Try this").wait_for()
    assert not page.get_by_test_id("stAlert").count()
