"""What "Measure it here" computes, on small random models."""

from dataclasses import replace

import pytest
import torch

from rnorm_core import attacks, data, evaluation, jobs, models
from rnorm_core.ui import measuring
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.measuring import Measured, Measurement


def network(side: Side, device: str = "cpu"):
    torch.manual_seed(len(side.name))
    model = models.build("resnet20", side.norm, width=0.25, statistics=side.statistics).eval().requires_grad_(False)
    model.name, model.statistics, model.weight_hash = side.name, side.statistics, side.weight_hash
    return model


@pytest.fixture
def asked(monkeypatch) -> Measurement:
    monkeypatch.setattr(Side, "load", network)
    monkeypatch.setattr(measuring, "BATCH", 3)
    left, right = Side("left-bn", "tracked", "bn", "a" * 64), Side("right-rn", "batch", "rn", "b" * 64)
    return Measurement(left, right, "fgsm", (1, 8), "float", "cifar10", False, "the samples", 8, 5, "cpu")


def measured(asked: Measurement) -> Measured:
    return jobs.Jobs().start(asked, measuring.measure(asked)).result(100)


@pytest.mark.parametrize("pixels", evaluation.PIXELS)
def test_it_is_what_evaluation_measures(asked, pixels):
    asked = replace(asked, pixels=pixels)
    found, batch = measured(asked), asked.images()
    assert set(found.hits) == {(side, eps) for side in (asked.left, asked.right) for eps in (0, 1, 8)}
    for (side, eps), hits in found.hits.items():
        attack = attacks.make("fgsm", eps / 255) if eps else None
        alone = evaluation.accuracies(network(side), batch, attack, 3, seed=5, pixels=(pixels,))[pixels]
        assert torch.equal(hits, alone.hits)


def test_random_starts_are_those_of_the_seed(asked):
    asked = replace(asked, attack="pgd", eps_255=(2,), count=4)
    alone = evaluation.accuracy(network(asked.left), asked.images(), attacks.make("pgd", 2 / 255), 3, seed=5)
    assert torch.equal(measured(asked).hits[asked.left, 2], alone.hits)


def test_the_images_are_drawn_by_the_seed_from_the_samples(asked):
    samples = data.samples("cifar10")
    batch = asked.images()
    assert len(set(batch.ids)) == 8
    assert set(batch.ids) < set(samples.ids)
    assert batch.ids == asked.images().ids
    assert batch.ids != replace(asked, seed=6).images().ids
    assert set(replace(asked, count=20).images().ids) == set(samples.ids)


def test_from_the_whole_test_set_they_are_those_of_the_sweep(asked):
    if not any(source.complete for source in data.available("cifar10")):
        pytest.skip("the full CIFAR-10 test set is not here")
    assert replace(asked, complete=True, count=9).images().ids == data.load("cifar10", count=9, seed=5).ids


class Listener:
    """A job that only listens, and stops the work after `enough` reports."""

    def __init__(self, enough: int = 10**9) -> None:
        self.told, self.enough = [], enough

    def progress(self, fraction, text, partial=None):
        self.told.append((fraction, text, partial))
        if len(self.told) >= self.enough:
            raise jobs.Cancelled


def test_points_come_one_after_another_and_progress_never_goes_back(asked):
    listener = Listener()
    measuring.measure(asked)(listener)  # pyright: ignore[reportArgumentType]
    fractions = [fraction for fraction, _, _ in listener.told]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    partials = [partial for _, _, partial in listener.told if partial]
    assert [len(partial.hits) for partial in partials] == [0, 1, 2, 3, 4, 5, 6]
    assert list(partials[-1].hits) == [(side, eps) for eps in (0, 1, 8) for side in (asked.left, asked.right)]
    texts = [text for _, text, _ in listener.told]
    assert "RobustNorm, right-rn, batch, eps 8/255: images 7 to 8 of 8, step 1 of 1" in texts


def test_it_can_be_stopped_within_a_batch(asked):
    asked = replace(asked, attack="pgd")
    listener = Listener(enough=15)
    with pytest.raises(jobs.Cancelled):
        measuring.measure(asked)(listener)  # pyright: ignore[reportArgumentType]
    assert "step" in listener.told[-1][1]


def test_equal_sides_are_measured_once(asked):
    asked = replace(asked, right=asked.left, eps_255=(1,))
    assert set(measured(asked).hits) == {(asked.left, 0), (asked.left, 1)}
    assert measured(asked).comparison(1).everything.difference == 0


# --- from hits written by hand: both get images 0 and 1 right when clean


@pytest.fixture
def known(asked) -> Measured:
    hits = {
        (asked.left, 0): [1, 1, 1, 0],
        (asked.right, 0): [1, 1, 0, 0],
        (asked.left, 8): [1, 0, 1, 0],
    }
    return Measured(asked, {key: torch.tensor(value).bool() for key, value in hits.items()})


def test_curves_count_what_is_known(known):
    left, right = known.curves()
    assert (list(left.eps_255), list(left.correct), list(left.n)) == ([0, 8], [3, 2], [4, 4])
    assert (list(right.eps_255), list(right.correct)) == ([0], [2])
    assert left.here
    assert (left.low[0], left.high[0]) == evaluation.wilson(3, 4)
    assert known.comparison(8) is None  # the right side is not there yet


def test_fair_curves_count_only_images_right_when_clean_on_both_sides(known):
    left, right = known.curves(fair=True)
    assert (list(left.correct), list(left.n)) == ([2, 1], [2, 2])
    assert (list(right.correct), list(right.n)) == ([2], [2])
    without = Measured(known.asked, {key: hits for key, hits in known.hits.items() if key[0] == known.asked.left})
    assert without.curves(fair=True) == []


def test_the_comparison_pairs_image_by_image(known):
    hits = known.hits | {(known.asked.right, 8): torch.tensor([0, 1, 0, 1]).bool()}
    comparison = Measured(known.asked, hits).comparison(8)
    p = comparison.everything
    assert (p.both, p.left_only, p.right_only, p.neither) == (0, 2, 2, 0)
    assert (comparison.fair.n, comparison.fair.left_only, comparison.fair.right_only) == (2, 1, 1)
