"""What people do with the pages, in a real browser."""

import io
import json
import re
import zipfile

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import TimeoutError

from rnorm_core import data, zoo
from rnorm_core.ui.shared.navigation import PAGES

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
]
BATCH = "[data-testid=stMarkdown] p:has(strong:text-matches('^(BatchNorm|RobustNorm)$'))"
SETTLED = """() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
                 && !document.querySelector('[data-testid=stMain] [data-testid=stProgress]')
                 && [...document.querySelectorAll('summary')].some(title => title.innerText.includes('What you see'))
                 && document.body.innerText.includes('Try this')"""


def sentences(page, where: str = ".player-verdict") -> list[str]:
    """What the player says left and right once all work is done (`BATCH`: what the page says of several images)."""
    try:  # first, for a page may rest a moment between its run and the first sign of work
        page.locator(where).nth(1).wait_for()
    except TimeoutError:
        pytest.fail(f"no sentences on the page: {page.locator('[data-testid=stMain]').inner_text()}")
    page.wait_for_function(SETTLED)
    if where != BATCH:
        page.wait_for_selector("[data-ready=all]")
    return page.locator(where).all_inner_texts()


def at(page, place: str) -> None:
    """Waits until the player shows this "eps,step"."""
    page.wait_for_selector(f"[data-player][data-drawn='{place}']")


def test_a_shared_link_and_a_bad_one(visit):
    page = visit("/craft?eps=0.5&seed=3&images=cat+af12e124&images=ship+200143cf&steps=5")
    first = sentences(page, BATCH)
    # a server's very first visitor, too, sees the whole app and not the page's file alone
    titles = page.get_by_test_id("stSidebarNav").get_by_role("link").all_inner_texts()
    assert [title.split("\n")[-1] for title in titles] == [place.title for place in PAGES.values()]
    assert "eps=0.5" in page.url
    assert "of 2 images" in first[0]
    page.reload()
    assert sentences(page, BATCH) == first
    other = visit(page.url[page.url.index("/craft") :])
    assert sentences(other, BATCH) == first
    bad = visit("/craft?eps=77&steps=5")
    sentences(bad)
    at(bad, "1,5")
    assert "eps=77" in bad.locator("[data-testid=stAlert]").first.inner_text()


def test_of_several_images_each_opens_a_player(visit):
    page = visit("/craft?eps=0.5&images=cat+af12e124&images=ship+200143cf&steps=5")
    sentences(page, BATCH)
    assert page.locator("[data-player]").count() == 0
    for name in ("ship", "cat"):
        page.locator(".st-key-look button", has_text=name).click()
        page.wait_for_selector(f"[data-player] canvas[aria-label='The clean image: {name}']")
        assert len(sentences(page)) == 2
    assert "look=cat" in page.url


def test_a_size_in_an_opened_player_leaves_the_batch_as_it_is(visit):
    page = visit("/craft?eps=0.5&images=cat+af12e124&images=ship+200143cf&steps=5&look=ship+200143cf")
    sentences(page)
    at(page, "0.5,5")
    of_batch = sentences(page, BATCH)
    slider = page.locator("input[name=eps]")
    for _ in range(4):  # by keyboard: 1, 2, 4, 8
        slider.press("ArrowRight")
    at(page, "8,5")
    page.wait_for_function("() => location.search.includes('eps=8')")
    assert all("Fooled" in text for text in sentences(page))
    assert sentences(page, BATCH) == of_batch
    assert "&eps=0.5&" in page.url.replace("?", "&") + "&"
    with page.expect_download() as download:
        page.get_by_role("button", name="PNG, left").click()
    picture = np.asarray(Image.open(download.value.path()).convert("RGB"), int)
    clean = data.samples("cifar10")
    ship = (255 * clean.images[clean.find("200143cf")]).round().int().permute(1, 2, 0).numpy()
    assert abs(picture - ship).max() == 8  # what the player shows
    other = visit(page.url[page.url.index("/craft") :])  # the link brings back both
    sentences(other)
    at(other, "8,5")
    assert sentences(other, BATCH) == of_batch


def test_from_the_start_to_an_attack_of_ones_own(visit):
    page = visit("/")
    assert len(sentences(page)) == 3
    page.get_by_role("link", name="Craft an attack of your own").click()
    page.get_by_role("heading", name="Craft an attack").wait_for()
    assert len(sentences(page)) == 2
    at(page, "1,20")
    slider = page.locator("input[name=eps]")
    for _ in range(3):  # by keyboard: 2, 4, 8
        slider.press("ArrowRight")
    at(page, "8,20")
    page.wait_for_function("() => location.search.includes('eps=8')")
    assert all("Fooled" in text for text in sentences(page)), sentences(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Everything (ZIP)").click()
    assert download.value.suggested_filename == "pgd-seed0.zip"
    archive = zipfile.ZipFile(download.value.path())
    assert {"spec.json", "left/adversarial.npy", "right/adversarial.npy"} <= set(archive.namelist())
    spec = json.loads(archive.read("spec.json"))
    assert spec["traces"]["left"]["attack"]["eps"] == pytest.approx(8 / 255)
    # the choice survives going away and coming back
    page.get_by_role("link", name="Back to the start").click()
    page.get_by_role("heading", name="Can a change too small").wait_for()
    sentences(page)
    at(page, "8,20")
    assert "eps=8" in page.url


def test_moving_the_size_asks_the_server_once_and_attacks_nothing(visit):
    """Between the server's messages the player moves alone; what it has sent once it does not send again."""
    received: list[int] = []
    page = visit("/craft?seed=11")
    page.on("websocket", lambda socket: socket.on("framereceived", lambda frame: received.append(len(frame))))
    page.reload()
    sentences(page)
    assert sum(received) > 200_000  # the landscape
    received.clear()
    page.locator("canvas[name='map 0']").scroll_into_view_if_needed()
    box = page.locator("canvas[name='map 0']").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] / 2, steps=12)
    at(page, "16,10")
    assert not received
    page.mouse.up()
    page.wait_for_function("() => location.search.includes('eps=16') && location.search.includes('attack_step=10')")
    sentences(page)
    at(page, "16,10")  # the answer does not move the player
    assert not page.locator("[data-testid=stMain] [data-testid=stProgress]").count()


