"""The server is killed in the middle of a vote: after the restart, every acknowledged vote is there, once."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest

from rnorm_core.classroom.vote.store import Store

ROOT = Path(__file__).resolve().parents[3]
PHONES = 8


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def serve(url: str, port: int) -> subprocess.Popen:
    """The app, when it answers."""
    options = f"--server.port={port} --server.address=127.0.0.1 --server.headless=true"
    server = subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "app.py", *options.split()], cwd=ROOT,
        env=os.environ | {"DATABASE_URL": url}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    for _ in range(600):
        assert server.poll() is None
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/vote", timeout=5):
                return server
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


class Phone(threading.Thread):
    """Changes its answer as fast as it can. counted: the last answer that the server has acknowledged; sent: the one
    that was on its way when the server ended.
    """

    def __init__(self, port: int, code: str, round_id: int, number: int) -> None:
        super().__init__(name=f"phone {number}", daemon=True)
        self.port, self.code, self.round, self.token = port, code, round_id, f"token-of-phone-{number:04d}"
        self.counted: int | None = None
        self.sent: int | None = None
        self.acknowledged = 0

    def run(self) -> None:
        choice = 0
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            while True:
                choice, self.sent = (choice + 1) % 3, choice
                body = json.dumps({"token": self.token, "round": self.round, "choice": self.sent})
                try:
                    connection.request("POST", f"/vote/{self.code}/answer", body)
                    reply = connection.getresponse()
                    assert reply.status == 200, reply.read()
                    reply.read()
                except (OSError, http.client.HTTPException):
                    return
                self.counted, self.acknowledged = self.sent, self.acknowledged + 1


@pytest.mark.timeout(180)
def test_a_server_that_is_killed_forgets_no_vote(url, question):
    store, port = Store(url), free_port()
    key = store.open_room()
    store.ask(key, question)
    asked = store.room(key).asked
    assert asked is not None
    server = serve(url, port)
    phones = [Phone(port, key.code, asked.last.id, number) for number in range(PHONES)]
    try:
        for phone in phones:
            phone.start()
        end = time.monotonic() + 60
        while min(phone.acknowledged for phone in phones) < 5:
            assert time.monotonic() < end
            time.sleep(0.01)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    for phone in phones:
        phone.join(30)
    store.dispose()

    server = serve(url, port)
    try:
        for phone in phones:
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}/vote/{key.code}/now", json.dumps({"token": phone.token}).encode()
            )
            with urllib.request.urlopen(request, timeout=30) as reply:
                assert json.load(reply)["answer"] in {phone.counted, phone.sent}
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
    after = Store(url)
    room = after.room(key)
    assert room.asked is not None
    assert (room.phones, room.asked.last.answered) == (PHONES, PHONES)
    after.dispose()
