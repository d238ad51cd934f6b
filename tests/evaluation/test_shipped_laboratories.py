"""The shipped rows of the laboratories: complete, of the shipped weights, and their first batch measured again."""

import pytest
import torch

from rnorm_core import data, evaluation, zoo
from rnorm_core.evaluation import laboratories
from rnorm_core.evaluation.row import images_hash
from rnorm_core.training import laboratories as command

pytestmark = pytest.mark.skipif(not laboratories.shipped().exists(), reason="nothing was measured yet")
COUNT, BATCH = 1000, command.BATCH
DIFFER = 2  # images of a batch; machines round differently


@pytest.fixture(scope="module")
def rows() -> tuple[evaluation.Row, ...]:
    return evaluation.read(laboratories.shipped())


@pytest.fixture(scope="module")
def batch() -> data.Batch:
    if not any(source.complete for source in data.available("cifar10")):
        pytest.skip("cifar10's full test set is not here (CIFAR_ROOT or the Hugging Face cache)")
    return data.load("cifar10", "test", count=COUNT + command.COUNTED[-1] * BATCH, seed=0)


def tasks(batch: data.Batch) -> list[command.Task]:
    images, pool = batch.select(range(COUNT)), batch.select(range(COUNT, len(batch)))
    return command.tasks(command.MODELS, images, pool.images)


def test_they_belong_to_the_shipped_weights(rows):
    assert laboratories.rows() == rows
    assert {row.weight_hash for row in rows} == {zoo.card(name).sha256 for name in command.MODELS}


def test_every_row_is_there_on_the_images_that_the_seed_picks(rows, batch):
    wanted = {evaluation.file.identity(row) for task in tasks(batch) for row in task.blanks}
    assert {evaluation.file.identity(row) for row in rows} == wanted
    assert images_hash(batch.ids[:COUNT]) in {row.images for row in rows}


@pytest.mark.parametrize("name", command.MODELS)
def test_the_first_batch_comes_out_again(rows, batch, name):
    """Every kind of row that looks at batches one by one, on the first of them."""
    first = batch.select(range(BATCH))
    checked = 0
    for task in [*command.crossed([name], first), *command.corrupted([name], first)]:
        settings = task.blanks[0].settings
        if settings.get("eps", 1 / 255) != 1 / 255 or settings.get("severity", 5) != 5:
            continue
        for again, found in zip(task.blanks, task.measure(), strict=True):
            same = {"model": name, "statistics": again.statistics, "settings": again.settings}
            (row,) = [r for r in rows if same == {key: getattr(r, key) for key in same}]
            assert int((row.mask[:BATCH] ^ found.hits).sum()) <= DIFFER, (row.statistics, row.settings)
            checked += 1
    assert checked == 3 * (1 + 1 + 3) + 2 * len(data.CORRUPTIONS)


def test_poison_in_the_first_batch_comes_out_again(rows, batch):
    tasks = command.poisoned(command.MODELS, batch.select(range(BATCH)))
    for task in tasks:
        before, after = task.blanks
        if (before.settings["poisoned"], before.settings["poison_255"]) != (8, 8):
            continue
        for blank, found in zip((before, after), task.measure(), strict=True):
            (row,) = [
                r for r in rows
                if (r.model, r.statistics, r.settings) == (blank.model, blank.statistics, blank.settings)
            ]  # fmt: skip
            assert int((row.mask[: BATCH - 8] ^ found.hits).sum()) <= DIFFER
    tracked = [r for r in rows if r.statistics == "tracked" and "poisoned" in r.settings]
    by_conditions: dict[tuple, list[torch.Tensor]] = {}
    for row in tracked:  # before and after are one and the same, whatever is done to the neighbours
        key = row.model, row.settings["poisoned"], row.settings["poison_255"]
        by_conditions.setdefault(key, []).append(row.mask)
    assert all(len(masks) == 2 and torch.equal(*masks) for masks in by_conditions.values())
