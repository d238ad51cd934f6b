"""Two processes measure what one measures; one that fails takes the other with it."""

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import distributed

from rnorm_core import evaluation
from rnorm_core.errors import UserError
from rnorm_core.evaluation import share
from rnorm_core.evaluation.share import ALONE, Share

has_gloo = pytest.mark.skipif(
    not distributed.is_available() or not distributed.is_gloo_available(), reason="this torch has no gloo"
)

# The command on the small zoo: batches of 10 images, so that two processes have something to share.
PROGRAM = """
import os, sys
from pathlib import Path
from rnorm_core import zoo
from rnorm_core.evaluation import __main__ as command, protocol, sweep
zoo.DIRECTORY, sweep.BATCH = Path(sys.argv[1]), 10
protocol.SETTINGS = {"pgd": {"steps": 2}}
if sys.argv[2] == os.environ.get("RANK"):
    sweep.accuracies = lambda *_, **__: 1 / 0
command.main(sys.argv[3:])
"""


@pytest.fixture
def start(small_zoo, cifar, tmp_path):
    """start(out, processes, failing): the sweep of 24 images, finished; `failing`: the rank that does not get far."""
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def start(out: Path, processes: int, failing: str = "") -> subprocess.CompletedProcess:
        torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        command = [
            sys.executable,
            *(torchrun if processes > 1 else []),
            str(program),
            str(small_zoo),
            failing or "none",
        ]
        command += [
            "--models",
            "cifar10-small-rn",
            "--statistics",
            "tracked",
            "batch",
            "--eps",
            "0.5",
            "--threads",
            "1",
        ]
        command += ["--attacks", "clean", "noise", "pgd", "square", "--queries", "5"]
        command += ["--count", "24", "--data", str(cifar), "--out", str(out)]
        here = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": str(Path(__file__).parents[2])}
        return subprocess.run(command, env=os.environ | here, capture_output=True, text=True, timeout=200, check=False)

    return start


@has_gloo
def test_two_processes_measure_what_one_does(start, tmp_path):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    alone = start(one, 1)
    assert alone.returncode == 0, alone.stderr
    together = start(two, 2)
    assert together.returncode == 0, together.stderr
    found = [[replace(row, date="") for row in evaluation.read(path)] for path in (one, two)]
    assert len(found[0]) == 2 * (1 + 3 * 2)
    assert found[1] == found[0]
    assert together.stdout.count("8/8") == 1, "the first speaks for both"


@has_gloo
def test_a_process_that_fails_does_not_keep_the_other_waiting(start, tmp_path):
    began = time.perf_counter()
    done = start(tmp_path / "table.jsonl", 2, failing="1")
    assert done.returncode != 0
    assert "ZeroDivisionError" in done.stderr
    assert time.perf_counter() - began < 120, "the patience for slow processes is 2 hours"


def test_of_several_every_batch_is_somebodys():
    shares = [Share(rank, 3) for rank in range(3)]
    assert [[one.takes(index) for one in shares].count(True) for index in range(10)] == [1] * 10
    assert max(sum(one.takes(index) for index in range(10)) for one in shares) == 4
    assert [one.first for one in shares] == [True, False, False]
    assert all(ALONE.takes(index) for index in range(10))


def test_alone_nobody_is_asked(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    with share.shared() as mine:
        assert mine is ALONE
    hits = torch.tensor([True, False])
    assert ALONE.agree("a") == "a"
    assert ALONE.together(hits) is hits


def test_what_is_said_of_a_process_that_is_gone(monkeypatch):
    def gone(*_, **__):
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(distributed, "all_reduce", gone)
    monkeypatch.setattr(distributed, "broadcast_object_list", gone)
    for ask in (lambda: Share(0, 2).agree(1), lambda: Share(0, 2).together(torch.tensor([True]))):
        with pytest.raises(UserError, match=r"Another process of this sweep has failed .*Connection closed") as caught:
            ask()
        assert "same command again" in caught.value.fix
