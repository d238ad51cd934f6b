"""The transfer matrix: its diagonal is `evaluation.accuracy`, the other cells are computed step by step."""

import pytest
import torch

from rnorm_core import attacks, data, evaluation, zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure.matrix import matrix, noise_like, transfer_row
from rnorm_core.norms import STATISTICS
from rnorm_core.zoo import Variant

SIZE, EPS = 10, 4 / 255


@pytest.fixture
def batch(made, small_zoo):
    return data.load("cifar10", "test", directory=made / "cifar")


@pytest.fixture
def pgd():
    return attacks.make("pgd", eps=EPS, steps=3)


def three(name="cifar10-small-bn"):
    return [zoo.load(name, mode) for mode in STATISTICS]


def test_the_diagonal_is_accuracy_exactly(batch, pgd):
    models = three()
    found = matrix(models, models, batch, pgd, SIZE, seed=4)
    for i, model in enumerate(models):
        expected = evaluation.accuracy(zoo.load(model.name, model.statistics), batch, pgd, SIZE, seed=4)
        assert found.cells[i][i] == expected
        assert torch.equal(found.cells[i][i].hits, expected.hits)
    assert len({(cell.correct, cell.n) for row in found.cells for cell in row}) > 1


def test_clean_and_noise_are_accuracies_too(batch, pgd):
    models = three()
    found = matrix(models, models, batch, pgd, SIZE, seed=4)
    noise = attacks.make("noise", eps=EPS)
    for j, model in enumerate(models):
        assert torch.equal(found.clean[j].hits, evaluation.accuracy(model, batch, None, SIZE).hits)
        assert torch.equal(found.noise[j].hits, evaluation.accuracy(model, batch, noise, SIZE, seed=4).hits)
    assert attacks.make(**found.noise_spec).spec == noise.spec
    assert attacks.make(**found.spec).spec == pgd.spec
    assert found.rows == (found.clean, found.noise, *found.cells)


def test_off_the_diagonal_the_same_images_are_scored_in_the_same_batches(batch, pgd):
    crafter, scorer = zoo.load("cifar10-small-bn", "tracked"), zoo.load("cifar10-small-rn", "batch")
    found = matrix([crafter], [scorer], batch, pgd, SIZE, seed=4)
    hits = []
    for index, start in enumerate(range(0, len(batch), SIZE)):
        part = batch.select(range(start, min(start + SIZE, len(batch))))
        attacked = pgd.run(crafter, part, evaluation.batch_generator(4, index)).adversarial
        hits.append(scorer(attacked).argmax(1) == part.labels)
    assert torch.equal(found.cells[0][0].hits, torch.cat(hits))
    cell = found.cells[0][0]
    assert (cell.model, cell.statistics, cell.spec) == ("cifar10-small-rn", "batch", pgd.spec)
    assert (found.crafters, found.scorers) == (
        (Variant.of("cifar10-small-bn"),), (Variant.of("cifar10-small-rn", "batch"),)
    )  # fmt: skip
    assert (found.n, found.ids) == (len(batch), batch.ids)


def test_noise_has_the_attacks_norm_and_size():
    found = noise_like(attacks.make("pgd-l2", eps=0.25))
    assert (found.spec["name"], found.spec["eps"]) == ("noise-l2", 0.25)
    with pytest.raises(UserError, match="no eps"):
        noise_like(attacks.make("deepfool"))


def test_a_part_of_a_matrix_and_what_transfers(batch, pgd):
    models = three()
    found = matrix(models, models, batch, pgd, SIZE)
    tracked, batchwise, mixed = found.crafters
    part = found.part([mixed, tracked], [batchwise])
    assert part.cells == ((found.cells[2][1],), (found.cells[0][1],))
    assert (part.crafters, part.scorers) == ((mixed, tracked), (batchwise,))
    assert (part.clean, part.noise) == (found.clean[1:2], found.noise[1:2])
    pair = found.transfer(crafter=tracked, scorer=batchwise)
    assert pair == evaluation.paired(found.cells[0][1].hits, found.cells[1][1].hits)
    assert part.transfer(tracked, batchwise) is None  # what was made for the scorer itself is missing
    with pytest.raises(ValueError, match="not in"):
        part.part([batchwise], [batchwise])


def test_a_row_alone_is_a_row_of_the_matrix(batch, pgd):
    models = three()
    found, row = matrix(models, models, batch, pgd, SIZE, seed=1), transfer_row(models[1], models, batch, pgd, SIZE, 1)
    assert row == found.cells[1]
    assert matrix([], models, batch, pgd, SIZE, 1).with_row(found.crafters[1], row).cells == (found.cells[1],)
