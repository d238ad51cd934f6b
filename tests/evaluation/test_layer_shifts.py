"""Rows of moved layers: what they say, and that rows of other weights are set aside."""

from dataclasses import replace

import numpy as np
import torch

from rnorm_core import zoo
from rnorm_core.evaluation.tables import layer_shifts
from rnorm_core.evaluation.tables.layer_shifts import Moved
from rnorm_core.evaluation.tables.row import pack

ROW = Moved(
    model="cifar10-small-bn", weight_hash="a" * 64, dataset="cifar10", norm="bn", attack="pgd", settings={"eps": 0.1},
    eps_255=1, n=10, batch_size=8, seed=0, images="b" * 64, layers=["one", "two", "three"],
    shifts={"mean": [[0.5, 2, 3], [2, 0.5, 3]], "log_std": [[0, 0, 0], [2, 0, 0]]},
    bands={"mean": [[0, 1], [0, 1], [0, 4]], "log_std": [[0, 1]] * 3},
    hits=pack(torch.arange(10) < 3), own=None, code_version="1", made_with={}, date="2026-01-01",
)  # fmt: skip


def test_hits_are_unpacked():
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


def test_rows_of_other_weights_are_set_aside(small_zoo):
    assert layer_shifts.moved() == ((), ())
    name = zoo.names()[0]
    fresh = replace(ROW, model=name, weight_hash=zoo.card(name).sha256)
    (small_zoo / "cifar10-moved.jsonl").write_text(fresh.line + ROW.line)
    assert layer_shifts.moved() == ((fresh,), (ROW,))
    (small_zoo / f"{name}.json").write_text("{}")
    assert layer_shifts.moved() == ((), (fresh, ROW))  # a card that is not sound takes only its own rows
