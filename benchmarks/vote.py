"""Load of the class vote: `python -m benchmarks.vote`, with Playwright, a Chromium, and Debian's package `postgresql`.

The server is the app as people start it. Its phones join within the first fifth of a minute, ask every two to three
seconds what is open, and vote at a random moment of the minute; every fifth changes its mind, and every tenth sends its
answer twice, as after a lost reply. Meanwhile a presenter's page counts them, and a visitor's page attacks: new seeds
of Statistic shift, one after the other. Times are those of a phone, from the request to the whole reply; phones, both
browsers' pages, the database and the server share this machine. Then the vote is closed and counted.

`--quick` has few phones and a few seconds, to see that all of this works. `--out FILE` also writes the table.
"""

import argparse
import asyncio
import json
import random
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Page, sync_playwright

from benchmarks.pages import ROOT, serve
from benchmarks.report import machine, publish
from rnorm_core.classroom.question import Choice, Question
from rnorm_core.classroom.vote.codes import new_token
from rnorm_core.classroom.vote.state import Key
from rnorm_core.classroom.vote.store import Store
from tests import postgres

QUESTION = Question("Which of them does an attack move?", tuple(map(Choice, ("the mean", "the scale", "neither"))), 1)
EVERY = (2.0, 3.0)  # seconds between two questions of a phone
GOAL = 200  # ms, of the 95th percentile of a vote


class Connection:
    """HTTP/1.1 over one connection that stays open, with little work of its own."""

    def __init__(self, address: str) -> None:
        self.host, self.port = urlsplit(address).hostname, urlsplit(address).port
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, method: str, path: str, fields: dict | None = None) -> tuple[int, bytes]:
        """(status, body). A connection that the server has closed meanwhile is opened again."""
        body = json.dumps(fields).encode() if fields else b""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nContent-Length: {len(body)}\r\n\r\n"
        for fresh in (False, True):
            if self.streams is None or fresh:
                self.streams = await asyncio.open_connection(self.host, self.port)
            reader, writer = self.streams
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                writer.write(head.encode() + body)
                answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                size = int(answer.lower().split("content-length: ")[1].split("\r\n")[0])
                return int(answer.split(" ")[1]), await reader.readexactly(size)
        raise ConnectionError(path)

    def close(self) -> None:
        if self.streams:
            self.streams[1].close()


@dataclass
class Phone:
    """counted: the last answer that the server has acknowledged."""

    address: str
    code: str
    token: str = field(default_factory=new_token)
    counted: int | None = None
    votes: list[float] = field(default_factory=list)  # ms
    looks: list[float] = field(default_factory=list)  # ms

    async def live(self, seconds: float, rng: random.Random) -> None:
        connection, end = Connection(self.address), time.perf_counter() + seconds
        await asyncio.sleep(rng.uniform(0, seconds / 5))
        status, page = await connection.send("GET", f"/vote/{self.code}")
        assert (status, b"<form" in page) == (200, True)
        answers = [time.perf_counter() + rng.uniform(0, end - time.perf_counter())]
        if rng.random() < 0.2:
            answers.append(rng.uniform(answers[0], end))
        round_id, tag = 0, ""
        while time.perf_counter() < end or answers:
            told = json.loads(await self._timed(connection, "now", {"tag": tag}, self.looks))
            if "same" not in told:
                round_id, tag = told["round"], told["tag"]
            wait = rng.uniform(*EVERY)
            if answers and answers[0] < time.perf_counter() + wait:
                await asyncio.sleep(max(0.0, answers.pop(0) - time.perf_counter()))
                fields = {"round": round_id, "choice": rng.randrange(3)}
                for _ in range(2 if rng.random() < 0.1 else 1):
                    reply = json.loads(await self._timed(connection, "answer", fields, self.votes))
                    assert reply["answer"] == fields["choice"]
                self.counted = fields["choice"]
            else:
                await asyncio.sleep(wait)
        connection.close()

    async def _timed(self, connection: Connection, what: str, fields: dict, times: list[float]) -> bytes:
        began = time.perf_counter()
        status, body = await connection.send("POST", f"/vote/{self.code}/{what}", {"token": self.token} | fields)
        assert status == 200, body
        times.append(1000 * (time.perf_counter() - began))
        return body


@dataclass
class Outcome:
    database: str
    phones: int
    seconds: float
    attacking: float  # share of the time
    lost: int = 0
    twice: int = 0
    votes: list[float] = field(default_factory=list)
    looks: list[float] = field(default_factory=list)

    def cells(self) -> list[str]:
        requests = (len(self.votes) + len(self.looks)) / self.seconds
        return [
            self.database, str(self.phones), str(len(self.votes)), str(self.lost), str(self.twice),
            *(f"{value:.0f}" for value in (*spread(self.votes), *spread(self.looks), requests)),
            f"{100 * self.attacking:.0f} %",
        ]  # fmt: skip


