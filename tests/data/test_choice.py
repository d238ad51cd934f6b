"""Equal image choices are the same images in the same order, from any copy of the data set."""

import pytest

from rnorm_core import data
from rnorm_core.data import ImageChoice

CHOICE = ImageChoice.of_samples(count=8, seed=5)


def test_the_seed_picks_samples():
    samples, batch = data.samples("cifar10"), CHOICE.load()
    assert len(set(batch.ids)) == 8
    assert set(batch.ids) < set(samples.ids)
    assert batch.ids == ImageChoice.of_samples(count=8, seed=5).load().ids
    assert batch.ids != ImageChoice.of_samples(count=8, seed=6).load().ids
    assert set(CHOICE.with_count(20).load().ids) == set(samples.ids)


def test_of_the_whole_test_set_they_are_those_of_the_sweep():
    if not any(source.complete for source in data.available("cifar10")):
        pytest.skip("the full CIFAR-10 test set is not here")
    assert ImageChoice.of_test_set(count=9, seed=5).load().ids == data.load("cifar10", count=9, seed=5).ids
