"""Two processes measure what one measures; one that fails takes the other with it."""

import os
import socket
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
from rnorm_core.evaluation import __main__ as command
from rnorm_core.evaluation.measure import protocol, share
from rnorm_core.evaluation.measure.share import ALONE, Share

has_gloo = pytest.mark.skipif(
    not distributed.is_available() or not distributed.is_gloo_available(), reason="this torch has no gloo"
)

# The command on the small zoo: batches of 10 images, so that two processes have something to share.
PROGRAM = """
import os, sys
from pathlib import Path
from rnorm_core import zoo
from rnorm_core.evaluation import __main__ as command
from rnorm_core.evaluation.measure import protocol, sweep
zoo.DIRECTORY, sweep.BATCH = Path(sys.argv[1]), 10
protocol.SETTINGS = {"pgd": {"steps": 2}}
if sys.argv[2] == os.environ["RANK"]:
    sweep.accuracies = lambda *_, **__: 1 / 0
command.main(sys.argv[3:])
"""


def words(cifar: Path, out: Path) -> list[str]:
    """The arguments of a sweep of 24 images."""
    few = ["--models", "cifar10-small-rn", "--statistics", "tracked", "batch", "--eps", "0.5", "--threads", "1"]
    few += ["--attacks", "clean", "noise", "pgd", "square", "--queries", "5"]
    return [*few, "--count", "24", "--data", str(cifar), "--out", str(out)]


@pytest.fixture
def pair(small_zoo, cifar, tmp_path):
    """pair(out, failing): (exit status, output, errors) of two processes, finished, started as torchrun starts them.

    failing: the rank that fails at its first measurement.
    """
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)

    def pair(out: Path, failing: str = "none") -> list[tuple[int, str, str]]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        here = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "PYTHONPATH": str(Path(__file__).parents[2])}
        here |= {"TORCHELASTIC_RUN_ID": "none", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
        command = [sys.executable, str(program), str(small_zoo), failing, *words(cifar, out)]
        both = [
            subprocess.Popen(
                command, env=os.environ | here | {"RANK": rank, "LOCAL_RANK": rank}, text=True,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
            for rank in ("0", "1")
        ]  # fmt: skip
        ended = [process.communicate(timeout=200) for process in both]
        return [(process.returncode, *texts) for process, texts in zip(both, ended, strict=True)]

    return pair


@has_gloo
def test_two_processes_measure_what_one_does(pair, cifar, tmp_path, monkeypatch):
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    (first, output, errors), (second, silence, more_errors) = pair(two)
    assert (first, second) == (0, 0), errors + more_errors
    monkeypatch.setattr(protocol, "SETTINGS", {"pgd": {"steps": 2}})
    threads = torch.get_num_threads()
    command.main(words(cifar, one))
    torch.set_num_threads(threads)
    rows = [[replace(row, date="") for row in evaluation.read(path)] for path in (one, two)]
    assert len(rows[0]) == 2 * (1 + 3 * 2)
    assert rows[1] == rows[0]
    assert output.count("8/8") == 1
    assert silence == "", "the first speaks for both"


@has_gloo
def test_a_process_that_fails_does_not_keep_the_other_waiting(pair, tmp_path):
    began = time.perf_counter()
    (first, _, errors), (second, _, cause) = pair(tmp_path / "table.jsonl", failing="1")
    assert 0 not in (first, second)
    assert "ZeroDivisionError" in cause
    assert "Another process" in errors
    assert time.perf_counter() - began < 120, "slow processes are waited for during 2 hours"


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
    assert ALONE.merge(hits) is hits


def test_what_is_said_of_a_process_that_is_gone(monkeypatch):
    def gone(*_, **__):
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(distributed, "all_reduce", gone)
    monkeypatch.setattr(distributed, "broadcast_object_list", gone)
    for ask in (lambda: Share(0, 2).agree(1), lambda: Share(0, 2).merge(torch.tensor([True]))):
        with pytest.raises(UserError, match=r"Another process .*Connection closed") as caught:
            ask()
        assert "same command again" in caught.value.fix
