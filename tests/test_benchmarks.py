"""The benchmarks of attacks and of the vote run; the floor of the first is the arithmetic of the networks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("foolbox", reason="foolbox is not installed")
ROOT = Path(__file__).resolve().parent.parent


def test_a_quick_run_writes_its_table(tmp_path):
    out = tmp_path / "results" / "attacks.md"
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.attacks", "--quick", "--out", str(out)],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = out.read_text()
    assert text in done.stdout
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    header, cells = rows[0], rows[2:]
    assert [row[:4] for row in cells] == [
        ["cifar10-resnet20-bn", attack, "1", batch] for attack in ("pgd", "apgd") for batch in ("1", "7")
    ]
    for row in cells:
        found = dict(zip(header, row, strict=True))
        assert float(found["ours ms"]) > 0
        assert float(found["floor ms"]) > 0
        assert bool(found["foolbox ms"]) == (found["attack"] == "pgd")
    assert text.count(" fooled (") == 5, "ours and eager for each attack, and foolbox for PGD"


def test_the_arithmetic_of_a_resnet20_is_that_of_its_paper(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    from benchmarks.contestants import operations

    # He et al. 2016's network has 41 million multiplications, each with an addition.
    assert 80e6 < operations("cifar10-resnet20-bn") < 83e6


@pytest.mark.browser
def test_a_quick_class_loses_no_vote(tmp_path, chromium):
    out = tmp_path / "results" / "vote.md"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.vote", "--quick", "--out", str(out), "--chromium", chromium],
        cwd=ROOT, env=os.environ | {"PYTHONWARNINGS": "ignore"}, capture_output=True, text=True, timeout=220,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = out.read_text()
    assert text in done.stdout
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    header, cells = rows[0], rows[2:]
    assert {row[0] for row in cells} <= {"SQLite", "PostgreSQL"}
    for row in cells:
        found = dict(zip(header, row, strict=False))
        assert int(found["votes"]) >= int(found["phones"]) == 10
        assert (found["lost"], found["counted twice"]) == ("0", "0")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_few_people_all_read_the_right_answer(tmp_path):
    out = tmp_path / "crowd.md"
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.crowd", "--quick", "--out", str(out)],
        cwd=ROOT, env=os.environ | {"PYTHONWARNINGS": "ignore"}, capture_output=True, text=True, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = out.read_text().splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("| ")]
    header, cells = rows[0], [row for row in rows if len(row) == len(rows[0])][2:]
    assert len(cells) == 4
    for row in cells:
        found = dict(zip(header, row, strict=True))
        assert int(found["views"]) >= 3
        assert (found["errors"], found["lost"], found["wrong"]) == ("0", "0", "0")
