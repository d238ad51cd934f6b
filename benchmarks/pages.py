"""How long visitors wait: `python -m benchmarks.pages`, with Playwright and a Chromium.

Every measurement has a browser context of its own with an empty cache; server and browser share this machine. A
*picture* is an image, a canvas or a chart in the main part of the page. A view is *complete* when the script has ended,
nothing is stale or in progress, and all charts are drawn. New questions have a seed that was not used before, so that
no result is known. The slow visitor has a processor that is `SLOWER` times as slow, and 4G (`MOBILE`; Chromium does not
slow WebSockets, which carry all but the program files). Bytes count bodies as they are sent, and WebSocket frames after
decompression. Times are read every 15 ms.

`--quick` visits two pages once. `--out FILE` also writes the tables as Markdown.
"""

import argparse
import base64
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, sync_playwright
from playwright.sync_api import TimeoutError as NoSuchElement

from benchmarks.report import machine, publish

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "/glossary": "Glossary", "/craft": "Craft an attack", "/inside": "Inside a norm layer", "/shift": "Statistic shift",
    "/accuracy": "Accuracy", "/batch": "Batch statistics", "/paper": "The paper", "/honesty": "Is it really robust?",
    "/models": "Models", "/": "Start",
}  # fmt: skip
CORRUPTIONS = "/batch?part=Corruptions"
QUICK = ("/shift", "/accuracy")
SLOWER = 4
MOBILE = {"offline": False, "latency": 85, "downloadThroughput": 9e6 / 8, "uploadThroughput": 1.5e6 / 8}  # ms, bytes/s
WAIT = 120_000  # ms
GOALS = {  # in the unit of their table
    "to first picture": 0.5, "to complete": 1.5, "to player": 1.0, "scrub": 16, "eps, known course": 0.3,
    "server up to first picture": 3.0, "to first point": 1.0, "all points": 6.0,
}  # fmt: skip

# In every page: what is there now, and the times at which it came. `watch(title)` begins a measurement; `title` is the
# heading that must be gone before anything counts, as old pictures stay for a moment. On the same page it is "", and
# `runs`, the changes of the script's state, must have grown. Components may have a shadow root. A look must be cheap,
# because it delays what it measures, so they are searched for a few times a second only.
WATCH = """
window.shadows = () => {
  if (!(performance.now() - window.searched < 200)) {
    window.searched = performance.now();
    window.hosts = [...document.querySelectorAll('[data-testid=stMain] div')].filter(e => e.shadowRoot);
  }
  return hosts.map(host => host.shadowRoot);
};
window.everywhere = selector => [document.querySelector('[data-testid=stMain]'), ...shadows()]
  .flatMap(root => [...root.querySelectorAll(selector)]);
window.heading = () => document.querySelector('[data-testid=stMain] h1')?.innerText ?? '';
window.runs = 0;
new MutationObserver(changes => { window.runs += changes.length; })
  .observe(document, {subtree: true, attributes: true, attributeFilter: ['data-test-script-state']});
window.watch = (oldTitle, oldRuns) => {
  window.seen = {began: performance.now()};
  let still = null;
  clearInterval(window.watcher);
  window.watcher = setInterval(() => {
    const main = document.querySelector('[data-testid=stMain]'), now = performance.now();
    if (!main || !heading() || (oldTitle ? heading() === oldTitle : runs <= oldRuns)) return;
    const note = (name, is_there) => { if (!(name in seen) && is_there()) seen[name] = now; };
    const fresh = e => !(e.getRootNode().host ?? e).closest('[data-stale=true]');
    const player = everywhere('[data-player]')[0];
    note('picture', () => everywhere('img, canvas, .main-svg').some(e => fresh(e) && e.complete !== false));
    note('chart', () => everywhere('.js-plotly-plot .main-svg').some(fresh));
    note('chosen', () => player && fresh(player) && player.dataset.ready);
    note('all', () => player && fresh(player) && player.dataset.ready === 'all');
    const done = document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'
      && !main.querySelector('[data-testid=stProgress], [data-testid=stSkeleton], [data-stale=true]')
      && everywhere('.chart').every(chart => chart.querySelector('.main-svg'))
      && (!player || player.dataset.ready === 'all');
    still = done ? still ?? now : null;
    if (still !== null && now - still > 400) { seen.complete = still; clearInterval(window.watcher); }
  }, 15);
};
"""
SCRUB = """async () => {
  const player = everywhere('[data-player]')[0];
  const slider = everywhere('input[name=step]')[0];
  const times = [];
  for (let turn = 0; turn < 20; turn++) {
    const before = player.dataset.drawn, began = performance.now();
    const drawn = new Promise(resolve => new MutationObserver((_, observer) => {
      if (player.dataset.drawn !== before) { observer.disconnect(); resolve(performance.now()); }
    }).observe(player, {attributes: true, attributeFilter: ['data-drawn']}));
    slider.value = String(Number(slider.value) === Number(slider.max) ? 0 : Number(slider.value) + 1);
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    times.push((await drawn - began) / 1000);
  }
  return times;
}"""


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
            time.sleep(0.02)


