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


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """`serve(script, *options, **environment)` is the address of a server, whose log may hold no traceback."""
    running = []

    def start(script: Path, *more: str, **variables: str) -> str:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        folder = tmp_path_factory.mktemp("server")
        log = folder / "log"
        offline = {"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(folder / "hub")}
        environment = {**os.environ, **offline, "PYTHONPATH": str(ROOT), "RNORM_HOME": str(folder / "home")}
        for mine in ("CIFAR_ROOT", "OMP_NUM_THREADS", "DATABASE_URL", "RNORM_URL"):  # the server is as visitors find it
            environment.pop(mine, None)
        environment |= variables
        options = ["--server.port", str(port), "--server.address", "127.0.0.1", "--server.headless", "true"]
        command = [sys.executable, "-m", "streamlit", "run", str(script), *options, *more]
        with log.open("w") as out:
            process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=subprocess.STDOUT)
        running.append((process, log))
        address = f"http://127.0.0.1:{port}"
        _wait_until_it_answers(f"{address}/_stcore/health", process, log)
        return address

    yield start
    for process, _ in running:
        process.terminate()
    for process, log in running:
        process.wait(20)
        assert "Traceback" not in log.read_text(), log.read_text()[-4000:]


@pytest.fixture(scope="session")
def server(serve) -> str:
    """Address of the running app."""
    return serve(ROOT / "app.py")


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
def visit(visit_at, server):
    """`visit("/craft?eps=2")` opens a page of the app; see `visit_at`."""
    return lambda path="/", **size: visit_at(server + path, **size)


@pytest.fixture
def visit_at(browser):
    """`visit_at(address)` opens it in a browser of its own; what went wrong in any of them fails the test."""
    opened, wrong = [], []

    def note(message) -> None:
        text = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not ALLOWED.search(text):
            wrong.append(f"console: {text}")

    def leaving(request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            wrong.append(f"another host: {request.url}")

    def start(address: str, width: int = 1280, height: int = 900):
        context = browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", note)
        page.on("request", leaving)
        page.on("pageerror", lambda error: wrong.append(f"page: {error}"))
        page.goto(address)
        opened.append((page, context))
        return page

    yield start
    for page, context in opened:
        wrong += [f"shown: {box.inner_text()[:400]}" for box in page.locator("[data-testid=stException]").all()]
        page.close()
        context.close()
    assert not wrong, wrong
