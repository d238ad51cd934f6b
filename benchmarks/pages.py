"""The time until a page shows its first picture: `python -m benchmarks.pages`, with Playwright and a Chromium.

Seconds from following a link to a page's title, its first picture (of pixels or vectors, in the page's main part) and
its first plotly chart, in a browser with an empty cache, on a server that has shown each page once. `bare` is
a minimal Streamlit page with a title and one chart. Server and browser share this machine's processors.
The aim is a first picture within two seconds on every page with an experiment.
"""

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PARTS = ("Batch+size", "Neighbours", "Poisoned+neighbours", "Patched+layers", "Counted+anew")
PAGES = ("/whose", *(f"/whose?part={part}" for part in PARTS), "/corruptions", "/inside", "/honesty", "/paper", "/",
         "/accuracy", "/shift", "/models")  # fmt: skip
BARE = """
import plotly.graph_objects as go, streamlit as st
st.title("Bare")
st.plotly_chart(go.Figure(go.Scatter(x=[1, 2], y=[3, 4])))
"""
# Checked before every frame: the first time at which each of these elements is in the page.
WATCH = """
window.seen = {};
const selectors = {title: "h1", picture: "img", chart: ".js-plotly-plot .main-svg"};
const look = () => {
  for (const [name, selector] of Object.entries(selectors))
    if (!(name in seen) && document.querySelector(`[data-testid=stMain] ${selector}`)) seen[name] = performance.now();
  requestAnimationFrame(look);
};
requestAnimationFrame(look);
"""


def serve(app: Path, **environment: str) -> tuple[subprocess.Popen, str]:
    """Starts Streamlit with this app and these environment variables; returns (process, address) when it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = f"--server.port {port} --server.address 127.0.0.1 --server.headless true"
    command = [sys.executable, "-m", "streamlit", "run", app.name, *options.split()]
    no_output = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen(command, cwd=app.parent, env=os.environ | environment, **no_output)
    while True:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2).close()
            return server, f"http://127.0.0.1:{port}"
        except OSError:
            time.sleep(0.1)


def visit(browser, url: str) -> dict[str, float]:
    """Seconds until title, picture and chart appear; without those that do not appear."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(url)
    page.wait_for_selector(".js-plotly-plot .main-svg", timeout=60_000)
    page.wait_for_timeout(300)
    seen = page.evaluate("seen")
    context.close()
    return {name: milliseconds / 1000 for name, milliseconds in seen.items()}


def median_and_largest(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.1f} ({max(seconds):.1f})" if seconds else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="program; default: the installed Chromium")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        bare = Path(folder) / "bare.py"
        bare.write_text(BARE)
        shutil.copytree(ROOT / ".streamlit", bare.parent / ".streamlit")  # the same settings
        servers = [serve(ROOT / "app.py"), serve(bare)]
        (_, ours), (_, peers) = servers
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox"])
        try:
            names = {"bare": peers, **{page: ours + page for page in PAGES}}
            times: dict[str, list[dict[str, float]]] = {name: [] for name in names}
            for turn in range(options.rounds + 1):
                for name, url in names.items():
                    shown = visit(browser, url)
                    if turn:  # the first round only shows each page once
                        times[name].append(shown)
            print(f"median (largest) of {options.rounds} rounds, seconds; chart: times that of the bare page")
            usual = statistics.median(shown["chart"] for shown in times["bare"])
            print(f"{'page':34} {'title':>12} {'picture':>12} {'chart':>12}")
            for name, shown in times.items():
                cells = [
                    median_and_largest([one[what] for one in shown if what in one])
                    for what in ("title", "picture", "chart")
                ]
                ratio = statistics.median(one["chart"] for one in shown) / usual
                print(f"{name:34} {cells[0]:>12} {cells[1]:>12} {cells[2]:>12} {ratio:5.2f}")
        finally:
            browser.close()
            for server, _ in servers:
                server.terminate()


if __name__ == "__main__":
    main()