@dataclass
class Traffic:
    """Bytes that the browser of one page receives."""

    files: float = 0
    frames: float = 0

    def listen(self, session: CDPSession) -> "Traffic":
        session.send("Network.enable")
        session.on("Network.loadingFinished", lambda event: self._add_file(event["encodedDataLength"]))
        session.on("Network.webSocketFrameReceived", lambda event: self._add_frame(event["response"]))
        return self

    def _add_file(self, size: float) -> None:
        self.files += size

    def _add_frame(self, response: dict[str, Any]) -> None:
        data = response["payloadData"]
        self.frames += len(base64.b64decode(data)) if response["opcode"] == 2 else len(data)

    @property
    def total(self) -> float:
        return self.files + self.frames


@dataclass
class Visit:
    """One browser context with one page of the app."""

    page: Page
    traffic: Traffic

    def open(self, url: str) -> dict[str, float]:
        """Follows a link from outside; see `_seen`. The time begins with the request."""
        self.page.goto(url)
        self.page.evaluate("watch('', -1); seen.began = 0")
        return self._seen()

    def do(self, action: Callable[[Page], object], *, leaves_page: bool) -> dict[str, float]:
        """Does something on the page and waits until its new view is complete; see `_seen`."""
        self.page.evaluate("leaves => watch(leaves ? heading() : '', runs)", leaves_page)
        before = self.traffic.total
        action(self.page)
        return self._seen() | {"bytes": self.traffic.total - before}

    def _seen(self) -> dict[str, float]:
        """Seconds from the beginning until the first picture, the first chart, the player and the complete view."""
        self.page.wait_for_function("seen.complete !== undefined", timeout=WAIT)
        seen = self.page.evaluate("seen")
        began = seen.pop("began")
        return {name: (at - began) / 1000 for name, at in seen.items()}

    def plotly(self) -> float | None:
        """Milliseconds after the page's first request at which its browser asked for plotly; None if it did not."""
        return self.page.evaluate(
            "performance.getEntriesByType('resource').find(e => /plotly/i.test(e.name))?.startTime ?? null"
        )


@dataclass
class Table:
    """Measured values by row and column."""

    title: str
    unit: str
    values: dict[str, dict[str, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))

    def add(self, row: str, **columns: float | None) -> None:
        for name, value in columns.items():
            if value is not None:
                self.values[row][name.replace("_", " ")].append(value)

    def lines(self) -> Iterator[str]:
        """Markdown: the median, and in brackets the largest value."""
        columns = list(dict.fromkeys(name for row in self.values.values() for name in row))
        yield f"\n### {self.title} ({self.unit})\n"
        heads = [f"{name}{f' (goal {GOALS[name]:g})' if name in GOALS else ''}" for name in columns]
        yield "| | " + " | ".join(heads) + " |"
        yield "| --- " * (len(columns) + 1) + "|"
        for row, cells in self.values.items():
            texts = [median_and_largest(cells[name], self.unit) if name in cells else "" for name in columns]
            yield f"| {row} | " + " | ".join(texts) + " |"


def median_and_largest(values: list[float], unit: str) -> str:
    digits = {"s": 2, "ms": 1}.get(unit, 0)
    return f"{statistics.median(values):,.{digits}f} ({max(values):,.{digits}f})"