def test_a_link_opens_at_its_size_and_step(visit):
    page = visit("/?eps=2&attack_step=4")
    sentences(page)
    at(page, "2,4")
    page.locator("input[name=step]").press("ArrowRight")
    page.wait_for_function("() => location.search.includes('attack_step=5')")
    page.locator("input[name=step]").press("End")
    page.wait_for_function("() => !location.search.includes('attack_step=')")
    at(page, "2,20")
    page.locator("input[name=step]").press("Home")
    page.wait_for_function("() => location.search.includes('attack_step=0')")
    page.reload()
    sentences(page)
    at(page, "2,0")
    assert not page.locator("[data-testid=stAlert]").count()


def test_a_minimum_norm_attack_has_steps_but_no_sizes(visit):
    page = visit("/craft?attack=DeepFool")
    sentences(page)
    assert page.locator("input[name=eps]").count() == 0
    at(page, ",1")
    page.locator("input[name=step]").press("ArrowLeft")
    at(page, ",0")


def test_a_door_shows_and_marks_what_it_changes_and_is_one_step_back(visit):
    page = visit("/?eps=0.25", width=390, height=844)
    sentences(page)
    for name, place in (("The size most papers use", "8,20"), ("A quarter of a grey level", "0.25,20")):
        before = page.evaluate("history.length")
        page.get_by_role("button", name=re.compile(name)).click()
        at(page, place)
        page.wait_for_selector(".st-key-player.door-mark")
        page.wait_for_function(
            "() => { const box = document.querySelector('.st-key-player').getBoundingClientRect();"
            " return box.top < innerHeight / 2 && box.bottom > innerHeight / 2 }"
        )
        page.wait_for_function("() => location.search.includes('eps=')")
        assert page.evaluate("history.length") == before + 1
    page.get_by_role("button", name=re.compile("Another photo")).click()
    page.wait_for_selector("canvas[aria-label='The clean image: ship']", state="detached")


def test_on_a_phone_the_third_network_is_a_tap_away(visit):
    page = visit("/", width=390, height=844)
    sentences(page)
    boxes = [section.bounding_box() for section in page.locator(".player-network").all()]
    assert boxes[0]["y"] == boxes[1]["y"] == boxes[2]["y"]
    assert boxes[1]["x"] + boxes[1]["width"] <= 390 < boxes[2]["x"] + boxes[2]["width"]
    page.get_by_role("button", name="no norm →").click()
    page.wait_for_function("() => document.querySelectorAll('.player-network')[2].getBoundingClientRect().right <= 391")
    page.get_by_role("button", name="← BatchNorm").click()
    page.wait_for_function("() => document.querySelectorAll('.player-network')[0].getBoundingClientRect().left >= 0")


def test_two_browsers_do_not_disturb_each_other(visit):
    gentle, harsh = visit("/craft?eps=0&steps=5"), visit("/craft?eps=16&steps=5")
    assert all("Still" in text for text in sentences(gentle))
    assert all("Fooled" in text for text in sentences(harsh))
    harsh.get_by_role("button", name=re.compile("Too small")).click()
    at(harsh, "0.25,20")
    assert all("Still" in text for text in sentences(gentle))
    at(gentle, "0,5")
    assert "eps=0&" in gentle.url


def test_stop_and_start_again(visit):
    page = visit("/craft?attack=CW-L2&steps_cw=200")
    inside = page.locator("[data-testid=stMain]")  # while a page loads, Streamlit has a button of this name above it
    for again in range(2):
        inside.get_by_role("button", name="Stop", exact=True).click()
        inside.get_by_text("Stopped.").wait_for()
        assert not page.locator("[data-player]").all()
        if not again:
            inside.get_by_role("button", name="Start again").click()


def test_pictures_of_ones_own(visit, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (90, 60, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG")
    page = visit("/craft?steps=5", width=390, height=844)
    sentences(page)
    page.get_by_role("button", name="Pictures").click()
    page.get_by_text("Use a picture of your own").click()
    chooser = page.locator("[data-testid=stPopoverBody] input[type=file]")
    chooser.set_input_files({"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()})
    page.get_by_text("as the network sees it").wait_for()
    assert len(sentences(page)) == 2
    assert "mine" not in page.url
    chooser.set_input_files({"name": "notes.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture"})
    page.get_by_text("is not an image of a known type").wait_for()
    sentences(page)
    page.get_by_text("What you see, and why").wait_for()
    assert not page.get_by_test_id("stFileChip").all()
    chooser = page.locator("[data-testid=stPopoverBody] input[type=file]")  # a new one
    chooser.set_input_files({"name": "yours.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()})
    page.get_by_text("as the network sees it").wait_for()
    assert "notes.jpg" not in page.locator("[data-testid=stMain]").inner_text()
