"""Inside RobustNorm in a browser: p by keyboard, an attack, another layer, and all of it again by link."""

import pytest

from rnorm_core import zoo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
]
CHARTS = 5  # of a channel; one more by p where a table is


def sentence(page) -> str:
    return page.get_by_test_id("stMarkdown").get_by_text("BatchNorm would divide by").first.inner_text()


def address_says(page, what: str) -> None:
    page.wait_for_url(lambda url: what in url)


def test_p_an_attack_a_layer_and_back_by_link(visit, settled):
    page = visit("/inside?n=8&eps=8")
    settled(page, CHARTS)
    assert "RobustNorm with p = 0.2 divides by" in sentence(page)

    # p moves by keyboard
    slider = page.get_by_test_id("stMain").get_by_role("slider").nth(1)
    slider.focus()
    slider.press("ArrowRight")
    address_says(page, "p=0.25")
    page.get_by_text("RobustNorm with p = 0.25 divides by").first.wait_for()

    # one image is attacked
    page.get_by_test_id("stSelectbox").filter(has_text="Attacked").get_by_role("combobox").click()
    page.get_by_role("option", name="one image").click()
    address_says(page, "attacked=one")
    page.get_by_role("cell", name="all images attacked, 8/255").wait_for()
    settled(page, CHARTS)

    # another layer
    page.get_by_test_id("stSelectbox").filter(has_text="Layer").get_by_role("combobox").click()
    page.get_by_role("option", name="4 block 2 first").click()
    address_says(page, "layer=4+block+2+first")
    page.get_by_text("layer 4 block 2 first, channel 0; 8 images, one of them attacked").first.wait_for()
    settled(page, CHARTS)
    said, formulas = sentence(page), page.locator(".katex").all_inner_texts()
    assert len(formulas) >= 4

    # the link brings all of it back, on a phone, too
    other = visit(page.url[page.url.index("/inside") :], width=390, height=844)
    settled(other, CHARTS)
    other.get_by_role("cell", name="all images attacked, 8/255").wait_for()
    settled(other, CHARTS)
    assert sentence(other) == said
    assert other.locator(".katex").all_inner_texts() == formulas
    assert not other.locator("[data-testid=stAlert]").all()
    assert other.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390

    # the door of claim C5 leads here
    page.goto(page.url.split("/inside")[0] + "/paper?claim=C5")
    page.get_by_role("button", name="The range instead of the deviation").click()
    page.wait_for_url(lambda url: "/inside" in url)
    settled(page, CHARTS)
    assert "RobustNorm with p = 0.2 divides by" in sentence(page)