HEAD = (
    "database", "phones", "votes", "lost", "counted twice", "vote: median ms", f"95 % (goal {GOAL})", "largest",
    "what is open: median ms", "95 %", "largest", "requests/s", "time with an attack",
)  # fmt: skip


def spread(times: list[float]) -> tuple[float, float, float]:
    return statistics.median(times), statistics.quantiles(times, n=20)[-1], max(times)


def attack(page: Page, address: str, until: Callable[[], bool]) -> float:
    """One attack after the other until `until()`. Returns the seconds in which one ran."""
    running, last = 0.0, time.perf_counter()
    bar = page.locator("[data-testid=stMain] [data-testid=stProgress]")
    for seed in count(1000):
        page.goto(f"{address}/shift?seed={seed}")
        seen = False
        while not until():
            now, there = time.perf_counter(), bool(bar.count())
            running += now - last if there else 0.0
            last, ended = now, seen and not there
            seen |= there
            if ended:
                break
            page.wait_for_timeout(100)
        if until():
            break
    return running


def measure(name: str, url: str, browser, phones: int, seconds: float) -> Outcome:
    store = Store(url)
    key = store.open_room()
    store.ask(key, QUESTION)
    server, address = serve(ROOT / "app.py", DATABASE_URL=url)
    everyone = [Phone(address, key.code) for _ in range(phones)]
    try:
        presenter, visitor = browser.new_page(), browser.new_page()
        presenter.goto(f"{address}/room#owner={key.code}.{key.secret}")
        presenter.locator(".st-key-room_count").wait_for(timeout=60_000)
        visitor.goto(f"{address}/shift?seed=999")
        visitor.locator("[data-testid=stProgress]").first.wait_for(timeout=60_000)
        wrong: list[BaseException] = []
        thread = threading.Thread(target=run_phones, args=(everyone, seconds, wrong))
        began = time.perf_counter()
        thread.start()
        attacked = attack(visitor, address, lambda: not thread.is_alive())
        took = time.perf_counter() - began
        thread.join()
        if wrong:
            raise wrong[0]
        presenter.get_by_text(f"{phones} of {phones} answered").wait_for(timeout=30_000)
        presenter.close()
        visitor.close()
    finally:
        server.terminate()
        server.wait()
    return judge(store, key, everyone, Outcome(name, phones, took, attacked / took))


def run_phones(everyone: list[Phone], seconds: float, wrong: list[BaseException]) -> None:
    async def all_at_once() -> None:
        async with asyncio.TaskGroup() as tasks:
            for number, phone in enumerate(everyone):
                tasks.create_task(phone.live(seconds, random.Random(number)))

    try:
        asyncio.run(all_at_once())
    except BaseException as error:
        wrong.append(error)


def judge(store: Store, key: Key, everyone: list[Phone], outcome: Outcome) -> Outcome:
    """Compares what each phone was told with what the database has."""
    asked = store.room(key).asked
    assert asked is not None
    store.close(key, asked.id)
    outcome.twice = max(0, len(store.records(key)) - len(everyone))
    for phone in everyone:
        outcome.lost += store.now(key.code, phone.token).answers != (phone.counted,)
        outcome.votes += phone.votes
        outcome.looks += phone.looks
    store.delete(key)
    store.dispose()
    return outcome


@contextmanager
def databases() -> Iterator[dict[str, str]]:
    """SQLite, and PostgreSQL where it is installed: name -> URL."""
    with tempfile.TemporaryDirectory() as folder:
        found = {"SQLite": f"sqlite:///{folder}/votes.sqlite"}
        if reason := postgres.why_not():
            print(reason)
            yield found
            return
        with postgres.running() as url:
            yield found | {"PostgreSQL": url}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vote", description=__doc__)
    parser.add_argument("--phones", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--quick", action="store_true", help="10 phones, 6 seconds")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--chromium", default=shutil.which("chromium"), help="program; default: the installed Chromium")
    options = parser.parse_args()
    phones, seconds = (10, 6.0) if options.quick else (options.phones, options.seconds)
    began = machine()
    with databases() as urls, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"])
        try:
            outcomes = [measure(name, url, browser, phones, seconds) for name, url in urls.items()]
        finally:
            browser.close()
    lines = [HEAD, ["---"] * len(HEAD), *(outcome.cells() for outcome in outcomes)]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    text = f"# The class vote under load\n\n{began}. `python -m benchmarks.vote`\n\n{table}\n"
    publish(text, options.out)


if __name__ == "__main__":
    main()
