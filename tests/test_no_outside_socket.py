"""The server opens no socket to another machine: an audit hook inside its process writes down every attempt."""

import http.client
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.conftest import is_local

ROOT = Path(__file__).resolve().parents[1]
# Python imports a module of this name at its start, before any other code.
LISTENER = """
import os, sys

EVENTS = ("socket.connect", "socket.sendto", "socket.sendmsg", "socket.getaddrinfo", "socket.gethostbyname")
LOG = os.open(os.environ["SOCKET_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)

def listen(event, arguments):
    if event in EVENTS:
        target = arguments[1] if event in EVENTS[:3] else arguments[0]
        os.write(LOG, f"{target[0] if isinstance(target, tuple) else target}\\n".encode())

sys.addaudithook(listen)
"""


@pytest.fixture
def listening(tmp_path):
    """(environment of a process that is listened to, function: the other machines it tried to reach)"""
    (tmp_path / "sitecustomize.py").write_text(LISTENER)
    log = tmp_path / "sockets.txt"
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}", "SOCKET_LOG": str(log)}
    return environment, lambda: [host for host in log.read_text().splitlines() if not is_local(socket.AF_INET, (host,))]


def test_the_listener_hears(listening):
    environment, outside = listening
    code = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('203.0.113.1', 1))"
    subprocess.run([sys.executable, "-c", code], env=environment, stderr=subprocess.DEVNULL)
    assert outside() == ["203.0.113.1"]


def test_the_server_reaches_nobody(listening):
    """Neither at its start, nor when a page of another site connects; the page is refused."""
    environment, outside = listening
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment.pop("HF_HUB_OFFLINE", None)  # the server is as visitors find it
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            _wait(port, process)
            assert _connect_from("http://another.example", port) == 403
            assert _connect_from(f"http://127.0.0.1:{port}", port) == 101
        finally:
            process.terminate()
            said, _ = process.communicate(timeout=30)
    assert f"http://localhost:{port}" in said
    assert outside() == []


def _wait(port: int, process: subprocess.Popen) -> None:
    for _ in range(600):
        assert process.poll() is None
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the server did not start")


def _connect_from(origin: str, port: int) -> int:
    """The status with which the server answers a WebSocket of a page of this origin."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13", "Origin": origin}
    connection.request("GET", "/_stcore/stream", headers=headers | {"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="})
    status = connection.getresponse().status
    connection.close()
    return status
