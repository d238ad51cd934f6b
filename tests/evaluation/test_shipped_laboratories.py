"""The shipped rows of the pages about statistics: complete, of the shipped weights, and measured again in part."""

from collections.abc import Iterable

import pytest
import torch

from rnorm_core import data, evaluation, zoo
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.evaluation.tables.row import images_hash
from rnorm_core.experiments import precise_bn
from rnorm_core.experiments.precompute import laboratories as command
from rnorm_core.norms import MEDIAN
from rnorm_core.zoo import Variant

pytestmark = pytest.mark.skipif(not laboratories.shipped().exists(), reason="nothing was measured yet")
COUNT, BATCH = 1000, laboratories.BATCH
DIFFER = 2  # images of a batch; machines round differently
BN = command.MODELS[0]


@pytest.fixture(scope="module")
def rows() -> tuple[evaluation.Row, ...]:
    return evaluation.read(laboratories.shipped())


@pytest.fixture(scope="module")
def batch() -> data.Batch:
    if not any(source.complete for source in data.available("cifar10")):
        pytest.skip("cifar10's full test set is not here (CIFAR_ROOT or the Hugging Face cache)")
    return data.load("cifar10", "test", count=COUNT + command.COUNTED[-1] * BATCH, seed=0)


@pytest.fixture(scope="module")
def first(batch) -> data.Batch:
    """The first batch of the images that are scored."""
    return batch.select(range(BATCH))


def tasks(batch: data.Batch) -> list[command.Task]:
    images, pool = batch.select(range(COUNT)), batch.select(range(COUNT, len(batch)))
    return command.tasks(command.MODELS, images, pool.images)


def measured_again(rows: tuple[evaluation.Row, ...], again: Iterable[command.Task]) -> int:
    """Compares the images of these tasks with the beginning of the shipped rows; the number of rows compared."""
    checked = 0
    for task in again:
        for blank, accuracy in zip(task.blanks, task.measure(), strict=True):
            same = {key: getattr(blank, key) for key in ("model", "statistics", "settings", "batch_size")}
            (row,) = [row for row in rows if same == {key: getattr(row, key) for key in same}]
            assert int((row.mask[: accuracy.n] ^ accuracy.hits).sum()) <= DIFFER, same
            checked += 1
    return checked


def test_they_belong_to_the_shipped_weights(rows):
    assert laboratories.rows() == rows
    assert {row.weight_hash for row in rows} == {zoo.card(name).sha256 for name in command.MODELS}


def test_every_row_is_there_on_the_images_that_the_seed_picks(rows, batch):
    expected = {row.identity for task in tasks(batch) for row in task.blanks}
    assert {row.identity for row in rows} == expected
    assert images_hash(batch.ids[:COUNT]) in {row.images for row in rows}


def test_poison_changes_nothing_with_tracked_statistics(rows):
    masks: dict[tuple, list[torch.Tensor]] = {}
    for row in rows:
        if row.statistics == "tracked" and "poisoned" in row.settings:
            key = row.model, row.settings["poisoned"], row.settings["poison_255"]
            masks.setdefault(key, []).append(row.mask)
    assert len(masks) == len(command.MODELS) * len(command.POISON_255) * len(command.POISONED)
    assert all(len(pair) == 2 and torch.equal(*pair) for pair in masks.values())


def test_medians_are_no_lasting_defence_against_an_attacker_who_knows(rows):
    """As the page says: beside 32 poisoned neighbours of 128, untouched images are lost with means and with medians."""
    for model in command.MODELS:
        for mode in ("batch", MEDIAN):
            some = [row for row in rows if row.settings.get("poison_255") == 8]
            before, after = (
                laboratories.of([row for row in some if row.attack == attack], model, mode, poisoned=32)
                for attack in ("clean", "poison")
            )
            assert before
            assert after
            assert evaluation.paired(after.mask, before.mask).high < -0.05


# --- one or few rows of each experiment, cheap ones


def test_an_attack_for_one_mode_scored_in_all_comes_out_again(rows, first):
    made_for = {"model": BN, "statistics": "tracked", "weight_hash": zoo.card(BN).sha256}
    some = [task for task in command.transfer([BN], first) if task.blanks[0].settings.get("made_for") == made_for]
    assert measured_again(rows, (task for task in some if task.blanks[0].eps_255 == 1)) == 3


def test_fog_comes_out_again(rows, first):
    some = [
        task for task in command.corrupted([BN], first)
        if (task.blanks[0].settings["corruption"], task.blanks[0].settings["severity"]) == ("fog", 5)
    ]  # fmt: skip
    assert measured_again(rows, some) == 2


def test_poisoned_neighbours_come_out_again(rows, first):
    assert measured_again(rows, poisoning_tasks([BN], first, "batch", MEDIAN)) == 4


def test_statistics_of_one_batch_come_out_again(rows, batch, first):
    pool = batch.select(range(COUNT, COUNT + BATCH)).images
    found = precise_bn.estimate(lambda: Variant.of(BN).load(fold=False), pool, first, [1])
    for one in (found.moving, *found.by_count):
        row = laboratories.of([row for row in rows if row.attack == "clean"], BN, "tracked", counted=one.k)
        assert row is not None
        assert int((row.mask[:BATCH] ^ one.clean.hits).sum()) <= DIFFER


def poisoning_tasks(names: Iterable[str], first: data.Batch, *modes: str) -> list[command.Task]:
    """Eight poisoned neighbours of each batch, changed by 8/255."""
    return [
        task for task in command.poisoned(list(names), first)
        if (task.blanks[0].settings["poisoned"], task.blanks[0].settings["poison_255"]) == (8, 8)
        and task.blanks[0].statistics in modes
    ]  # fmt: skip


# --- all kinds of rows


@pytest.mark.slow
@pytest.mark.parametrize("name", command.MODELS)
def test_the_first_batch_comes_out_again(rows, first, name):
    def wanted(task: command.Task) -> bool:
        settings = task.blanks[0].settings
        return settings.get("eps", 1 / 255) == 1 / 255 and settings.get("severity", 5) == 5

    some = filter(wanted, [*command.transfer([name], first), *command.corrupted([name], first)])
    assert measured_again(rows, some) == 3 * (1 + 1 + 3) + 2 * len(data.CORRUPTIONS)
    assert measured_again(rows, poisoning_tasks([name], first, "tracked", "batch")) == 4


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_neighbours_and_precise_bn_come_out_again(rows, batch, monkeypatch):
    monkeypatch.setattr(command, "COUNTED", (4,))
    images, pool = batch.select(range(COUNT)), batch.select(range(COUNT, len(batch))).images
    draws = [task for task in command.neighbours([BN], images) if task.blanks[0].batch_size == 128]
    estimates = list(command.estimated([BN], images, pool))
    allowed = DIFFER * 8  # of 1,000 images
    for task in [*draws, *estimates]:
        for blank, accuracy in zip(task.blanks, task.measure(), strict=True):
            (row,) = [row for row in rows if row.identity == blank.identity]
            assert int((row.mask ^ accuracy.hits).sum()) <= allowed, blank.settings
