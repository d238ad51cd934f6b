"""What the claims' page says of its judgements, and of files that cannot be used."""

from dataclasses import dataclass, replace

from rnorm_core.errors import UserError
from rnorm_core.evaluation import __main__ as sweeping
from rnorm_core.evaluation import file, laboratories
from rnorm_core.ui import judging


@dataclass
class Reading:
    reading: str
    seeds: tuple[int, ...]


def test_seeds_are_told_reading_by_reading_where_they_differ():
    one, two = Reading("accuracy is kept", (0,)), Reading("fast training is kept", (0, 1))
    assert judging.seeds([one, one]) == "One seed (0): an example, not a law."
    assert judging.seeds([two]) == "2 seeds (0, 1)."
    assert judging.seeds([one, two, one]) == (
        "One seed (0): “accuracy is kept”. 2 seeds (0, 1): “fast training is kept”. One seed is an example, not a law."
    )


def test_rows_of_other_weights_are_named(monkeypatch):
    stale = tuple(replace(row, weight_hash="0" * 64) for row in laboratories.rows()[:2])
    monkeypatch.setattr(laboratories, "current", lambda dataset: ((), stale))
    (notice,) = judging.shipped().notices
    assert f"The laboratories' rows of {stale[0].model} are left out" in notice
    assert laboratories.COMMAND in notice


def test_a_file_that_is_not_sound_costs_its_readings_alone(monkeypatch):
    def damaged(dataset):
        raise UserError("Line 3 is not sound.", "restore the file.")

    monkeypatch.setattr(laboratories, "current", damaged)
    found = judging.shipped()
    assert found.notices == ("Line 3 is not sound. To fix this: restore the file.",)
    assert found.by_claim["C5"]
    assert not any("worst" in judgement.reading for judgement in found.by_claim["C5"])


def test_the_command_beside_a_claim_measures_what_it_rests_on():
    found = judging.shipped()
    kept = judging.again(found.by_claim["C6"], found.table)
    assert kept
    assert all("--statistics tracked --attacks clean --count" in command for command in kept)
    for command in judging.again(found.by_claim["C3"], found.table):
        options = sweeping.arguments(command.split()[3:]) if command.startswith(file.COMMAND) else None
        assert options is None or set(options.attacks) == {"clean", "pgd"}
        assert options is None or "batch" in options.statistics
