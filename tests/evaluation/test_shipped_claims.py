"""The judged claims of the shipped files, and of files that cannot be used."""

from dataclasses import replace

import pytest

from rnorm_core.errors import UserError
from rnorm_core.evaluation.claims.judge import weights
from rnorm_core.evaluation.claims.shipped import shipped
from rnorm_core.evaluation.tables import accuracies, batch_sizes, laboratories, layer_shifts


def test_rows_of_other_weights_are_named(monkeypatch):
    stale = tuple(replace(row, weight_hash="0" * 64) for row in laboratories.rows()[:2])
    monkeypatch.setattr(laboratories, "current", lambda dataset: ((), stale))
    (notice,) = shipped().notices
    assert f"rows of {stale[0].model} are left out" in notice
    assert laboratories.COMMAND in notice


def test_a_damaged_file_costs_its_own_readings_only(monkeypatch):
    def damaged(dataset):
        raise UserError("Line 3 is not sound.", "restore the file.")

    monkeypatch.setattr(laboratories, "current", damaged)
    found = shipped()
    assert found.notices == ("Line 3 is not sound. To fix this: restore the file.",)
    assert found.by_claim["C5"]
    assert not any("worst" in judgement.reading for judgement in found.by_claim["C5"])


@pytest.mark.usefixtures("small_zoo")
def test_without_any_file_there_are_notices_and_no_readings():
    for module in (accuracies, layer_shifts, batch_sizes, laboratories):
        assert not module.shipped("cifar10").exists()
    found = shipped()
    assert "No accuracies have been measured" in found.notices[0]
    assert not any(found.by_claim[claim] for claim in ("C0", "C1", "C2", "C3", "C4", "C5"))
    assert found.table.rows == ()


def test_weights_are_named_once_each():
    judgements = shipped().by_claim["C5"]
    names = weights(judgements).split("; ")
    assert len(names) == len(set(names)) > 1
    assert all(len(name.split()[1]) == 12 for name in names)
