"""The command that fills the table of the pages about statistics: every kind of row against the core's own numbers."""

from dataclasses import replace
from functools import partial

import pytest
import torch

from rnorm_core import attacks, data, evaluation, zoo
from rnorm_core.attacks import poison
from rnorm_core.data import Batch
from rnorm_core.evaluation.measure import batches, craft, matrix
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.evaluation.tables.new_rows import filled
from rnorm_core.experiments.precise_bn import estimate
from rnorm_core.experiments.precompute import laboratories as command
from tests.rows import unsigned

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"
OF_EIGHT = {"size": 8, "attack": attacks.make("pgd", 8 / 255, 2), "batch_size": 8}


@pytest.fixture
def batch(small_zoo, monkeypatch) -> Batch:
    """Sixteen real photos, in batches of eight."""
    small = {"BATCH": 8, "EPS_255": (8,), "POISON_255": (8,), "POISONED": (3,), "SIZES": (2,), "DRAWS": 3,
             "COUNTED": (2,), "COUNTED_255": 8}  # fmt: skip
    for name, value in small.items():
        monkeypatch.setattr(command, name, value)
    monkeypatch.setattr(laboratories, "STEPS", 2)
    return data.samples("cifar10").select(range(16))


def measured(tasks) -> list[evaluation.Row]:
    return [filled(row, found) for task in tasks for row, found in zip(task.blanks, task.measure(), strict=True)]


def test_the_transfer_matrix(batch):
    rows = measured(command.transfer([BN], batch))
    attack = attacks.make("pgd", 8 / 255, 2)
    models = [zoo.load(BN, mode, fold=True) for mode in ("tracked", "batch", "tracked-mean")]
    expected = matrix.matrix(models, models, batch, attack, 8)
    assert [row.correct for row in rows] == [cell.correct for line in expected.rows for cell in line]
    made_for = {"model": BN, "statistics": "batch", "weight_hash": zoo.card(BN).sha256}
    foreign = laboratories.of(rows, BN, "tracked", made_for=made_for)
    assert foreign is not None
    assert foreign.mask.tolist() == expected.cells[1][0].hits.tolist()
    assert attacks.make(**laboratories.spec(foreign)).spec == attack.spec


def test_corruptions_with_both_statistics(batch):
    rows = measured(task for task in command.corrupted([RN], batch) if task.blanks[0].settings["severity"] == 5)
    assert len(rows) == 2 * len(data.CORRUPTIONS)
    fog = laboratories.of(rows, RN, "batch", corruption="fog", severity=5)
    assert fog is not None
    images = data.corrupt(batch, "fog", 5, torch.Generator().manual_seed(0)).images
    expected = craft.score(zoo.load(RN, "batch"), images, batch, None, 8)
    assert (fog.correct, fog.eps_255, fog.attack) == (expected.correct, 0, "clean")


def test_the_table_holds_what_the_pages_offer():
    assert sorted(command.EPS_255) == list(laboratories.EPS_255)


def test_neighbours_that_change(batch):
    same, others, always, ever = measured(command.neighbours([BN], batch))
    assert same.statistics == "tracked"
    assert same.hits == others.hits
    assert always.correct <= ever.correct
    assert not (always.mask & ~ever.mask).any()
    assert (always.batch_size, always.settings) == (2, {"draws": 3, "right": "always"})
    hits = batches.hits_by_draw(zoo.load(BN, "batch"), batch, 2, 3)
    assert (always.mask.tolist(), ever.mask.tolist()) == (hits.all(0).tolist(), hits.any(0).tolist())


def test_poisoned_neighbours(batch):
    rows = measured(command.poisoned([BN], batch))
    assert [(row.statistics, row.attack, row.n) for row in rows] == [
        ("tracked", "clean", 10), ("tracked", "poison", 10), ("batch", "clean", 10), ("batch", "poison", 10),
        ("batch-median", "clean", 10), ("batch-median", "poison", 10),
    ]  # fmt: skip
    assert rows[0].hits == rows[1].hits  # nobody can do anything to them
    second = batch.select(range(8, 16))
    attack = poison.make(range(3, 8), range(3), 8 / 255, 2)
    trace = attack.run(zoo.load(BN, "batch", fold=True), second, evaluation.batch_generator(0, 1))
    assert rows[3].mask[5:].tolist() == (~trace.fooled)[3:].tolist()


