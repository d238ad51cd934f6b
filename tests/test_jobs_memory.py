"""Memory that threads have freed goes back to the system; in a process of its own, whose memory nobody else moves."""

import subprocess
import sys
from pathlib import Path

import pytest

from rnorm_core.jobs import memory

PROGRAM = """
import threading
from pathlib import Path
from rnorm_core.jobs import memory

def megabytes():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000

kept = []

def work():
    blocks = [bytearray(3000) for _ in range(60_000)]
    kept.extend(blocks[::1000])  # so that glibc does not give the rest back by itself

if AREAS:
    memory.few_areas()
for _ in range(4):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
before = megabytes()
memory.give_back()
print(before, megabytes())
"""


@pytest.mark.skipif(memory._glibc() is None, reason="the C library is not glibc")
@pytest.mark.parametrize("areas", [False, True])
def test_what_threads_have_freed_is_given_back(areas):
    root = Path(__file__).resolve().parents[1]
    program = [sys.executable, "-c", PROGRAM.replace("AREAS", str(areas))]
    ran = subprocess.run(program, cwd=root, capture_output=True, text=True, check=True, timeout=120)
    before, after = map(float, ran.stdout.split())
    assert before > 120
    assert after < before - 100


def test_elsewhere_nothing_is_asked(monkeypatch):
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    memory.few_areas()
    memory.give_back()
