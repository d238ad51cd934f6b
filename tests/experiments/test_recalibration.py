"""Re-estimated statistics, on small networks: which images they are from, and what they change."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from rnorm_core import attacks, data, evaluation, probes, zoo
from rnorm_core.data import ImageChoice
from rnorm_core.experiments import corruption_sweep, recalibration
from rnorm_core.experiments.corruption_sweep import ATTACK, CLEAN, NATURAL
from rnorm_core.experiments.recalibration import NEW_ATTACK, Request
from rnorm_core.norms import BatchNorm2d
from rnorm_core.zoo import Variant

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"


@pytest.fixture(scope="module", autouse=True)
def few(_small_zoo):
    """Small networks, and three attack steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zoo, "DIRECTORY", _small_zoo)
        patch.setattr("rnorm_core.evaluation.tables.laboratories.STEPS", 3)
        yield


def sweep_of(**changes) -> corruption_sweep.Request:
    images = ImageChoice.of_samples(count=8, seed=3)
    return replace(corruption_sweep.Request(Variant.of(BN), Variant.of(RN), images, "contrast", "cpu"), **changes)


@pytest.fixture(scope="module")
def result(few):
    """Statistics of the 8 scored images themselves, in two networks with tracked statistics."""
    return recalibration.run(Request(sweep_of(), 5, 8, True), first=4)


def test_counts_are_powers_of_two_and_all():
    assert recalibration.counts(1) == [1]
    assert recalibration.counts(8) == [1, 2, 4, 8]
    assert recalibration.counts(20) == [1, 2, 4, 8, 16, 20]


def test_other_images_are_not_the_scored_ones():
    sweep = sweep_of()
    scored, pool = sweep.images.load(), Request(sweep, 1, 1, False).pool()
    assert not set(pool.ids) & set(scored.ids)
    assert len(pool) == recalibration.others(sweep) == 12
    assert Request(sweep, 1, 1, True).pool().ids == scored.ids
    assert recalibration.others(sweep_of(images=ImageChoice.of_samples())) == 0


@pytest.mark.parametrize("m", [1, 3, 8])
def test_new_statistics_are_the_batch_statistics_of_the_images(m):
    """Layer by layer, compared with the network in batch mode."""
    images = sweep_of().images.load().images[:m]
    for name in (BN, RN):
        recorded = probes.record(zoo.load(name, "batch"), images)
        network = recalibration.with_statistics(Variant.of(name), images, "cpu")
        for layer in recorded.layers:
            norm = network.get_submodule(layer.name)
            assert norm.running_mean.numpy() == pytest.approx(layer.mean.numpy(), abs=2e-5)
            if isinstance(norm, BatchNorm2d):
                assert norm.running_var.numpy() == pytest.approx(layer.std.square().numpy(), rel=1e-3, abs=1e-5)
            else:
                assert norm.running_range.numpy() == pytest.approx(layer.range.numpy(), rel=1e-4, abs=1e-5)


def test_with_all_scored_images_it_is_batch_mode(result):
    batch = result.request.sweep.images.load()
    corrupted = data.corrupt(batch, "contrast", 5, torch.Generator().manual_seed(3))
    for variant, network in result.networks.items():
        batch_mode = zoo.load(variant.model, "batch")
        for kind, images in ((CLEAN, batch), (NATURAL, corrupted)):
            assert torch.equal(network.after[kind, 8], evaluation.accuracy(batch_mode, images).hits)


def test_before_is_the_corruption_sweep(result):
    swept = corruption_sweep.run(result.request.sweep, severity=5, eps_255=8).networks[0].by_condition
    before = result.networks[Variant.of(BN)].before
    expected = {CLEAN: swept[CLEAN, 0], NATURAL: swept[NATURAL, 5], ATTACK: swept[ATTACK, 8]}
    assert before.keys() == expected.keys()
    assert all(torch.equal(before[kind], reading.right) for kind, reading in expected.items())


