"""The composition of a batch: against `evaluation.accuracy` where both apply, by hand elsewhere."""

from dataclasses import replace

import pytest
import torch

from rnorm_core import attacks, data, evaluation, zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure import batches

NAME = "cifar10-small-bn"


@pytest.fixture
def batch(made, small_zoo):
    return data.load("cifar10", "test", directory=made / "cifar")


@pytest.fixture
def pgd():
    return attacks.make("pgd", eps=2 / 255, steps=2)


def test_sizes_are_those_that_the_images_fill():
    assert batches.sizes(20) == (1, 2, 4, 8, 16, 20)
    assert batches.sizes(1) == (1,)
    assert batches.sizes(512)[-1] == 256


def test_size_matters_with_batch_statistics_alone(batch):
    hits = {
        mode: [
            tuple(evaluation.accuracy(zoo.load(NAME, mode), batch, None, size).hits.tolist())
            for size in batches.sizes(len(batch))
        ]
        for mode in ("tracked", "batch")
    }
    assert len(set(hits["tracked"])) == 1
    assert len(set(hits["batch"])) > 1


def test_partitions():
    labels = torch.tensor([3, 1, 3, 1, 1, 3, 3])
    assert batches.consecutive(5, 2) == ((0, 1), (2, 3), (4,))
    assert batches.one_class(labels, 3) == ((1, 3, 4), (0, 2, 5), (6,))
    control = batches.shuffled_like(batches.one_class(labels, 3), torch.Generator().manual_seed(1))
    assert [len(part) for part in control] == [3, 3, 1]
    assert sorted(i for part in control for i in part) == list(range(7))


def test_in_consecutive_parts_accuracy_is_the_usual(batch, pgd):
    model = zoo.load(NAME, "batch")
    found = batches.accuracy_in(model, batch, batches.consecutive(24, 10), pgd, seed=3)
    expected = evaluation.accuracy(model, batch, pgd, 10, seed=3)
    assert found == expected
    assert torch.equal(found.hits, expected.hits)


def test_hits_of_a_partition_are_in_the_batchs_own_order(batch):
    model, parts = zoo.load(NAME, "batch"), batches.one_class(batch.labels, 8)
    found = batches.accuracy_in(model, batch, parts)
    for part in parts:
        places = list(part)
        assert len(set(batch.labels[places].tolist())) == 1
        assert torch.equal(found.hits[places], model(batch.images[places]).argmax(1) == batch.labels[places])


@pytest.mark.parametrize("parts", [((0, 1),), ((*range(24),), (3,)), ((*range(24),), ())])
def test_a_partition_that_is_none_is_refused(batch, parts):
    with pytest.raises(ValueError, match="exactly one part"):
        batches.accuracy_in(zoo.load(NAME), batch, parts)


def test_hits_by_draw_are_those_of_random_batches(batch):
    model, generator = zoo.load(NAME, "batch"), torch.Generator().manual_seed(2)
    hits = batches.hits_by_draw(model, batch, 5, draws=3, seed=2)
    assert hits.shape == (3, 24)
    for draw in hits:
        for places in torch.randperm(24, generator=generator).split(5):
            assert torch.equal(draw[places], model(batch.images[places]).argmax(1) == batch.labels[places])
    assert len(hits.unique(dim=0)) > 1
    assert len(batches.hits_by_draw(zoo.load(NAME), batch, 5, draws=3).unique(dim=0)) == 1


def test_reshuffling_changes_nothing_with_tracked_statistics_and_something_with_the_batchs(batch, pgd):
    tracked = batches.reshuffled(zoo.load(NAME), batch, pgd, 8, shuffles=3, seed=1)
    assert torch.equal(tracked.same.hits, evaluation.accuracy(zoo.load(NAME), batch, pgd, 8, seed=1).hits)
    assert all(torch.equal(one.hits, tracked.same.hits) for one in tracked.shuffled)
    batchwise = batches.reshuffled(zoo.load(NAME, "batch"), batch, pgd, 8, shuffles=3, seed=1)
    assert torch.equal(batchwise.same.hits, evaluation.accuracy(zoo.load(NAME, "batch"), batch, pgd, 8, seed=1).hits)
    assert any(not torch.equal(one.hits, batchwise.same.hits) for one in batchwise.shuffled)


