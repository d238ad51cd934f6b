"""The file of moved layers: read, checked, and set aside where weights have changed."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
import torch

from rnorm_core import zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation import moved
from rnorm_core.evaluation.moved import Moved
from rnorm_core.evaluation.row import pack

ROW = Moved(
    model="cifar10-small-bn", weight_hash="a" * 64, dataset="cifar10", norm="bn", attack="pgd", settings={"eps": 0.1},
    eps_255=1, n=10, batch_size=8, seed=0, images="b" * 64, layers=["one", "two", "three"],
    shifts={"mean": [[0.5, 2, 3], [2, 0.5, 3]], "log_std": [[0, 0, 0], [2, 0, 0]]},
    bands={"mean": [[0, 1], [0, 1], [0, 4]], "log_std": [[0, 1]] * 3},
    hits=pack(torch.arange(10) < 3), own=None, code_version="1", made_with={}, date="2026-01-01",
)  # fmt: skip


def test_a_row_survives_its_line():
    assert moved.parse(ROW.line) == ROW
    assert ROW.mask().tolist() == [True] * 3 + [False] * 7


def test_beyond_is_above_the_band_by_any_of_the_measures():
    assert ROW.beyond("mean").tolist() == [[False, True, False], [True, False, False]]
    assert ROW.beyond("mean", "log_std").tolist() == [[False, True, False], [True, False, False]]
    assert ROW.beyond("log_std").tolist() == [[False] * 3, [True, False, False]]
    assert ROW.beyond("mean").shape == (2, 3)
    assert isinstance(ROW.beyond("mean"), np.ndarray)


def test_further_is_layer_by_layer_on_the_same_images():
    less = replace(ROW, shifts={"mean": [[0.5, 1, 4], [1, 0.6, 3]], "log_std": ROW.shifts["log_std"]})
    assert ROW.further(less, "mean").tolist() == [[False, True, False], [True, False, False]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"n": "ten"}, "'n' has the wrong type"),
        ({"norm": "xn"}, "'norm' is 'xn'"),
        ({"weight_hash": "short"}, "64 hexadecimal digits"),
        ({"eps_255": 0}, "'eps_255' is 0 for the attack 'pgd'"),
        ({"layers": ["one", "two"]}, "'mean' is not a finite number for each of 2 batches and 2 layers"),
        ({"shifts": {"mean": [[1, 2, 3]]}}, "for each of 2 batches"),
        ({"shifts": {"mean": [[1, 2, float("nan")], [1, 2, 3]]}}, "not a finite number"),
        ({"hits": "AAAA"}, "does not hold 10 images"),
        ({"extra": 1}, "should not have, extra"),
    ],
)  # fmt: skip
def test_what_is_not_sound_is_named(change, said, tmp_path):
    line = json.dumps(asdict(ROW) | change)
    with pytest.raises(ValueError, match=said.replace("(", r"\(")):
        moved.parse(line)
    path = tmp_path / "moved.jsonl"
    path.write_text(ROW.line + line + "\n")
    with pytest.raises(UserError, match=r"Line 2 of moved.jsonl is not sound"):
        moved.read(path)


def test_the_same_twice_is_refused(tmp_path):
    path = tmp_path / "moved.jsonl"
    path.write_text(ROW.line + replace(ROW, hits=pack(torch.zeros(10).bool())).line)
    with pytest.raises(UserError, match="it repeats an earlier line"):
        moved.read(path)


def test_rows_of_other_weights_are_set_aside(small_zoo):
    assert moved.moved() == ((), ())
    name = zoo.names()[0]
    fresh = replace(ROW, model=name, weight_hash=zoo.card(name).sha256)
    (small_zoo / "cifar10-moved.jsonl").write_text(fresh.line + ROW.line)
    assert moved.moved() == ((fresh,), (ROW,))
    (small_zoo / f"{name}.json").write_text("{}")
    assert moved.moved() == ((), (fresh, ROW))  # a card that is not sound takes only its own rows
