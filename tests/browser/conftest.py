"""A server of this checkout without a network, and a browser that notices what it should not see."""

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
# On a deep link Streamlit first looks for itself under the page's path; and a browser without a GPU says so.
ALLOWED = re.compile(r"_stcore/(health|host-config)|WebGL|GPU stall|swiftshader", re.IGNORECASE)


def pytest_collection_modifyitems(items):
    """A journey that fails is tried once more, and pytest says so.

    On a slow machine a page once lacked its middle when its work was done, and stayed so; tried alone, it did not.
    """
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """Address of a running app; its log must hold no traceback in the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("server")
    log = folder / "log"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(folder / "hub"), "OMP_NUM_THREADS": "1"}
    environment.pop("CIFAR_ROOT", None)
    options = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
    options += ["--server.fileWatcherType", "none"]  # an edit while the tests run must not show on the pages
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *options]
    with log.open("w") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_until_it_answers(f"{address}/_stcore/health", process, log)
        yield address
    finally:
        process.terminate()
        process.wait(20)
    assert "Traceback" not in log.read_text(), log.read_text()[-4000:]


def _wait_until_it_answers(url: str, process: subprocess.Popen, log: Path) -> None:
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail(f"the server does not answer: {log.read_text()}")


@pytest.fixture(scope="session")
def browser(chromium):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        yield running
        running.close()


@pytest.fixture
def settled():
    """`settled(page, charts)` waits until all work is done and at least so many charts are drawn."""

    def wait(page, charts: int) -> None:
        page.wait_for_function(
            """charts => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
                     && !document.querySelector('[data-testid=stMain] [data-testid=stProgress]')
                     && document.querySelectorAll('.js-plotly-plot').length >= charts""",
            arg=charts,
        )

    return wait


@pytest.fixture
def visit(browser, server):
    """`visit("/craft?eps=2")` opens a page in a browser of its own; what went wrong in any of them fails the test."""
    opened, wrong = [], []

    def note(message) -> None:
        text = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not ALLOWED.search(text):
            wrong.append(f"console: {text}")

    def leaving(request) -> None:
        if not request.url.startswith((server, "data:", "blob:")):
            wrong.append(f"another host: {request.url}")

    def start(path: str = "/", width: int = 1280, height: int = 900):
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("console", note)
        page.on("request", leaving)
        page.on("pageerror", lambda error: wrong.append(f"page: {error}"))
        page.goto(server + path)
        opened.append((page, context))
        return page

    yield start
    for page, context in opened:
        wrong += [f"shown: {box.inner_text()[:400]}" for box in page.locator("[data-testid=stException]").all()]
        page.close()
        context.close()
    assert not wrong, wrong
