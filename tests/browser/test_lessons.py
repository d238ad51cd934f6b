"""A lesson in a real browser: by keyboard, by a link into its middle, after the server has lost the session."""

import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress

import pytest

from rnorm_core import zoo
from rnorm_core.classroom import lessons
from rnorm_core.classroom.lessons import Predict
from tests.browser.conftest import ROOT

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
]
FIRST = lessons.find("1")
QUIET = "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"


def at(page, number: int, lesson=FIRST) -> None:
    """Waits until the page shows this step."""
    page.get_by_text(re.compile(rf"step {number} of {len(lesson.steps)}$")).first.wait_for()
    page.get_by_role("heading", level=1, name=lesson.steps[number - 1].title).wait_for()
    page.wait_for_function(QUIET)


def predict(page) -> None:
    page.locator("[role=radiogroup] label").first.click()
    page.locator(".st-key-predict button:not(:disabled)").click()


def test_a_lesson_by_keyboard_from_another_page(visit):
    page = visit("/")  # `visit` fails a test that asks another host for anything
    page.wait_for_selector("[data-player][data-ready]")
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Lessons").click()
    page.locator(".st-key-begin-1 button").click()
    at(page, 1)
    page.keyboard.press("PageDown")
    at(page, 2)
    page.keyboard.press("PageDown")  # the prediction is missing: nothing happens
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    at(page, 2)
    answers = page.get_by_test_id("stRadio").locator("input")
    answers.first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")  # in the choices this is an answer, not a step
    page.locator(".st-key-predict button:not(:disabled)").press("Enter")
    at(page, 3)
    assert page.url.endswith("/lessons?lesson=1&step=3")
    page.locator(".player input[name=step]").focus()
    page.keyboard.press("ArrowLeft")  # in the player this is a step of the attack
    page.wait_for_timeout(600)
    at(page, 3)
    assert page.url.endswith("/lessons?lesson=1&step=3")  # the address names lesson and step only
    page.get_by_role("heading", level=1).click()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowRight")
    at(page, 4)
    page.keyboard.press("PageUp")
    at(page, 3)
    page.keyboard.press("ArrowLeft")
    at(page, 2)
    assert answers.nth(2).is_checked()
    assert answers.nth(2).is_disabled()


def test_a_link_into_the_middle_asks_first(visit):
    last = len(FIRST.steps)
    page = visit(f"/lessons?lesson=1&step={last}")
    for number, step in enumerate(FIRST.steps, 1):
        if isinstance(step, Predict):
            at(page, number)
            assert page.url.endswith(f"step={last}")
            predict(page)
    at(page, last)


def test_a_phone_goes_on_where_it_was_after_the_session_is_lost(visit):
    page = visit("/lessons?lesson=1&step=4", width=390, height=844)
    at(page, 2)
    predict(page)
    at(page, 4)
    page.wait_for_function("() => sessionStorage.getItem('robustnorm-lab predictions')?.includes('tiny')")
    page.reload()  # a new session on the server
    at(page, 4)
    page.locator(".st-key-lesson_next button").click()
    at(page, 5)
    page.get_by_text("You predicted").wait_for()
    assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")
    page.locator(".st-key-lesson_ways button:has-text('All lessons')").click()
    page.get_by_text("1 of 3 predictions made").wait_for()


@pytest.fixture
def app(tmp_path):
    """app(): a server of its own at one address; the next call kills it without a warning and starts another there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    running = []

    def start() -> str:
        for process in running:
            process.kill()
            process.wait(20)
        with (tmp_path / "log").open("a") as log:
            command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
            running.append(subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT))
        for _ in range(600):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                return f"http://127.0.0.1:{port}"
            time.sleep(0.1)
        pytest.fail((tmp_path / "log").read_text())

    yield start
    running[-1].kill()
    running[-1].wait(20)


def test_an_open_page_goes_on_with_a_server_that_knows_nothing_of_it(app, browser):
    """As for a phone that was locked until its session was dropped: the first tap counts, predictions are there."""
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.set_default_timeout(90_000)
    page.goto(f"{app()}/lessons?lesson=1&step=4")
    at(page, 2)
    predict(page)
    at(page, 4)
    page.wait_for_function("() => sessionStorage.getItem('robustnorm-lab predictions')?.includes('tiny')")
    with page.expect_event("websocket"):
        app()
    page.wait_for_timeout(1_000)
    page.locator(".st-key-lesson_next button").click()
    at(page, 5)
    page.get_by_text("You predicted").wait_for()
    page.close()


def test_a_word_opens_by_key_and_by_tap(visit):
    page = visit("/lessons?lesson=1&step=1", width=390, height=844)
    at(page, 1)
    page.get_by_role("button", name="eps").focus()
    page.keyboard.press("Enter")
    page.get_by_text("no colour value of any pixel changes").wait_for()


def test_sheets_are_files(visit):
    page = visit("/lessons")
    page.locator(".st-key-print-1 button").first.click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Teacher's sheet").click()
    text = download.value.path().read_text("utf-8")
    assert download.value.suggested_filename == "lesson-1-teacher.html"
    assert f'{page.url.removesuffix("/lessons")}/lessons?lesson=1&amp;step=12&amp;present=1"' in text