class Benchmark:
    def __init__(self, browser: Browser, pages: dict[str, str], address: str) -> None:
        self.browser, self.pages, self.address = browser, pages, address
        self.seeds = count(int(time.time()) % 5000 + 1000)  # of questions that nobody has asked this server
        self.switches = Table("From Start to another page, its default view", "s")
        self.slow = Table(f"The same with a processor {SLOWER} times as slow and 4G", "s")
        self.questions = Table("New questions, and changes on a page", "s")
        self.scrubs = Table("Moving the step slider of the player", "ms")
        self.start = Table("The first visitor of a new server, on Start", "s")
        self.sizes = Table("What the browser receives", "kB")
        self.plotly = Table("Opened from outside: when plotly is requested, and the first picture", "ms")

    @property
    def tables(self) -> list[Table]:
        return [self.switches, self.slow, self.questions, self.scrubs, self.start, self.sizes, self.plotly]

    @contextmanager
    def visit(self, slow: bool = False) -> Iterator[Visit]:
        # The policy of the pages refuses what Playwright evaluates.
        context = self.browser.new_context(viewport={"width": 1440, "height": 900}, bypass_csp=True)
        page = context.new_page()
        page.set_default_timeout(WAIT)
        page.add_init_script(WATCH)
        session = context.new_cdp_session(page)
        traffic = Traffic().listen(session)
        if slow:
            session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
            session.send("Network.emulateNetworkConditions", MOBILE)
        yield Visit(page, traffic)
        context.close()

    def round(self) -> None:
        for path, name in self.pages.items():
            for slow in (False, True):
                self._switch(path, name, slow)
            self._open(path, name)
        if "/shift" in self.pages:
            self._course("/shift", "Statistic shift")
            self._known_course()
        if "/batch" in self.pages:
            self._course(CORRUPTIONS, "Corruptions")
        for path, name in (("/", "Start"), ("/craft", "Craft an attack")):
            if path in self.pages:
                self._player(path, name)

    def first_visitor(self) -> None:
        """A new process of the server, and somebody who opens Start as soon as it answers."""
        began = time.perf_counter()
        server, address = serve(ROOT / "app.py")
        up = time.perf_counter() - began
        try:
            with self.visit() as visit:
                seen = visit.open(address)
        finally:
            server.terminate()
            server.wait()
        picture = seen.get("picture", seen["complete"])
        self.start.add(
            "Start", process_to_server_up=up, server_up_to_first_picture=picture, process_to_first_picture=up + picture,
            server_up_to_complete=seen["complete"],
        )  # fmt: skip

    def _switch(self, path: str, name: str, slow: bool) -> None:
        with self.visit(slow) as visit:
            visit.open(self.address + ("/models" if path == "/" else "/"))
            link = visit.page.get_by_test_id("stSidebarNav").get_by_role("link", name=name, exact=True)
            seen = visit.do(lambda page: link.click(), leaves_page=True)
        table = self.slow if slow else self.switches
        table.add(name, to_first_picture=seen.get("picture"), to_complete=seen["complete"])
        if not slow:
            self.sizes.add(name, switch_to_it=seen["bytes"] / 1000)

    def _open(self, path: str, name: str) -> None:
        with self.visit() as visit:
            seen = visit.open(self.address + path)
            self.sizes.add(
                name, files_when_opened=visit.traffic.files / 1000, frames_when_opened=visit.traffic.frames / 1000
            )
            picture = seen.get("picture")
            self.plotly.add(name, plotly_requested=visit.plotly(), first_picture=picture and 1000 * picture)

    def _course(self, path: str, name: str) -> None:
        """A new seed on an open page: the first point and the complete course."""
        with self.visit() as visit:
            visit.open(self.address + path)
            self._open_settings(visit.page)
            seen = visit.do(self._new_seed, leaves_page=False)
        self.questions.add(f"{name}, new seed", to_first_point=seen.get("chart"), all_points=seen["complete"])
        self.sizes.add(name, new_seed=seen["bytes"] / 1000)

    def _known_course(self) -> None:
        with self.visit() as visit:
            visit.open(f"{self.address}/shift")
            slider = visit.page.get_by_test_id("stMain").get_by_role("slider").last
            slider.focus()
            seen = visit.do(lambda page: page.keyboard.press("ArrowRight"), leaves_page=False)
        self.questions.add("Statistic shift, eps", **{"eps,_known_course": seen["complete"]})
        self.sizes.add("Statistic shift", eps=seen["bytes"] / 1000)

    def _player(self, path: str, name: str) -> None:
        """A new seed: another image on Start, and on both pages an attack that nobody has asked for."""
        with self.visit() as visit:
            visit.open(self.address + path)
            self._open_settings(visit.page)
            seen = visit.do(self._new_seed, leaves_page=False)
            self.questions.add(
                f"{name}, new seed", to_first_picture=seen.get("picture"), to_player=seen.get("chosen"),
                to_whole_landscape=seen.get("all"), to_complete=seen["complete"],
            )  # fmt: skip
            self.sizes.add(name, new_seed=seen["bytes"] / 1000)
            if "chosen" in seen:
                for seconds in visit.page.evaluate(SCRUB):
                    self.scrubs.add(name, scrub=1000 * seconds)

    def _open_settings(self, page: Page) -> None:
        page.get_by_role("button", name="Settings").click()
        page.get_by_label("Seed", exact=True).wait_for()

    def _new_seed(self, page: Page) -> None:
        box = page.get_by_label("Seed", exact=True)
        box.fill(str(next(self.seeds)))
        box.press("Enter")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one round of two pages, to see that all of this works")
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="program; default: the installed Chromium")
    options = parser.parse_args()
    pages = {path: name for path, name in PAGES.items() if path in QUICK or not options.quick}
    rounds, began = 1 if options.quick else options.rounds, machine()
    server, address = serve(ROOT / "app.py")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"])
        benchmark = Benchmark(browser, pages, address)
        try:
            for path in pages:  # the server reads models and tables once
                with benchmark.visit() as visit:
                    visit.open(address + path)
            for _ in range(rounds):
                benchmark.round()
                benchmark.first_visitor()
        except NoSuchElement as error:
            raise SystemExit(f"The app did not come that far: {error}") from error
        finally:
            browser.close()
            server.terminate()
    text = f"# Pages\n\nMedian (largest) of {rounds} rounds. {began}. `python -m benchmarks.pages`\n"
    text += "\n".join(line for table in benchmark.tables if table.values for line in table.lines()) + "\n"
    publish(text, options.out)


if __name__ == "__main__":
    main()