def test_a_share_of_all_is_accuracy_and_every_image_is_attacked_once(batch, pgd):
    model = zoo.load(NAME, "batch")
    four, everyone = batches.by_share(model, batch, pgd, 12, (4, 12), seed=3)
    assert everyone.accuracy == evaluation.accuracy(model, batch, pgd, 12, seed=3)
    assert everyone.neighbours is None
    assert (four.attacked, four.accuracy.n, four.neighbours.n) == (4, 24, 16)
    (once,) = batches.by_share(model, batch, pgd, 12, (4,), groups=1, seed=3)
    assert once.accuracy.n == 8
    assert torch.equal(once.accuracy.hits[:4], four.accuracy.hits[:4])
    assert torch.equal(once.neighbours.hits, four.neighbours.hits)


def test_an_attack_on_some_images_sees_their_clean_neighbours(batch):
    """By hand: one step on two of six images with batch statistics, the other four as they are."""
    model, six = zoo.load(NAME, "batch"), batch.select(range(6))
    fgsm = attacks.make("fgsm", eps=2 / 255)
    images = six.images.clone().requires_grad_()
    torch.nn.functional.cross_entropy(model(images)[:2], six.labels[:2], reduction="sum").backward()
    attacked = six.images.clone()
    attacked[:2] = (six.images[:2] + 2 / 255 * images.grad[:2].sign()).clamp(0, 1)
    hits = model(attacked).argmax(1) == six.labels
    (found,) = batches.by_share(model, six, fgsm, 6, (2,), groups=1)
    assert torch.equal(found.accuracy.hits, hits[:2])
    assert torch.equal(found.neighbours.hits, hits[2:])
    assert (found.accuracy.model, found.accuracy.statistics) == (NAME, "batch")


def test_clean_neighbours_are_unharmed_with_tracked_statistics(batch, pgd):
    found = batches.by_share(zoo.load(NAME), batch, pgd, 8, (4,), groups=1)[0].neighbours
    clean = zoo.load(NAME)(batch.images).argmax(1) == batch.labels
    assert torch.equal(found.hits, torch.cat([clean[s + 4 : s + 8] for s in (0, 8, 16)]))


def test_a_share_larger_than_a_batch_is_refused(batch, pgd):
    with pytest.raises(UserError, match="from 1 to 8"):
        batches.by_share(zoo.load(NAME), batch, pgd, 8, (9,))


def test_neighbours_matter_with_batch_statistics_alone(batch):
    tracked = batches.neighbour_draws(zoo.load(NAME), batch, 5, 6, draws=4, seed=2)
    assert (tracked.probabilities == tracked.probabilities[0]).all()
    model = zoo.load(NAME, "batch")
    found = batches.neighbour_draws(model, batch, 5, 6, draws=4, seed=2)
    assert len(found.probabilities.unique(dim=0)) == 4
    place = {id: i for i, id in enumerate(batch.ids)}
    for row, neighbours in zip(found.probabilities, found.neighbours, strict=True):
        assert len({*neighbours, batch.ids[5]}) == 6
        shown = batch.images[[5, *(place[id] for id in neighbours)]]
        torch.testing.assert_close(row, model(shown)[0].softmax(0))
    assert found.neighbours == tracked.neighbours
    assert found.label == int(batch.labels[5])
    assert torch.equal(found.predictions, found.probabilities.argmax(1))


def test_alone_in_a_batch_there_are_no_neighbours(batch):
    found = batches.neighbour_draws(zoo.load(NAME, "batch"), batch, 0, 1, draws=2)
    assert found.neighbours == ((), ())
    assert torch.equal(found.probabilities[0], found.probabilities[1])


def test_a_batch_larger_than_the_pool_is_refused(batch):
    with pytest.raises(UserError, match="from 1 to 24"):
        batches.neighbour_draws(zoo.load(NAME), batch, 0, 25)


def test_unknown_labels_are_refused(batch, pgd):
    unknown = replace(batch, labels=torch.full_like(batch.labels, -1))
    for measure in (batches.by_share, batches.reshuffled):
        with pytest.raises(UserError, match="labelled images"):
            measure(zoo.load(NAME), unknown, pgd)
