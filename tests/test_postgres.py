"""The PostgreSQL of the tests leaves nothing behind, also when the tests are killed."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import make_url

from tests import postgres

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(bool(postgres.why_not()), reason=postgres.why_not() or "never")
# A shell that runs the tests in the background lets them, and what they start, ignore the signal of Ctrl-C.
START = """
import signal, time
from tests import postgres
signal.signal(signal.SIGINT, signal.default_int_handler)
with postgres.running() as url:
    print(url, flush=True)
    time.sleep(300)
"""


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_the_server_ends_with_the_tests(end):
    command = [sys.executable, "-c", START]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        url = make_url(process.stdout.readline().strip())
        assert url.port is not None
        assert answers(url.port)
        process.send_signal(end)
        process.wait(60)
    last = time.monotonic() + 30
    while answers(url.port):
        assert time.monotonic() < last, "the server is still there"
        time.sleep(0.1)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True
