"""One batch under a corruption and under PGD, on small networks: numbers equal those of the library's functions."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from rnorm_core import attacks, data, evaluation, probes, shift, zoo
from rnorm_core.data import SEVERITIES, ImageChoice
from rnorm_core.experiments import corruption_sweep
from rnorm_core.experiments.corruption_sweep import ATTACK, CLEAN, NATURAL, Request
from rnorm_core.zoo import Variant

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"


def request_of(**changes) -> Request:
    images = ImageChoice.of_samples(count=8, seed=3)
    return replace(Request(Variant.of(BN), Variant.of(RN, "batch"), images, "contrast", "cpu"), **changes)


@pytest.fixture(scope="module", autouse=True)
def few(_small_zoo):
    """Small networks, and three attack steps at two sizes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zoo, "DIRECTORY", _small_zoo)
        patch.setattr("rnorm_core.evaluation.tables.laboratories.STEPS", 3)
        patch.setattr(corruption_sweep, "EPS_255", (1, 8))
        yield


@pytest.fixture(scope="module")
def result(few):
    return corruption_sweep.run(request_of())


def test_both_networks_are_measured_at_every_severity_and_size(result):
    conditions = {(CLEAN, 0), *((NATURAL, s) for s in SEVERITIES), (ATTACK, 1), (ATTACK, 8)}
    for network in result.networks:
        assert set(network.by_condition) == conditions
    assert [r.condition for r in result.networks[0].path(NATURAL)] == [(CLEAN, 0), *((NATURAL, s) for s in SEVERITIES)]
    assert [network.variant for network in result.networks] == list(result.request.variants)


def test_corrupted_accuracy_is_that_of_the_corrupted_batch(result):
    for severity in (1, 5):
        batch = data.corrupt(result.batch, "contrast", severity, torch.Generator().manual_seed(3))
        for network in result.networks:
            expected = evaluation.accuracy(network.variant.load("cpu"), batch)
            assert torch.equal(network.by_condition[NATURAL, severity].right, expected.hits)


def test_attacked_accuracy_is_that_of_evaluation(result):
    for network in result.networks:
        attack = attacks.make("pgd", 1 / 255, 3)
        expected = evaluation.accuracy(network.variant.load("cpu"), result.batch, attack, seed=3)
        assert torch.equal(network.by_condition[ATTACK, 1].right, expected.hits)


def test_the_attacked_image_is_that_of_the_left_network(result):
    trace = attacks.make("pgd", 8 / 255, 3).run(
        result.request.left.load("cpu"), result.batch, evaluation.batch_generator(3, 0)
    )
    assert torch.equal(result.attacked[8], trace.adversarial[0])
    assert set(result.attacked) == {1, 8}


def test_shifts_are_those_of_the_same_images(result):
    batch = data.corrupt(result.batch, "contrast", 4, torch.Generator().manual_seed(3))
    for network in result.networks:
        variant = network.variant
        population = shift.population(variant.model).statistics
        recorded = probes.record(zoo.load(variant.model, variant.statistics), batch.images, grid=population)
        moved = shift.compare(recorded, population)
        for measure in shift.MEASURES:
            expected = [layer.summary(measure) for layer in moved.layers]
            assert network.by_condition[NATURAL, 4].shifts[measure].tolist() == expected


def test_the_selected_conditions_come_first():
    calls = []
    result = corruption_sweep.run(
        request_of(corruption="brightness"), lambda *call: calls.append(call), severity=2, eps_255=1
    )
    partials = [call[2] for call in calls if len(call) > 2 and call[2] is not None]
    measured = [set(partial.networks[1].by_condition) for partial in partials]
    assert measured[0] == {(CLEAN, 0), (NATURAL, 2)}
    assert measured[1] == {(CLEAN, 0), (NATURAL, 2), (ATTACK, 1)}
    assert measured[-1] == set(result.networks[0].by_condition)
    assert partials[0].has((NATURAL, 2))
    assert not partials[0].has((ATTACK, 1))
    fractions = [call[0] for call in calls]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(fractions))
    assert fractions[-1] == pytest.approx(1)


def test_without_a_population_accuracies_remain(monkeypatch, tmp_path):
    for file in zoo.DIRECTORY.iterdir():
        if file.name != f"{RN}.population.safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    left, right = corruption_sweep.run(request_of()).networks
    assert left.problem is None
    assert left.by_condition[CLEAN, 0].shifts is not None
    assert "population" in str(right.problem)
    assert right.by_condition[ATTACK, 8].shifts is None
    assert len(right.by_condition[ATTACK, 8].right) == 8


def test_what_raises_in_progress_stops_the_work():
    def stop(fraction, text, partial=None):
        if fraction > 0.3:
            raise KeyError(text)

    with pytest.raises(KeyError):
        corruption_sweep.run(request_of(), stop)
