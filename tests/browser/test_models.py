"""The Models page in a real browser: select a row, filter, read a card, and come back by a link."""

import json

import pytest

from rnorm_core import zoo

BN, RN, NONE = (f"cifar10-resnet20-{norm}" for norm in ("bn", "rn", "none"))
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(f"{not {BN, RN, NONE} <= set(zoo.names())}", reason="the trained models are not here"),
]
ROW, HEAD = 35, 35  # pixels; the list is drawn on a canvas


def wait(page, curves: int) -> list[str]:
    """What the accuracy curves are of, once all is done and there are so many of them."""
    page.wait_for_function(
        """wanted => {
            const chart = document.querySelector('.st-key-training_accuracy .js-plotly-plot');
            const lines = chart ? chart.data.filter(t => !t.name.startsWith('shaded')).length : 0;
            return document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
                && document.body.innerText.includes('Try this') && lines === wanted;
        }""",
        arg=curves,
    )
    plot = page.locator(".st-key-training_accuracy .js-plotly-plot")
    names = json.loads(plot.evaluate("plot => JSON.stringify(plot.data.map(t => t.name))"))
    return [name for name in names if not name.startswith("shaded")]


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
    assert wait(page, 1) == ["no norm"]
    click_row(page, 1)
    assert wait(page, 2) == ["RobustNorm", "no norm"]
    assert f"show={RN}" in page.url
    inside = page.locator("[data-testid=stMain]")
    everything = rows(page)
    inside.get_by_role("button", name="BatchNorm", exact=True).click()  # a filter hides rows, not curves
    page.wait_for_url("**norm=BatchNorm**")
    while rows(page) == everything:  # a click on the list of before would be none on this one
        page.wait_for_timeout(100)
    click_row(page, 0)
    assert wait(page, 3) == ["BatchNorm", "RobustNorm", "no norm"]
    click_row(page, 0)
    assert wait(page, 2) == ["RobustNorm", "no norm"]
    card = inside.get_by_role("combobox", name="Card")
    card.press_sequentially(NONE)
    card.press("Enter")
    page.wait_for_url(f"**card={NONE}**")
    inside.get_by_text("--norm none").first.wait_for()
    page.reload()
    assert wait(page, 2) == ["RobustNorm", "no norm"]
    inside.get_by_text("--norm none").first.wait_for()


def test_a_shared_link_on_a_phone(visit):
    page = visit(f"/models?show={BN}&show={RN}&norm=RobustNorm&card={RN}", width=390, height=844)
    assert wait(page, 2) == ["BatchNorm", "RobustNorm"]
    page.get_by_text("--norm rn").first.wait_for()
    assert not page.get_by_test_id("stAlert").count()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390


def test_a_door_chooses_and_other_pages_are_found(visit):
    page = visit(f"/models?show={BN}")
    wait(page, 1)
    page.get_by_role("button", name="RobustNorm alone").click()
    page.wait_for_url("**norm=RobustNorm**")
    page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop === 0")
    page.locator("[data-testid=stMain]").get_by_role("link", name="More attacks, and left against right").click()
    page.get_by_role("heading", name="How much accuracy is left?").wait_for()
    page.get_by_text("Try this").wait_for()
    assert not page.get_by_test_id("stAlert").count()
