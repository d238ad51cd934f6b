"""The matrix of crafting against scoring: its diagonal is `evaluation.accuracy`, the rest is computed by hand."""

import pytest
import torch

from rnorm_core import attacks, data, evaluation, zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation.matrix import matrix, noise_like
from rnorm_core.norms import STATISTICS

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
    assert [(p.model, p.statistics) for p in found.crafters] == [("cifar10-small-bn", "tracked")]
    assert found.crafters[0].weight_hash == zoo.card("cifar10-small-bn").sha256
    assert (found.n, found.ids) == (len(batch), batch.ids)


def test_noise_has_the_attacks_norm_and_size():
    found = noise_like(attacks.make("pgd-l2", eps=0.25))
    assert (found.spec["name"], found.spec["eps"]) == ("noise-l2", 0.25)
    with pytest.raises(UserError, match="no eps"):
        noise_like(attacks.make("deepfool"))
