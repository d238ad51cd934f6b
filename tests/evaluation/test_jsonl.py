"""The files of all measured tables: rows there and back, broken lines, a kill, a full disk."""

import json
import os
import resource
from dataclasses import asdict, replace

import pytest
import torch

from rnorm_core.errors import UserError
from rnorm_core.evaluation import Row, wilson
from rnorm_core.evaluation.tables import accuracies, batch_sizes, laboratories, layer_shifts
from rnorm_core.evaluation.tables.jsonl import TableFile, TableRow
from rnorm_core.evaluation.tables.row import pack
from rnorm_core.training import learning_rates

N = 13  # not a multiple of 8: the last byte of the packed hits is not full
LOW, HIGH = (round(end, 6) for end in wilson(9, N))

ACCURACY = Row(
    model="cifar10-small-bn", weight_hash="a" * 64, dataset="cifar10", norm="bn", statistics="tracked",
    attack="pgd", settings={"name": "pgd", "eps": 1 / 255}, eps_255=1, pixels="float", n=N, correct=9,
    low=LOW, high=HIGH, batch_size=10, seed=0, images="b" * 64, hits=pack(torch.arange(N) < 9),
    code_version="0", made_with={"torch": "2"}, date="2026-01-01",
)  # fmt: skip
SHIFTS = layer_shifts.Moved(
    model="cifar10-small-bn", weight_hash="a" * 64, dataset="cifar10", norm="bn", attack="pgd", settings={"eps": 0.1},
    eps_255=1, n=10, batch_size=8, seed=0, images="b" * 64, layers=["one", "two", "three"],
    shifts={"mean": [[0.5, 2, 3], [2, 0.5, 3]], "log_std": [[0, 0, 0], [2, 0, 0]]},
    bands={"mean": [[0, 1], [0, 1], [0, 4]], "log_std": [[0, 1]] * 3},
    hits=pack(torch.arange(10) < 3), own=None, code_version="1", made_with={}, date="2026-01-01",
)  # fmt: skip
TRIAL = learning_rates.Trial(
    dataset="cifar10", architecture="resnet20", norm="rn", power=0.2, peak_lr=0.1, seed=0,
    recipe={"name": "short", "epochs": 1, "precision": "fp32"}, n=N, correct=9, low=LOW, high=HIGH, diverged_in=None,
    curve=({"epoch": 1, "held_out_accuracy": 0.6923},), made_with={}, code_version="1", date="2026-01-01",
)  # fmt: skip
DIVERGED = replace(TRIAL, correct=None, low=None, high=None, diverged_in=1, curve=(), seed=1)
# Name -> (the table's file, a sound row, another sound row, a change that leaves the row's identity)
TABLES: dict[str, tuple[TableFile, TableRow, TableRow, dict]] = {
    "accuracies": (accuracies.FILE, ACCURACY, replace(ACCURACY, seed=1), {"date": "2027-01-01"}),
    "batch sizes": (batch_sizes.FILE, ACCURACY, replace(ACCURACY, batch_size=1), {"date": "2027-01-01"}),
    "laboratories": (laboratories.FILE, ACCURACY, replace(ACCURACY, settings={"draws": 8}), {"code_version": "1"}),
    "layer shifts": (layer_shifts.FILE, SHIFTS, replace(SHIFTS, seed=1), {"hits": pack(torch.zeros(10).bool())}),
    "learning rates": (learning_rates.FILE, TRIAL, DIVERGED, {"made_with": {"torch": "3"}}),
}
SHIPPED = (accuracies, batch_sizes, laboratories, layer_shifts, learning_rates)


@pytest.fixture(params=TABLES)
def table(request):
    return TABLES[request.param]


def refuse(file: TableFile, path, content: bytes, reason: str, line: int = 2) -> None:
    """Reading refuses the content, names line and reason, and says which command measures what is missing."""
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"Line {line} of {path.name} is invalid: .*{reason}") as caught:
        file.read(path)
    assert file.command in caught.value.fix
    assert path.read_bytes() == content


