"""The accuracy of two small random networks over the size of an attack, and the curves of it."""

from dataclasses import replace

import pytest
import torch

from rnorm_core import attacks, evaluation, jobs, models
from rnorm_core.data import ImageChoice
from rnorm_core.experiments import accuracy_sweep
from rnorm_core.experiments.accuracy_sweep import Request, Result
from rnorm_core.ui.accuracy.view import live_curves
from rnorm_core.zoo import Variant

LEFT = Variant("left-bn", "tracked", "a" * 64, "bn", "BatchNorm, left-bn")
RIGHT = Variant("right-rn", "batch", "b" * 64, "rn", "RobustNorm, right-rn")


def network(variant: Variant, device: str = "cpu"):
    torch.manual_seed(len(variant.model))
    shape = {"width": 0.25, "statistics": variant.statistics}
    model = models.build("resnet20", variant.norm, **shape).eval().requires_grad_(False)
    model.name, model.statistics, model.weight_hash = variant.model, variant.statistics, variant.weight_hash
    return model


@pytest.fixture
def request_(monkeypatch) -> Request:
    monkeypatch.setattr(Variant, "load", network)
    monkeypatch.setattr(accuracy_sweep, "BATCH", 3)
    return Request(LEFT, RIGHT, "fgsm", (1, 8), "float", ImageChoice.of_samples(count=8, seed=5))


@pytest.mark.parametrize("pixels", evaluation.PIXELS)
def test_it_is_what_evaluation_measures(request_, pixels):
    result, batch = accuracy_sweep.run(replace(request_, pixels=pixels)), request_.images.load()
    assert set(result.hits) == {(variant, eps) for variant in (LEFT, RIGHT) for eps in (0, 1, 8)}
    for (variant, eps), hits in result.hits.items():
        attack = attacks.make("fgsm", eps / 255) if eps else None
        alone = evaluation.accuracies(network(variant), batch, attack, 3, seed=5, pixels=(pixels,))[pixels]
        assert torch.equal(hits, alone.hits)


def test_random_starts_are_those_of_the_seed(request_):
    images = replace(request_.images, count=4)
    result = accuracy_sweep.run(replace(request_, attack="pgd", eps_255=(2,), images=images))
    alone = evaluation.accuracy(network(LEFT), images.load(), attacks.make("pgd", 2 / 255), 3, seed=5)
    assert torch.equal(result.hits[LEFT, 2], alone.hits)


class Listener:
    """Remembers every report, and stops the work after `enough` of them."""

    def __init__(self, enough: int = 10**9) -> None:
        self.reports, self.enough = [], enough

    def __call__(self, fraction, text, partial=None):
        self.reports.append((fraction, text, partial))
        if len(self.reports) >= self.enough:
            raise jobs.Cancelled


def test_points_come_one_after_another_and_progress_never_goes_back(request_):
    listener = Listener()
    accuracy_sweep.run(request_, listener)
    fractions, texts, partials = zip(*listener.reports, strict=True)
    assert list(fractions) == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
    partials = [partial for partial in partials if partial]
    assert [len(partial.hits) for partial in partials] == [0, 1, 2, 3, 4, 5, 6]
    assert {partial.request for partial in partials} == {request_}
    assert list(partials[-1].hits) == [(variant, eps) for eps in (0, 1, 8) for variant in (LEFT, RIGHT)]
    assert "RobustNorm, right-rn with batch statistics, eps 8/255: 8 images, attack 3 of 3" in texts


def test_it_can_be_stopped_within_a_batch(request_):
    listener = Listener(enough=15)
    with pytest.raises(jobs.Cancelled):
        accuracy_sweep.run(replace(request_, attack="pgd", images=replace(request_.images, count=3)), listener)
    assert "step" in listener.reports[-1][1]


def test_equal_variants_are_measured_once(request_):
    result = accuracy_sweep.run(replace(request_, right=LEFT, eps_255=(1,)))
    assert set(result.hits) == {(LEFT, 0), (LEFT, 1)}
    assert result.comparison(1).everything.difference == 0


# --- from hits written by hand: both get images 0 and 1 right when clean


@pytest.fixture
def known(request_) -> Result:
    hits = {(LEFT, 0): [1, 1, 1, 0], (RIGHT, 0): [1, 1, 0, 0], (LEFT, 8): [1, 0, 1, 0]}
    return Result(request_, {key: torch.tensor(value).bool() for key, value in hits.items()})


def test_curves_count_what_is_known(known):
    left, right = live_curves(known)
    assert (list(left.eps_255), list(left.correct), list(left.n)) == ([0, 8], [3, 2], [4, 4])
    assert (list(right.eps_255), list(right.correct)) == ([0], [2])
    assert left.here
    assert (left.low[0], left.high[0]) == evaluation.wilson(3, 4)
    assert known.comparison(8) is None  # the right network is not there yet


def test_fair_curves_count_only_images_right_when_clean_under_both(known):
    left, right = live_curves(known, fair=True)
    assert (list(left.correct), list(left.n)) == ([2, 1], [2, 2])
    assert (list(right.correct), list(right.n)) == ([2], [2])
    without = replace(known, hits={key: hits for key, hits in known.hits.items() if key[0] == LEFT})
    assert live_curves(without, fair=True) == []


def test_the_comparison_pairs_image_by_image(known):
    hits = known.hits | {(RIGHT, 8): torch.tensor([0, 1, 0, 1]).bool()}
    comparison = replace(known, hits=hits).comparison(8)
    p = comparison.everything
    assert (p.both, p.left_only, p.right_only, p.neither) == (0, 2, 2, 0)
    assert (comparison.fair.n, comparison.fair.left_only, comparison.fair.right_only) == (2, 1, 1)
