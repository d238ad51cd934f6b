"""Small versions of claims: the same numbers as elsewhere in the library, judged by the same rules."""

import pytest
import torch

from rnorm_core import attacks, evaluation, norms, shift, zoo
from rnorm_core.data import ImageChoice
from rnorm_core.errors import UserError
from rnorm_core.evaluation.claims.evidence import Count
from rnorm_core.evaluation.claims.judge import CLAIMS
from rnorm_core.evaluation.measure.paired import paired
from rnorm_core.experiments import claim_check
from rnorm_core.experiments.claim_check import RN, Request, ShiftMeter

BN_NAME, RN_NAME = "cifar10-resnet20-bn", "cifar10-resnet20-rn"
IMAGES = ImageChoice.of_samples(count=8)


def measured(claim: str) -> claim_check.Result:
    calls = []
    result = claim_check.run(Request.of(claim, IMAGES, "cpu"), lambda *call: calls.append(call))
    fractions = [call[0] for call in calls]
    assert fractions == sorted(fractions)
    assert all(call[1] for call in calls)
    partials = [call[2] for call in calls if len(call) > 2 and call[2] is not None]
    assert partials
    assert all(partial.request == result.request and partial.judgements for partial in partials)
    last = partials[-1].judgements
    assert [(j.reading, j.findings) for j in last] == [(j.reading, j.findings) for j in result.judgements]
    return result


@pytest.fixture(autouse=True)
def two_networks(small_zoo, monkeypatch):
    """The small zoo has no network without a norm: RobustNorm takes its place in C0."""
    monkeypatch.setitem(claim_check.NETWORKS, "C0", claim_check.NETWORKS["C5"])
    monkeypatch.setattr(claim_check, "EPS_255", (8,))
    monkeypatch.setattr(claim_check, "SHIFT_EPS_255", (8,))


def hits(name: str, mode: str = "tracked", eps_255: float = 0) -> torch.Tensor:
    attack = attacks.make("pgd", eps_255 / 255) if eps_255 else None
    return evaluation.accuracy(zoo.load(name, mode, fold=True), IMAGES.load(), attack).hits


@pytest.mark.parametrize("claim", CLAIMS)
def test_every_claim_has_a_small_version(claim):
    result = measured(claim)
    assert result.judgements
    for judgement in result.judgements:
        assert judgement.claim == claim
        assert judgement.findings
        assert judgement.sources == result.request.variants
        assert {s.weight_hash for s in judgement.sources} <= {zoo.card(n).sha256 for n in (BN_NAME, RN_NAME)}


def test_a_contest_is_paired_on_images_that_both_get_right():
    (judgement,) = measured("C5").judgements
    both = hits(RN_NAME) & hits(BN_NAME)
    pair = paired(hits(RN_NAME, eps_255=8)[both], hits(BN_NAME, eps_255=8)[both])
    assert judgement.evidence.by_eps == {8: {0: pair}}


def test_retention_is_attacked_against_clean():
    judgement = measured("C3").judgements[0]
    clean, attacked = (int(hits(BN_NAME, "batch", eps).sum()) for eps in (0, 8))
    assert judgement.evidence.by_eps == {8: {0: (Count(clean, 8), Count(attacked, 8))}}


def test_kept_accuracy_is_clean():
    (judgement,) = measured("C6").judgements
    assert judgement.evidence.by_seed == {0: paired(hits(RN_NAME), hits(BN_NAME))}


def beyond(images: torch.Tensor, *measures: str) -> list[bool]:
    """By hand: layer by layer, larger than the upper end of the band of 8 images in one of the measures."""
    population = shift.population(BN_NAME)
    shifts = shift.layer_shifts(zoo.load(BN_NAME), images, population.statistics)
    names = population.statistics.names
    return [
        any(shifts[m][i] > population.band("tracked", 8, name, m).summary_high for m in measures)
        for i, name in enumerate(names)
    ]


def attacked(name: str) -> torch.Tensor:
    return evaluation.attack_batch(zoo.load(BN_NAME, fold=True), IMAGES.load(), attacks.make(name, 8 / 255)).adversarial


@pytest.mark.parametrize(("claim", "measures"), [("C1", ("wasserstein",)), ("C2", ("mean", "log_std"))])
def test_layers_are_beyond_the_band_of_this_batch(claim, measures):
    evidence = measured(claim).judgements[0].evidence
    by_hand = {0.0: beyond(IMAGES.load().images, *measures), 8: beyond(attacked("noise"), *measures)}
    assert {eps: found.tolist() for eps, models in evidence.noise.items() for found in models.values()} == {
        eps: [layers] for eps, layers in by_hand.items()
    }
    (found,) = evidence.by_eps[8].values()
    assert found.tolist() == [beyond(attacked("pgd"), *measures)]
    assert evidence.measures == len(measures)


def test_lost_images_are_those_that_the_attack_cost():
    judgement = measured("C2").judgements[1]
    labels = IMAGES.load().labels
    batch_mode = evaluation.predict(zoo.load(BN_NAME, "batch"), attacked("pgd")) == labels
    lost = hits(BN_NAME) & ~hits(BN_NAME, eps_255=8)
    assert judgement.evidence.by_eps == {8: (int((lost & batch_mode).sum()), int(lost.sum()))}


def test_batch_sizes_up_to_one_batch():
    (judgement,) = measured("C4").judgements
    batch, model = IMAGES.load(), zoo.load(BN_NAME, "batch")
    evidence = judgement.evidence
    assert sorted(evidence.by_size) == [1, 2, 4, 8]
    right = torch.cat([evaluation.predict(model, batch.images[i : i + 2]) for i in range(0, 8, 2)]) == batch.labels
    assert evidence.by_size[2] == Count(int(right.sum()), 8)
    assert evidence.tracked == Count(int(hits(BN_NAME).sum()), 8)


def test_a_network_without_batch_mode_is_measured_in_its_own_mode_only(monkeypatch):
    monkeypatch.setattr(norms, "modes", lambda norm: ("tracked",))
    measured = ShiftMeter.of(BN_NAME, "cpu").measure(IMAGES.load(), None)
    assert measured.right_batch is None
    assert torch.equal(measured.right, hits(BN_NAME))


def test_a_missing_network_is_named(monkeypatch):
    monkeypatch.setitem(claim_check.NETWORKS, "C0", (claim_check.NONE, RN))
    with pytest.raises(UserError, match="cifar10-resnet20-none is missing"):
        Request.of("C0", IMAGES, "cpu")