@pytest.mark.parametrize("module", SHIPPED, ids=lambda module: module.__name__.rpartition(".")[2])
def test_shipped_tables_there_and_back_are_the_same_bytes(module, tmp_path):
    path = module.shipped("cifar10")
    if not path.exists():
        pytest.skip("the table is not shipped")
    module.FILE.write(tmp_path / "written", module.FILE.read(path))
    assert (tmp_path / "written").read_bytes() == path.read_bytes()


def test_rows_there_and_back(table, tmp_path):
    file, row, other, _ = table
    path = tmp_path / "new" / "t.jsonl"
    file.append(path, [row])
    file.append(path, [other])
    assert file.read(path) == (row, other)
    assert path.read_text() == row.line + other.line
    assert row.line.count("\n") == other.line.count("\n") == 1


def test_broken_lines_are_refused_with_their_reason(table, tmp_path):
    file, row, other, _ = table
    path, good, content = tmp_path / "t.jsonl", other.line.encode(), asdict(row)
    for reason, changed in {
        "lacks seed": {key: value for key, value in content.items() if key != "seed"},
        "no field colour": content | {"colour": 1},
        "'n' has the wrong type": content | {"n": "13"},
        "'seed' has the wrong type": content | {"seed": True},  # a truth value is no number
        "'made_with' has the wrong type": content | {"made_with": []},
        "'norm' is 'ln'": content | {"norm": "ln"},
        "NaN is not a finite number": content | {"made_with": {"torch": float("nan")}},
        "not a JSON object": [],
    }.items():
        refuse(file, path, good + json.dumps(changed).encode() + b"\n", reason)
    refuse(file, path, good + b"{nonsense\n", "Expecting property name")
    refuse(file, path, good + row.line.encode()[:-20] + b"\n", "Unterminated string")
    refuse(file, path, good + row.line.encode().replace(b"2026", b"\xff\xfe"), "'utf-8' codec")


def test_a_flipped_byte_is_never_read_as_a_number(table, tmp_path):
    file, row, *_ = table
    path, line = tmp_path / "t.jsonl", row.line.encode()
    refused = 0
    for at in range(len(line)):
        broken = bytearray(line)
        broken[at] ^= 1
        path.write_bytes(broken)
        try:
            assert file.read(path) == (row,)
        except UserError:
            refused += 1
    assert refused > 0.9 * len(line)


def test_a_row_of_an_older_version_has_no_checksum(table, tmp_path):
    file, row, *_ = table
    assert file.parse(json.dumps(asdict(row))) == row


def test_two_measurements_of_one_thing_are_refused(table, tmp_path):
    file, row, other, change = table
    repeated = replace(row, **change)
    assert repeated != row
    content = (row.line + other.line + repeated.line).encode()
    refuse(file, tmp_path / "t.jsonl", content, "earlier line", line=3)


def test_a_missing_file_is_named(table, tmp_path):
    with pytest.raises(UserError, match=r"no\.jsonl cannot be read"):
        table[0].read(tmp_path / "no.jsonl")


def test_a_last_line_that_a_kill_cut_short_is_removed_wherever_it_was_cut(table, tmp_path):
    file, row, other, _ = table
    path, whole, last = tmp_path / "t.jsonl", row.line, other.line
    for cut in [*range(0, 30), len(last) - 2, len(last) - 1]:
        path.write_text(whole + last[:cut])
        assert file.heal(path) == (row,)
        assert path.read_text() == whole
    path.write_text(whole + last)
    assert file.heal(path) == (row, other)
    assert path.read_text() == whole + last


def test_healing_no_file_begins_one(table, tmp_path):
    path = tmp_path / "new" / "t.jsonl"
    assert table[0].heal(path) == ()
    assert path.read_bytes() == b""


@pytest.mark.parametrize("content", [b"a letter to a friend", b"\x80\x00weights", b"a letter\nto a friend", b"{}"])
def test_a_file_that_is_no_table_is_not_changed(tmp_path, content):
    path = tmp_path / "letter"
    path.write_bytes(content)
    for file, *_ in TABLES.values():
        with pytest.raises(UserError, match="Line 1 of letter is invalid"):
            file.heal(path)
        assert path.read_bytes() == content


