"""The checks run on whole models: ordinary ones pass, fakes are caught, and the accuracies are evaluation's."""

from dataclasses import replace

import pytest
import torch

from rnorm_core import attacks, data, evaluation, zoo
from rnorm_core.errors import UserError
from rnorm_core.sanity import CHECKS, FAIL, LIVE, PASS, PLANTED, examine, plant


def verdicts(report) -> dict[str, str]:
    return {finding.check: finding.verdict for finding in report.findings}


def test_an_ordinary_network_passes(net, batch, small):
    report = examine(net(), batch, small, surrogate=net(which=1))
    assert verdicts(report) == dict.fromkeys(CHECKS, PASS), [f.text for f in report.findings if f.verdict != PASS]
    assert report.verdict == PASS
    assert (report.n, report.images, report.budget) == (24, batch.ids, small)


@pytest.mark.parametrize("key", PLANTED)
def test_fakes_are_caught(net, batch, small, key):
    report = examine(plant(key, net()), batch, small, surrogate=net(which=1))
    found = verdicts(report)
    assert {check: found[check] for check in PLANTED[key].caught_by} == dict.fromkeys(PLANTED[key].caught_by, FAIL), [
        finding.text for finding in report.findings
    ]
    assert report.verdict == FAIL
    assert report.model.startswith("FAKE")


@pytest.mark.skipif(not zoo.names(), reason="no shipped models")
def test_the_shipped_network_passes_on_the_samples():
    quick = replace(LIVE, sizes=(1 / 255, 64 / 255), steps=6, more_steps=8, restarts=1, apgd=5, aims=1, queries=20)
    report = examine(zoo.load("cifar10-resnet20-bn", fold=True), data.samples("cifar10"), quick)
    assert set(verdicts(report).values()) == {PASS}, [f.text for f in report.findings if f.verdict != PASS]
    assert report.weight_hash == zoo.card("cifar10-resnet20-bn").sha256


@pytest.mark.parametrize("statistics", ["tracked", "batch"])
def test_accuracies_are_those_of_evaluation(net, batch, small, statistics):
    model = net(statistics)
    report = examine(model, batch, small, surrogate=net(which=1), seed=3)
    by_name = {
        (s.spec.get("name"), s.spec.get("eps"), s.spec.get("restarts"), "crafted_on" in s.spec): s
        for s in report.scores
    }
    for key, attack in {
        (None, None, None, False): None,
        ("fgsm", 8 / 255, None, False): attacks.make("fgsm", 8 / 255),
        ("pgd", 64 / 255, 1, False): attacks.make("pgd", 64 / 255, 8),
        ("pgd", 8 / 255, 2, False): attacks.make("pgd", 8 / 255, 12, restarts=2),
        ("square", 8 / 255, 1, False): attacks.make("square", 8 / 255, 150),
    }.items():
        expected = evaluation.accuracy(model, batch, attack, small.batch_size, seed=3)
        assert torch.equal(by_name[key].hits, expected.hits), key
    # transferred: crafted there, in the same batches, and scored here
    hits = []
    for index, start in enumerate(range(0, 24, 10)):
        part = batch.select(range(start, min(start + 10, 24)))
        made = attacks.make("pgd", 8 / 255, 8).run(net(which=1), part, evaluation.batch_generator(3, index))
        hits.append(evaluation.predict(model, made.adversarial) == part.labels)
    assert torch.equal(by_name["pgd", 8 / 255, 1, True].hits, torch.cat(hits))


def test_the_worst_case_is_no_attack_s(net, batch, small):
    report = examine(net(), batch, replace(small, eps=1 / 255, sizes=(2 / 255, 64 / 255), queries=20))
    worst = next(number for number in report.findings[-1].numbers if number.title == "the worst case")
    here = [s for s in report.scores if s.spec.get("eps", 0) in (0, 1 / 255)]
    assert 0 < worst.value <= min(s.value for s in here)
    assert worst.value <= torch.stack([s.hits for s in here]).all(0).double().mean()
    ensemble = " ".join(number.title for number in report.findings[-1].numbers)
    assert all(f"APGD ({loss})" in ensemble for loss in ("CE", "DLR", "margin")), ensemble


def test_images_are_never_left_out_where_predictions_depend_on_the_batch(net, batch, small):
    few = replace(small, queries=5, aims=1, steps=2, more_steps=2, apgd=2)
    for model in (net("batch"), plant("crowded", net())):
        seen = []
        model.register_forward_hook(lambda _, inputs, __, seen=seen: seen.append(len(inputs[0])))
        looks = {}

        def note(fraction, text, partial=None, looks=looks, seen=seen):
            if partial is not None:
                looks[partial.findings[-1].check] = len(seen)

        report = examine(model, batch, few, progress=note)
        # The fake's mode says "tracked", and Square believes it; what comes after was told by the check.
        after = "neighbours" if attacks.statistics_of(model) == "batch" else "black-box"
        assert set(seen[looks[after] :]) == {10, 4}
        assert any("APGD (margin)" in number.title for number in report.findings[-1].numbers)


def test_findings_and_progress_come_as_they_are(net, batch, small):
    partials, fractions = [], []

    def note(fraction, text, partial=None):
        fractions.append(fraction)
        if partial is not None:
            partials.append(partial.findings)

    report = examine(net(), batch, small, progress=note)
    assert partials == [report.findings[: k + 1] for k in range(len(CHECKS))]
    assert {finding.check for finding in report.findings} == CHECKS.keys()
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert len(fractions) > 100
    assert fractions[-2] == pytest.approx(1, abs=0.2)  # what was planned is about what was done


def test_it_can_be_stopped(net, batch, small):
    class Stopped(Exception):
        pass

    def stop(fraction, text, partial=None):
        if fraction > 0.3:
            raise Stopped

    with pytest.raises(Stopped):
        examine(net(), batch, small, progress=stop)


def test_the_same_seed_gives_the_same_report(net, batch, small):
    few = replace(small, queries=10, steps=3, more_steps=3, apgd=3)
    one, again, other = (examine(net(), batch, few, seed=seed).findings for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_no_more_images_than_the_budget(net, batch, small):
    assert examine(net(), batch, replace(small, count=4, queries=5)).n == 4


def test_what_cannot_be_examined(net, batch, small):
    unknown = replace(batch, labels=batch.labels.clone().fill_(-1))
    for bad in (unknown, batch.select([0])):
        with pytest.raises(UserError, match="two images"):
            examine(net(), bad, small)
    with pytest.raises(UserError, match="training mode"):
        examine(net().train(), batch, small)
