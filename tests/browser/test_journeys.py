"""What people do with the pages, in a real browser."""

import io
import re
import zipfile

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import TimeoutError

from rnorm_core import zoo
from rnorm_core.ui.shared.navigation import PAGES

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
]
SENTENCE = "[data-testid=stMarkdown] p:has(strong:text-matches('^(BatchNorm|RobustNorm), '))"


def sentences(page) -> list[str]:
    """What happened, left and right, once all work is done. Below a result the page says "What you see"."""
    try:  # first, for a page may rest a moment between its run and the first sign of work
        page.locator(SENTENCE).nth(1).wait_for()
    except TimeoutError:
        pytest.fail(f"no sentences on the page: {page.locator('[data-testid=stMain]').inner_text()}")
    page.wait_for_function(
        """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
                 && !document.querySelector('[data-testid=stMain] [data-testid=stProgress]')
                 && [...document.querySelectorAll('h4')].some(title => title.innerText.trim() === 'What you see')
                 && document.body.innerText.includes('Try this')"""
    )
    return page.locator(SENTENCE).all_inner_texts()


def change(page, act) -> list[str]:
    """The sentences after `act`, which changes them."""
    before = sentences(page)
    act()
    page.wait_for_function(
        """before => {
            const now = [...document.querySelectorAll('[data-testid=stMarkdown] p')].map(p => p.innerText);
            return !before.every(text => now.includes(text));
        }""",
        arg=before,
    )
    return sentences(page)


def test_a_shared_link_and_a_bad_one(visit):
    page = visit("/craft?eps=0.5&seed=3&images=cat+af12e124&images=ship+200143cf&steps=5")
    first = sentences(page)
    # a server's very first visitor, too, sees the whole app and not the page's file alone
    titles = page.get_by_test_id("stSidebarNav").get_by_role("link").all_inner_texts()
    assert [title.split("\n")[-1] for title in titles] == [place.title for place in PAGES.values()]
    assert "eps=0.5" in page.url
    assert "of 2 images" in first[0]
    page.reload()
    assert sentences(page) == first
    other = visit(page.url[page.url.index("/craft") :])
    assert sentences(other) == first
    bad = visit("/craft?eps=77&steps=5")
    sentences(bad)
    assert "eps=77" in bad.locator("[data-testid=stAlert]").first.inner_text()


def test_from_the_start_to_an_attack_of_ones_own(visit):
    page = visit("/")
    assert len(sentences(page)) == 2
    page.get_by_role("link", name="Craft an attack of your own").click()
    page.get_by_role("heading", name="Craft an attack").wait_for()
    assert len(sentences(page)) == 2
    # eps 8/255 by keyboard on the slider: from 1 ten places up
    slider = page.get_by_role("slider").first
    slider.focus()

    def press():
        for _ in range(10):
            slider.press("ArrowRight")

    after = change(page, press)
    assert all("fooled" in text for text in after), after
    assert "eps=8" in page.url
    with page.expect_download() as download:
        page.get_by_role("button", name="Everything (ZIP)").click()
    assert download.value.suggested_filename == "pgd-seed0.zip"
    names = zipfile.ZipFile(download.value.path()).namelist()
    assert {"spec.json", "left/adversarial.npy", "right/adversarial.npy"} <= set(names)
    # the choice survives going away and coming back
    page.get_by_role("link", name="Back to the start").click()
    page.get_by_role("heading", name="One image, one attack").wait_for()
    sentences(page)
    assert "eps=8" in page.url


def test_a_door_on_the_page_shows_it_from_its_top(visit):
    page = visit("/?eps=0.25", width=390, height=844)
    sentences(page)
    for door in ("The size most papers use", "Another photo"):  # the second time, too
        change(page, lambda door=door: page.get_by_role("button", name=re.compile(door)).click())
        page.wait_for_function("document.querySelector('[data-testid=stMain]').scrollTop === 0")


def test_two_browsers_do_not_disturb_each_other(visit):
    gentle, harsh = visit("/craft?eps=0&steps=5"), visit("/craft?eps=16&steps=5")
    assert all("held" in text for text in sentences(gentle))
    assert all("fooled" in text for text in sentences(harsh))
    change(harsh, lambda: harsh.get_by_role("button", name=re.compile("Too small")).click())
    assert "eps=0.25" in harsh.url
    assert all("held" in text for text in sentences(gentle))
    assert "eps=0&" in gentle.url


def test_stop_and_start_again(visit):
    page = visit("/craft?attack=CW-L2&steps_cw=200")
    inside = page.locator("[data-testid=stMain]")  # while a page loads, Streamlit has a button of this name above it
    for again in range(2):
        inside.get_by_role("button", name="Stop", exact=True).click()
        inside.get_by_text("Stopped.").wait_for()
        assert not page.locator(SENTENCE).all()
        if not again:
            inside.get_by_role("button", name="Start again").click()


def test_pictures_of_ones_own(visit, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (90, 60, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG")
    page = visit("/craft?steps=5", width=390, height=844)
    sentences(page)
    page.get_by_text("Use a picture of your own").click()
    chooser = page.locator("[data-testid=stMain] input[type=file]")
    chooser.set_input_files({"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()})
    page.get_by_text("as the network sees it").wait_for()
    assert len(sentences(page)) == 2
    assert "mine" not in page.url
    chooser.set_input_files({"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture"})
    page.get_by_text("is not an image of a known type").wait_for()
    sentences(page)
    page.get_by_text("What you see").wait_for()
    assert not page.get_by_test_id("stFileChip").all()
    chooser = page.locator("[data-testid=stMain] input[type=file]")  # a new one
    chooser.set_input_files({"name": "yours.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()})
    page.get_by_text("as the network sees it").wait_for()
    assert "notes.jpg" not in page.locator("[data-testid=stMain]").inner_text()