def test_a_full_disk_leaves_what_was_there(tmp_path):
    path = tmp_path / "t.jsonl"
    accuracies.FILE.append(path, [ACCURACY])
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 100, hard))
    try:
        with pytest.raises(UserError, match="could not be written") as caught:
            accuracies.FILE.append(path, [replace(ACCURACY, seed=1)])
        with pytest.raises(UserError, match="could not be written"):
            accuracies.FILE.write(path, [ACCURACY, replace(ACCURACY, seed=1)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "run the same command again" in caught.value.fix
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["t.jsonl"]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "taken").mkdir()
    with pytest.raises(UserError, match="could not be written"):
        accuracies.FILE.heal(tmp_path / "taken")


# --- what only one kind of row can get wrong -------------------------------------------------------------------------

WRONG = [
    (ACCURACY, {"statistics": "none"}, "'statistics' is 'none'"),
    (ACCURACY, {"pixels": "16-bit"}, "'pixels' is '16-bit'"),
    (ACCURACY, {"weight_hash": "a"}, "64 hexadecimal digits"),
    (ACCURACY, {"images": "b" * 63 + "x"}, "64 hexadecimal digits"),
    (ACCURACY, {"attack": "clean"}, "'eps_255' is 1 for the attack 'clean'"),
    (ACCURACY, {"eps_255": 0}, "'eps_255' is 0 for the attack 'pgd'"),
    (ACCURACY, {"eps_255": float("nan")}, "'eps_255' is nan"),
    (ACCURACY, {"correct": 14}, "14 of 13"),
    (ACCURACY, {"batch_size": 0}, "batches of 0"),
    (ACCURACY, {"low": 0.1}, "is not the interval of 9 of 13"),
    (ACCURACY, {"hits": pack(torch.arange(N) < 8)}, "does not mark 9 of 13"),
    (ACCURACY, {"hits": pack(torch.arange(20) < 9)}, "does not mark 9 of 13"),
    (ACCURACY, {"hits": "?"}, "does not mark 9 of 13"),
    (SHIFTS, {"weight_hash": "short"}, "64 hexadecimal digits"),
    (SHIFTS, {"eps_255": 0}, "'eps_255' is 0 for the attack 'pgd'"),
    (SHIFTS, {"batch_size": 0}, "batches of 0"),
    (SHIFTS, {"layers": ["one", "two"]}, "'mean' is not a finite number for each of 2 batches and 2 layers"),
    (SHIFTS, {"shifts": {"mean": [[1, 2, 3]]}}, "for each of 2 batches"),
    (SHIFTS, {"shifts": {"mean": [[1, 2, float("nan")], [1, 2, 3]]}}, "not a finite number"),
    (SHIFTS, {"bands": {"mean": [[0, 1]] * 3}}, "'log_std' is not a finite number"),
    (SHIFTS, {"hits": "AAAA"}, "'hits' does not hold 10 images"),
    (SHIFTS, {"own": "?"}, "'own' does not hold 10 images"),
    (TRIAL, {"recipe": {"name": "short", "epochs": 1}}, "its recipe lacks precision"),
    (TRIAL, {"curve": (1,)}, "curve is not a JSON object"),
    (TRIAL, {"curve": ()}, "has no curve"),
    (TRIAL, {"diverged_in": 1}, "scored, and diverged"),
    (TRIAL, {"correct": 14}, "14 of 13"),
    (TRIAL, {"high": 0.1}, "is not the interval of 9 of 13"),
    (TRIAL, {"low": None}, "neither diverged nor was scored"),
    (DIVERGED, {"diverged_in": None}, "neither diverged nor was scored"),
    (DIVERGED, {"curve": TRIAL.curve}, "neither diverged nor was scored"),
]


def test_a_contradiction_in_a_row_is_named():
    for row, change, reason in WRONG:
        assert row.contradiction() is None
        assert reason in (replace(row, **change).contradiction() or ""), change
