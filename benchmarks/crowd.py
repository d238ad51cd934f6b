"""A class on one server: `python -m benchmarks.crowd`, with Playwright and a Chromium for the browsers among them.

Visitors speak Streamlit's protocol over real WebSockets (`benchmarks/visitor.py`) to the real server, in public mode.
They and a few browsers share this machine's cores with it. Their addresses have seeds that nobody has used before,
except where all open the same one. The *floor* of a task: the server's processor time for one person alone, times the
people, over the cores. An answer is *wrong* if one person alone reads another sentence at that address on a new server;
its figures may differ by one per cent, since engines round differently. Memory is that of the server's process.

`--quick` has three people for a moment. `--address URL` asks a server that already runs, such as several behind nginx.
"""

import argparse
import asyncio
import os
import random
import re
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from playwright.async_api import async_playwright

from benchmarks.pages import ROOT, WATCH, serve
from benchmarks.report import machine, publish
from benchmarks.visitor import Lost, View, Visitor

PEOPLE, BROWSERS, CHECKED = 30, 2, 3
PATIENCE = 600  # seconds
ROUNDING = 1.0  # per cent
FORGOTTEN = 150  # seconds until the server forgets a session whose browser is gone
MIXED = ("/", "/craft", "/shift", "/accuracy", "/batch", "/inside", "/paper", "/glossary")  # what a mixed class opens
PAUSE = (5.0, 25.0)  # seconds that somebody looks at a page
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass
class Task:
    """What a class does at once. goals: (median, 95th percentile) in seconds, by moment.

    address: of a person, by a number that nobody else has. within: seconds in which all of them come.
    """

    title: str
    address: Callable[[int], str]
    within: float
    goals: dict[str, tuple[float, float]]


TASKS = [
    Task("The same lesson step", lambda _: "/lessons?lesson=1&step=1", 10, {"picture": (1, 2), "complete": (1, 2)}),
    Task("Different attacks", "/craft?seed={}".format, 1, {"player": (4, 8), "complete": (15, 30)}),
    Task("Statistic shift", "/shift?seed={}".format, 1, {"picture": (12, 25)}),  # complete: with all sizes
]
MOMENTS = {"element": "first element", "picture": "first picture", "player": "chosen eps", "complete": "complete"}


@dataclass
class Crowd:
    """What all people of a task saw."""

    views: list[View] = field(default_factory=list)
    browsers: list[dict[str, float]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    floor: float = 0.0
    session_mb: float = 0.0

    @property
    def errors(self) -> list[str]:
        return [error for view in self.views for error in view.errors]

    def times(self, moment: str) -> list[float]:
        return [at for view in self.views if (at := getattr(view, moment)) is not None]


class Server:
    """The app in a process of its own, or one that already runs: then its memory and time are not known."""

    def __init__(self, address: str = "") -> None:
        self._process: subprocess.Popen | None = None
        self.address = address
        if not address:
            self._process, self.address = serve(ROOT / "app.py", RNORM_PUBLIC="1")

    def megabytes(self) -> float:
        if self._process is None:
            return 0.0
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000

    def seconds(self) -> float:
        """Processor time since the start."""
        if self._process is None:
            return 0.0
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


async def alone(server: Server, address: str) -> View:
    async with Visitor(server.address) as visitor:
        return await visitor.open(address)


async def come_together(server: Server, task: Task, addresses: Sequence[str], browsers: int) -> Crowd:
    """All come at random moments of `task.within` seconds; all stay until the last one is done."""
    crowd, before = Crowd(), server.megabytes()
    visitors = [Visitor(server.address) for _ in addresses]

    async def one(visitor: Visitor, address: str) -> None:
        await asyncio.sleep(random.uniform(0, task.within))
        await visitor.__aenter__()
        try:
            crowd.views.append(await visitor.open(address, PATIENCE))
        except Lost as error:
            crowd.lost.append(str(error))

    async with asyncio.TaskGroup() as group:
        for visitor, address in zip(visitors, addresses, strict=True):
            group.create_task(one(visitor, address))
        if browsers:
            group.create_task(_browse(server, crowd, [task.address(9000 + turn) for turn in range(browsers)]))
    crowd.session_mb = (server.megabytes() - before) / (len(addresses) + browsers)
    await asyncio.gather(*(visitor.__aexit__() for visitor in visitors))
    return crowd


async def _browse(server: Server, crowd: Crowd, addresses: Sequence[str]) -> None:
    """The same in real browsers; their times stand apart, because each needs much of a core itself."""
    async with async_playwright() as playwright:
        program = shutil.which("chromium")
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])

        async def one(address: str) -> None:
            page = await browser.new_page(bypass_csp=True)  # the policy refuses what Playwright evaluates
            await page.add_init_script(WATCH)
            await page.goto(server.address + address)
            await page.evaluate("watch('', -1); seen.began = 0")
            await page.wait_for_function("seen.complete !== undefined", timeout=1000 * PATIENCE)
            crowd.browsers.append({name: at / 1000 for name, at in (await page.evaluate("seen")).items()})

        await asyncio.gather(*(one(address) for address in addresses))
        await browser.close()


async def mixed_class(server: Server, people: int, minutes: float, numbers: Iterator[int]) -> Crowd:
    """Everybody opens one page after another, each with settings of their own, and looks at it for a while."""
    crowd, end = Crowd(), time.perf_counter() + 60 * minutes

    async def one() -> None:
        async with Visitor(server.address) as visitor:
            while time.perf_counter() < end:
                await asyncio.sleep(random.uniform(*PAUSE) if minutes > 1 else 0.2)
                try:
                    crowd.views.append(await visitor.open(f"{random.choice(MIXED)}?seed={next(numbers)}", PATIENCE))
                except Lost as error:
                    crowd.lost.append(str(error))

    async with asyncio.TaskGroup() as group:
        for _ in range(people):
            group.create_task(one())
    return crowd