def test_statistics_of_images_that_are_not_scored(batch):
    pool = data.samples("cifar10").select(range(4, 20))
    rows = measured(command.estimated([RN], batch, pool.images))
    expected = estimate(partial(zoo.load, RN), pool.images, batch, [2], **OF_EIGHT)
    assert [(row.attack, row.settings["counted"]) for row in rows] == [
        ("clean", 0),
        ("clean", 2),
        ("pgd", 0),
        ("pgd", 2),
    ]
    each = expected.moving, *expected.by_count
    assert [row.correct for row in rows[:2]] == [e.clean.correct for e in each]
    assert [row.correct for row in rows[2:]] == [e.attacked.correct for e in each if e.attacked]


def test_statistics_of_training_images(batch, cifar):
    whole, cut = (command.training_images(RN, 16, made, cifar) for made in (False, True))
    assert torch.equal(whole, data.load("cifar10", "train", 16, seed=0, directory=cifar).images)
    assert cut.shape == (16, 3, 32, 32)
    assert torch.equal(cut, command.training_images(RN, 16, True, cifar))
    assert not any(torch.equal(one, other) for one in cut for other in whole)
    top, bottom = cut[:, :, :4].flatten(1).amax(1) == 0, cut[:, :, -4:].flatten(1).amax(1) == 0
    assert not (top & bottom).any()  # moved by at most four pixels, one way or the other
    rows = measured(command.estimated_in_training([RN], batch, cifar))
    assert [row.settings["training_images"] for row in rows] == ["whole", "whole", "cut", "cut"]
    for pool, (clean, attacked) in zip((whole, cut), (rows[:2], rows[2:]), strict=True):
        expected = estimate(partial(zoo.load, RN), pool, batch, [2], **OF_EIGHT).by_count[0]
        assert expected.attacked
        assert (clean.correct, attacked.correct) == (expected.clean.correct, expected.attacked.correct)


def test_who_trained_on_attacked_images_saw_neither(batch, cifar, monkeypatch):
    card = zoo.card(RN)
    monkeypatch.setattr(zoo, "card", lambda name: replace(card, recipe={**card.recipe, "attack_eps_255": 8.0}))
    assert list(command.estimated_in_training([RN], batch, cifar)) == []


def test_it_goes_on_where_it_was_stopped(small_zoo, cifar, batch, tmp_path, capsys):
    out = tmp_path / "laboratories.jsonl"
    command.measure([BN], cifar, 8, out)
    before = out.read_text().splitlines(keepends=True)
    assert len(before) == len(set(before)) == len(capsys.readouterr().out.splitlines())
    out.write_text("".join(before[:-5]))
    command.measure([BN], cifar, 8, out)
    assert sorted(map(_undated, out.read_text().splitlines())) == sorted(map(_undated, before))
    out.write_text(unsigned("".join(before)).replace(zoo.card(BN).sha256, "0" * 64))
    command.measure([BN], cifar, 8, out)
    assert {row.weight_hash for row in evaluation.read(out)} == {zoo.card(BN).sha256}


def _undated(line: str) -> str:
    return line.partition('"code_version"')[0].strip()


def test_rows_made_for_other_weights_do_not_count(batch, tmp_path, monkeypatch):
    rows = measured(command.transfer([BN], batch))
    path = tmp_path / "laboratories.jsonl"
    monkeypatch.setattr(laboratories, "shipped", lambda dataset: path)
    path.write_text("".join(row.line for row in rows))
    assert len(laboratories.rows()) == len(rows)
    strange = [row.line.replace(f'"batch", "weight_hash": "{row.weight_hash}"', f'"batch", "weight_hash": "{"0" * 64}"')
               for row in rows]  # fmt: skip
    path.write_text(unsigned("".join(strange)))
    kept = laboratories.rows()
    assert len(kept) == len(rows) - 3
    assert "batch" not in {row.settings["made_for"]["statistics"] for row in kept if "made_for" in row.settings}