def test_an_attack_is_scored_with_the_statistics_of_attacked_images(result):
    batch = result.request.sweep.images.load()
    for variant, network in result.networks.items():
        trace = attacks.make("pgd", 8 / 255, 3).run(variant.load("cpu"), batch, evaluation.batch_generator(3, 0))
        model = recalibration.with_statistics(variant, trace.adversarial[:4], "cpu")
        assert torch.equal(network.after[ATTACK, 4], evaluation.predict(model, trace.adversarial) == batch.labels)
        new_attack = attacks.make("pgd", 8 / 255, 3)
        expected = evaluation.accuracy(recalibration.folded(model), batch, new_attack, seed=3)
        assert torch.equal(network.after[NEW_ATTACK, 4], expected.hits)


def test_other_images_are_corrupted_and_attacked_too():
    request = Request(sweep_of(right=Variant.of(BN), corruption="gaussian-noise"), 5, 8, False)
    result = recalibration.run(request, first=2)
    ((variant, network),) = result.networks.items()  # left and right are the same
    assert result.counts == (1, 2, 4, 8, 12)
    scored = request.sweep.images.load()
    corrupted = data.corrupt(request.sweep.images.load(12), "gaussian-noise", 5, torch.Generator().manual_seed(3))
    model = recalibration.with_statistics(variant, corrupted.images[8:10], "cpu")
    assert torch.equal(network.after[NATURAL, 2], evaluation.accuracy(model, corrupted.select(range(8))).hits)
    attack = attacks.make("pgd", 8 / 255, 3)
    pool = attack.run(variant.load("cpu"), request.pool(), evaluation.batch_generator(3, 1)).adversarial
    attacked = attack.run(variant.load("cpu"), scored, evaluation.batch_generator(3, 0))
    model = recalibration.with_statistics(variant, pool[:2], "cpu")
    assert torch.equal(network.after[ATTACK, 2], evaluation.predict(model, attacked.adversarial) == scored.labels)


def test_the_selected_new_attack_comes_first():
    calls = []
    request = Request(sweep_of(right=Variant.of(BN)), 1, 1, True)
    recalibration.run(request, lambda *call: calls.append(call), first=2)
    partials = [call[2] for call in calls if len(call) > 2 and call[2] is not None]
    new = [[m for kind, m in next(iter(p.networks.values())).after if kind == NEW_ATTACK] for p in partials]
    assert new[:4] == [[], [], [], [2]]
    assert sorted(new[-1]) == [1, 2, 4, 8]
    fractions = [call[0] for call in calls]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(fractions))
    assert fractions[-1] == pytest.approx(1)


def test_the_parts_without_an_attack_let_others_go_first_at_every_count():
    said = []
    recalibration.run(Request(sweep_of(), 5, 8, True), lambda fraction, text, partial=None: said.append(text))
    for kind in (CLEAN, NATURAL):
        assert sum(text == f"{Variant.of(BN).label}: {kind}" for text in said) > len(recalibration.counts(8))


def test_shared_weights_do_not_change():
    before = {key: value.clone() for key, value in zoo.load(BN).state_dict().items()}
    recalibration.with_statistics(Variant.of(BN), sweep_of().images.load().images, "cpu")
    assert all(torch.equal(value, before[key]) for key, value in zoo.load(BN).state_dict().items())


def test_which_networks_keep_statistics():
    modes = [("gn", "tracked"), ("none", "tracked"), ("bn", "batch"), ("rn", "batch"), ("bn", "tracked"),
             ("rn", "tracked-mean"), ("dualbn", "clean-branch")]  # fmt: skip
    kept = [recalibration.keeps_statistics(Variant("a model", mode, norm=norm)) for norm, mode in modes]
    assert kept == [False, False, False, False, True, True, True]


def test_a_network_without_statistics_to_re_estimate_is_left_out():
    request = Request(sweep_of(right=Variant.of(RN, "batch")), 1, 1, True)
    assert set(recalibration.run(request).networks) == {request.sweep.left}
