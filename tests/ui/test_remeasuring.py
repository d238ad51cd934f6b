"""Small versions of claims: what is measured here is what a page measures elsewhere, by the same rules."""

import pytest
import torch

from rnorm_core import data, evaluation, probes, shift, zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation.claims import CLAIMS
from rnorm_core.evaluation.evidence import Count
from rnorm_core.evaluation.paired import paired
from rnorm_core.ui import remeasuring

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"


class Job:
    def __init__(self) -> None:
        self.partials: list = []
        self.last = 0.0

    def progress(self, fraction, text, partial=None):
        assert 0 <= self.last <= fraction <= 1 + 1e-9
        self.last = fraction
        assert text
        if partial is not None:
            self.partials.append(partial)


def measured(claim: str, count: int = 8):
    asked = remeasuring.ask(claim, "cifar10", False, "samples", count, 0, "cpu")
    job = Job()
    result = remeasuring.work(asked)(job)
    for partial in job.partials:
        remeasuring.judgements(asked, partial)  # whatever is there so far can be judged
    return asked, result, remeasuring.judgements(asked, result)


@pytest.fixture(autouse=True)
def _two_networks(small_zoo, monkeypatch):
    """The small zoo has no network without norm: RobustNorm takes its place in C0."""
    monkeypatch.setitem(remeasuring.SIDES, "C0", (("rn", "tracked"), ("bn", "tracked")))
    monkeypatch.setattr(remeasuring, "EPS_255", (8,))
    monkeypatch.setattr(remeasuring, "MOVED_255", (8,))


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_claim_has_a_small_version(claim):
    asked, _, judgements = measured(claim)
    assert asked.measurement.count == 8
    assert judgements
    for judgement in judgements:
        assert judgement.claim == claim
        assert judgement.findings
        assert {s.weight_hash for s in judgement.sources} <= {zoo.card(n).sha256 for n in (BN, RN)}


def test_a_contest_is_paired_on_images_both_recognise():
    asked, result, (judgement,) = measured("C5")
    batch = asked.measurement.images()
    clean = [evaluation.accuracy(zoo.load(name, fold=True), batch).hits for name in (RN, BN)]
    both = clean[0] & clean[1]
    left, right = (result.hits[side, 8][both] for side in asked.measurement.sides)
    assert judgement.evidence.by_eps == {8: {0: paired(left, right)}}


def test_layers_lie_beyond_the_band_of_this_batch():
    asked, _, (judgement,) = measured("C1")
    batch, population = asked.measurement.images(), shift.population(BN)
    recorded = probes.record(zoo.load(BN), batch.images, grid=population.statistics)
    clean = shift.compare(recorded, population.statistics)
    expected = [
        layer.summary("wasserstein") > population.band("tracked", 8, layer.name, "wasserstein").summary_high
        for layer in clean.layers
    ]
    (found,) = judgement.evidence.noise[0.0].values()
    assert found.tolist() == [expected]


def test_lost_images_are_those_the_attack_cost():
    _, result, (_, judgement) = measured("C2")
    clean, after, own = result.hits["clean", 0.0], result.hits["pgd", 8], result.own["pgd", 8]
    lost = clean & ~after
    assert judgement.evidence.by_eps == {8: (int((lost & own).sum()), int(lost.sum()))}


def test_batch_sizes_up_to_all_at_once():
    asked, need, _ = measured("C4")
    batch, model = asked.measurement.images(), zoo.load(BN, "batch")
    assert sorted(need.by_size) == [1, 2, 4, 8]
    hits = torch.cat([evaluation.predict(model, batch.images[i : i + 2]) for i in range(0, 8, 2)]) == batch.labels
    assert need.by_size[2] == Count(int(hits.sum()), 8)


def test_a_missing_network_is_named(monkeypatch):
    monkeypatch.setitem(remeasuring.SIDES, "C0", (("none", "tracked"), ("bn", "tracked")))
    with pytest.raises(UserError, match="cifar10-resnet20-none is not here"):
        remeasuring.ask("C0", "cifar10", False, "samples", 8, 0, "cpu")


def test_the_samples_are_enough():
    assert len(data.samples("cifar10")) >= 20
