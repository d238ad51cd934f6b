"""Patched statistics: against networks in other modes or with other buffers; shares of the damage by hand."""

import math

import numpy as np
import pytest
import torch

from rnorm_core import attacks, data, evaluation, probes, zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure import craft, patching
from rnorm_core.evaluation.measure.patching import part_of_damage
from rnorm_core.norms import STATISTICS

SIZE = 12


@pytest.fixture
def batch(made, small_zoo):
    return data.load("cifar10", "test", directory=made / "cifar")


@pytest.fixture
def pgd():
    return attacks.make("pgd", eps=4 / 255, steps=3)


def patched_hits(model, batch, run, given, take, names=None):
    hits = []
    for here in (slice(0, SIZE), slice(SIZE, 2 * SIZE)):
        statistics = probes.statistics(model, given[here], take)
        with probes.patched(model, statistics, names):
            hits.append(model(run[here]).argmax(1) == batch.labels[here])
    return torch.cat(hits)


@pytest.mark.parametrize("mode", STATISTICS)
@pytest.mark.parametrize("name", ["cifar10-small-bn", "cifar10-small-rn"])
def test_layer_by_layer(batch, pgd, name, mode):
    model, take = zoo.load(name, mode), "batch" if mode == "tracked" else "mode"
    made, seen = craft.craft(model, batch, pgd, SIZE), []
    found = patching.patching(
        model, batch, made.images, "restore", pgd, SIZE, lambda *at: seen.append(at)
    )  # fmt: skip
    layers = list(probes.norm_layers(model))
    assert found.layers == tuple(layers)
    assert seen == [(i, 76) for i in range(1, 77)]
    assert torch.equal(found.attacked.hits, made.accuracy.hits)
    assert torch.equal(found.clean.hits, evaluation.accuracy(model, batch, None, SIZE).hits)
    assert found.plain is found.attacked
    for i in (0, 9, 18):
        alone = patched_hits(model, batch, made.images, batch.images, take, [layers[i]])
        assert torch.equal(found.alone[i].hits, alone)
        up_to = patched_hits(model, batch, made.images, batch.images, take, layers[: i + 1])
        assert torch.equal(found.up_to[i].hits, up_to)
    assert torch.equal(found.alone[0].hits, found.up_to[0].hits)
    assert (found.alone[0].spec, found.alone[0].batch_size) == (pgd.spec, SIZE)


def test_the_reverse_runs_clean_images(batch, pgd):
    model = zoo.load("cifar10-small-bn", "batch")
    made = craft.craft(model, batch, pgd, SIZE)
    found = patching.patching(model, batch, made.images, "spoil", pgd, SIZE)
    assert found.plain is found.clean
    expected = patched_hits(model, batch, batch.images, made.images, "mode")
    assert torch.equal(found.up_to[-1].hits, expected)
    assert found.up_to[-1].spec == {}
    damage = found.clean.correct - found.attacked.correct
    assert damage > 0
    assert found.part.value == (found.clean.correct - found.up_to[-1].correct) / damage


@pytest.mark.parametrize("mode", ["tracked", "tracked-mean"])
def test_repairing_all_layers_is_batch_mode(batch, pgd, mode):
    model, other = zoo.load("cifar10-small-rn", mode), zoo.load("cifar10-small-rn", "batch")
    made = craft.craft(model, batch, pgd, SIZE)
    found = patching.patching(model, batch, made.images, "repair", pgd, SIZE)
    assert torch.equal(found.up_to[-1].hits, craft.score(other, made.images, batch, pgd, SIZE).hits)
    assert {layer.mode for layer in model.modules() if hasattr(layer, "mode")} == {mode}


def test_what_changes_nothing_is_refused(batch, pgd):
    with pytest.raises(UserError, match="already"):
        patching.patching(zoo.load("cifar10-small-bn", "batch"), batch, batch.images, "repair")
    with pytest.raises(UserError, match="no norm layers"):
        patching.patching(zoo.load("cifar10-small-none"), batch, batch.images)
    for mode in STATISTICS:
        assert ("repair" in patching.possible(mode)) == (mode != "batch")


def bits(*spans: tuple[int, int]) -> torch.Tensor:
    """Bool (100,), true in the half-open spans."""
    mask = torch.zeros(100, dtype=torch.bool)
    for start, end in spans:
        mask[start:end] = True
    return mask


def test_parts_of_the_damage_by_hand():
    clean, attacked = bits((0, 80)), bits((0, 30))
    assert part_of_damage(clean, attacked, bits((0, 55))).value == 25 / 50
    assert part_of_damage(clean, attacked, bits((0, 55)), done=True).value == 25 / 50
    assert part_of_damage(clean, attacked, bits((0, 20))).value == -10 / 50
    for patched, value in ((clean, 1), (attacked, 0)):
        found = part_of_damage(clean, attacked, patched)
        assert (found.value, found.n) == (value, 100)
        assert value - 0.2 < found.low < value < found.high < value + 0.2


def test_the_interval_is_near_that_of_images_drawn_anew():
    clean, attacked, patched = bits((0, 80)), bits((0, 30)), bits((0, 40), (50, 60), (90, 95))
    found = part_of_damage(clean, attacked, patched)
    rng, drawn = np.random.default_rng(5), []
    for _ in range(4000):
        i = rng.integers(0, 100, 100)
        c, a, p = (int(v[i].sum()) for v in (clean, attacked, patched))
        drawn.append((p - a) / (c - a))
    low, high = np.quantile(drawn, (0.025, 0.975))
    assert found.low == pytest.approx(low, abs=0.05)
    assert found.high == pytest.approx(high, abs=0.05)
    assert found.low < found.value < found.high


def test_where_all_is_lost_the_interval_is_near_wilsons():
    """Every clean image is right, every attacked one wrong: the part is a plain share of the images."""
    everything, nothing = bits((0, 100)), bits()
    for back in (0, 20, 50):
        found, (low, high) = part_of_damage(everything, nothing, bits((0, back))), evaluation.wilson(back, 100)
        assert found.high == pytest.approx(high, abs=0.03)
        assert found.low == pytest.approx(low, abs=0.03)


def test_without_damage_there_is_no_part():
    found = part_of_damage(bits((0, 30)), bits((0, 30)), bits((0, 40)))
    assert all(map(math.isnan, (found.value, found.low, found.high)))
    hardly = part_of_damage(bits((0, 31)), bits((0, 30)), bits((0, 31)))
    assert hardly.value == 1
    assert math.isnan(hardly.low)