async def compare(crowd: Crowd) -> None:
    """Asks some of the questions again, alone and on a new server, and notes every other answer."""
    server = Server()
    try:
        for view in random.sample(crowd.views, min(CHECKED, len(crowd.views))):
            again = await alone(server, view.address)
            if not same(again.answer, view.answer):
                crowd.wrong.append(f"{view.address}: {view.answer!r}, alone {again.answer!r}")
    finally:
        server.stop()


def same(answer: str, other: str) -> bool:
    """Whether two sentences differ at most in their figures, and these by at most `ROUNDING`."""
    (words, figures), (more_words, more_figures) = map(_take_apart, (answer, other))
    return words == more_words and all(abs(a - b) <= ROUNDING for a, b in zip(figures, more_figures, strict=True))


def _take_apart(answer: str) -> tuple[str, list[float]]:
    figure = r"\d+(?:\.\d+)?"
    return re.sub(figure, "#", answer), [float(found) for found in re.findall(figure, answer)]


def row(title: str, crowd: Crowd, goals: dict[str, tuple[float, float]]) -> str:
    """Markdown: for each moment the median and the 95th percentile, and after them the goals."""
    cells = [title, str(len(crowd.views))]
    for moment in MOMENTS:
        times = crowd.times(moment)
        goal = " (goal {:g} / {:g})".format(*goals[moment]) if moment in goals else ""
        cells.append(f"{statistics.median(times):.1f} / {percentile(times):.1f}{goal}" if times else "")
    cells.append(f"{crowd.floor:.1f}" if crowd.floor else "")
    browsers = [seen["complete"] for seen in crowd.browsers]
    cells.append(f"{statistics.median(browsers):.1f} ({len(browsers)})" if browsers else "")
    cells.append(f"{crowd.session_mb:.1f}" if crowd.session_mb else "")
    cells += [str(len(problems)) for problems in (crowd.errors, crowd.lost, crowd.wrong)]
    return "| " + " | ".join(cells) + " |"


def percentile(values: Sequence[float], share: float = 0.95) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


async def measure(options: argparse.Namespace) -> Iterator[str]:
    people, browsers = (3, 0) if options.quick else (options.people, BROWSERS)
    numbers = count(int(time.time()) % 4000 + 1000)
    server, memory, problems, lines = Server(options.address), [], [], []
    try:
        for address in MIXED:  # reads models and tables once
            await alone(server, address)
        memory.append(("at rest, after one visit to each page", server.megabytes()))
        for task in TASKS:
            before = server.seconds()
            await alone(server, task.address(next(numbers)))
            cost = server.seconds() - before
            addresses = [task.address(next(numbers)) for _ in range(people)]
            crowd = await come_together(server, task, addresses, browsers)
            crowd.floor = cost * people / (os.cpu_count() or 1)
            if not options.address:
                await compare(crowd)
            memory.append((f"with the sessions of: {task.title}", server.megabytes()))
            lines.append(row(task.title, crowd, task.goals))
            problems += crowd.errors + crowd.lost + crowd.wrong
        if minutes := 0.1 if options.quick else options.minutes:
            crowd = await mixed_class(server, people, minutes, numbers)
            memory.append((f"a mixed class of {minutes:g} minutes", server.megabytes()))
            lines.append(row(f"A mixed class, {minutes:g} minutes", crowd, {}))
            problems += crowd.errors + crowd.lost
        if not options.quick:
            await asyncio.sleep(FORGOTTEN)
            await alone(server, "/glossary")  # only then Streamlit drops what it has forgotten
            memory.append((f"{FORGOTTEN} s after the last session ended, with the next visitor", server.megabytes()))
    finally:
        server.stop()
    return _text(lines, memory if not options.address else [], problems)


def _text(lines: Sequence[str], memory: Sequence[tuple[str, float]], problems: Sequence[str]) -> Iterator[str]:
    heads = [
        "",
        "views",
        *MOMENTS.values(),
        "floor",
        "browsers, complete (n)",
        "MB a session",
        "errors",
        "lost",
        "wrong",
    ]
    yield "Seconds; median / 95th percentile.\n"
    yield "| " + " | ".join(heads) + " |"
    yield "| --- " * len(heads) + "|"
    yield from lines
    if memory:
        yield "\n### Memory of the server (MB)\n"
        yield "| | |\n| --- | --- |"
        yield from (f"| {title} | {megabytes:.0f} |" for title, megabytes in memory)
    if problems:
        yield "\n### What went wrong\n"
        yield from (f"- {problem}" for problem in problems[:30])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crowd", description=__doc__)
    parser.add_argument("--people", type=int, default=PEOPLE)
    parser.add_argument("--minutes", type=float, default=10, help="of the mixed class")
    parser.add_argument("--quick", action="store_true", help="three people for a moment, to see that all of this works")
    parser.add_argument("--address", default="", help="of a server that already runs")
    parser.add_argument("--out", type=Path, help="also write the tables to this file")
    options = parser.parse_args()
    began = machine()
    body = "\n".join(asyncio.run(measure(options)))
    text = f"# A class\n\n{began}. `python -m benchmarks.crowd`\n\n{body}\n"
    publish(text, options.out)


if __name__ == "__main__":
    main()
