"""Inside RobustNorm in a browser: p by keyboard, an attack, another layer, and all of it again by link."""

import re

import pytest

from rnorm_core import zoo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
]
CHARTS = 3  # the picture, and two in the part that is open first


def sentence(page) -> str:
    return page.locator(".st-key-answer").inner_text()


def address_says(page, what: str) -> None:
    page.wait_for_url(lambda url: what in url)


def test_p_an_attack_a_layer_and_back_by_link(visit, settled):
    page = visit("/inside?n=8&eps=8")
    settled(page, CHARTS)
    assert "with p = 0.2, by" in sentence(page)

    # p moves by keyboard
    slider = page.get_by_test_id("stMain").get_by_role("slider").first
    slider.focus()
    slider.press("ArrowRight")
    address_says(page, "p=0.25")
    page.get_by_text("with p = 0.25, by").first.wait_for()
    settled(page, CHARTS)

    # one image is attacked
    page.get_by_role("button", name="More choices").click()
    page.get_by_test_id("stSelectbox").filter(has_text="Attacked").get_by_role("combobox").click()
    page.get_by_role("option", name="one image").click()
    address_says(page, "attacked=one")
    page.keyboard.press("Escape")
    settled(page, CHARTS)

    # another layer
    page.get_by_test_id("stSelectbox").filter(has_text="Layer").get_by_role("combobox").click()
    page.get_by_role("option", name="4 block 2 first").click()
    address_says(page, "layer=4+block+2+first")
    page.get_by_text("in layer 4 block 2 first, channel 0, with p").first.wait_for()
    settled(page, CHARTS)
    said, formulas = sentence(page), page.locator(".katex").all_inner_texts()
    assert len(formulas) >= 4

    # another part and back
    page.get_by_role("tab", name="One far value").click()
    page.get_by_role("cell", name="all images attacked, 8/255").wait_for()
    settled(page, 2)
    address_says(page, "part=One")
    page.get_by_role("tab", name="What p changes").click()
    page.get_by_text(
        re.compile("divide by (the same|different) number")
    ).wait_for()  # the part is computed when it is opened
    settled(page, CHARTS)

    # the link brings all of it back, on a phone, too
    other = visit(page.url[page.url.index("/inside") :], width=390, height=844)
    settled(other, CHARTS)
    assert sentence(other) == said
    assert other.locator(".katex").all_inner_texts() == formulas
    assert not other.locator("[data-testid=stAlert]").all()
    assert other.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= 390

    # the door of claim C5 leads here
    page.goto(page.url.split("/inside")[0] + "/paper?claim=C5")
    page.get_by_role("button", name=re.compile("The range instead of")).click()
    page.wait_for_url(lambda url: "/inside" in url)
    settled(page, CHARTS)
    assert "with p = 0.2, by" in sentence(page)
