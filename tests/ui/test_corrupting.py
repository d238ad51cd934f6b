"""The work behind the page about natural shifts, on small networks: what is measured, repaired, and said of it."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

from rnorm_core import attacks, data, evaluation, jobs, probes, shift, zoo
from rnorm_core.data import SEVERITIES
from rnorm_core.norms import BatchNorm2d
from rnorm_core.ui import corrupting, reestimating
from rnorm_core.ui import corruption_view as view
from rnorm_core.ui.corrupting import ATTACK, CLEAN, NATURAL, Plan
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.reestimating import AGAIN, Repair

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"


def plan_of(**changes) -> Plan:
    plan = Plan(Side.of(BN, "tracked"), Side.of(RN, "batch"), "cifar10", False, "samples", 8, "contrast", 3, "cpu")
    return replace(plan, **changes)


@pytest.fixture(scope="module")
def few(_small_zoo):
    """Small networks, and three attack steps on two sizes: enough to see that everything is done."""
    patch = pytest.MonkeyPatch()
    patch.setattr(zoo, "DIRECTORY", _small_zoo)
    patch.setattr(corrupting, "STEPS", 3)
    patch.setattr(corrupting, "EPS_255", (1, 8))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def done(few):
    plan = plan_of()
    return jobs.Jobs().start(plan, corrupting.measure(plan, 5, 8)).result(100)


@pytest.fixture(scope="module")
def repaired(few):
    """Statistics of the 8 scored images themselves, for the two tracked networks."""
    asked = Repair(plan_of(right=Side.of(RN, "tracked")), 5, 8, True)
    return jobs.Jobs().start(asked, reestimating.measure(asked, 4)).result(100)


class Listener:
    def __init__(self):
        self.seen = []

    def progress(self, fraction, text, partial=None):
        self.seen.append((fraction, text, partial))


# --- corruption and attack


def test_every_severity_and_size_is_read_in_both_models(done):
    conditions = {(CLEAN, 0), *((NATURAL, s) for s in SEVERITIES), (ATTACK, 1), (ATTACK, 8)}
    for course in done.courses:
        assert set(course.readings) == conditions
    assert [r.condition for r in done.courses[0].path(NATURAL)] == [(CLEAN, 0), *((NATURAL, s) for s in SEVERITIES)]


def test_corrupted_accuracy_is_that_of_the_corrupted_batch(done):
    for severity in (1, 5):
        batch = data.corrupt(done.batch, "contrast", severity, torch.Generator().manual_seed(3))
        for course in done.courses:
            expected = evaluation.accuracy(course.side.load("cpu"), batch)
            assert torch.equal(course.readings[NATURAL, severity].hits, expected.hits)


def test_attacked_accuracy_is_that_of_the_attack_anybody_can_run(done):
    for course in done.courses:
        attack = attacks.make("pgd", 1 / 255, 3)
        expected = evaluation.accuracy(course.side.load("cpu"), done.batch, attack, seed=3)
        assert torch.equal(course.readings[ATTACK, 1].hits, expected.hits)


def test_shifts_are_those_of_the_very_images(done):
    batch = data.corrupt(done.batch, "contrast", 4, torch.Generator().manual_seed(3))
    for course in done.courses:
        population = shift.population(course.side.name).statistics
        recorded = probes.record(zoo.load(course.side.name, course.side.statistics), batch.images, grid=population)
        moved = shift.compare(recorded, population)
        for measure in shift.MEASURES:
            expected = [layer.summary(measure) for layer in moved.layers]
            assert course.readings[NATURAL, 4].moved[measure] == pytest.approx(expected)


def test_what_is_looked_at_comes_first(few):
    listener, plan = Listener(), plan_of(corruption="brightness")
    result = corrupting.carry_out(plan, 2, 1, listener)
    partial = [set(shown.courses[1].readings) for _, _, shown in listener.seen if shown is not None]
    assert partial[0] == {(CLEAN, 0), (NATURAL, 2)}
    assert partial[1] == {(CLEAN, 0), (NATURAL, 2), (ATTACK, 1)}
    assert partial[-1] == set(result.courses[0].readings)
    fractions = [fraction for fraction, _, _ in listener.seen]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(fractions))
    assert fractions[-1] == 1


def test_without_a_population_accuracies_remain(few, monkeypatch, tmp_path):
    for file in zoo.DIRECTORY.iterdir():
        if file.name != f"{RN}.population.safetensors":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(zoo, "DIRECTORY", tmp_path)
    result = corrupting.carry_out(plan_of(count=8), 1, 1, Listener())
    look = view.View(result, 1, 1, "mean")
    assert look.layers(0) is not None
    assert look.layers(1) is None
    assert "population" in str(look.course(1).problem)
    assert "images right" in look.happened(1)
    assert "layers" not in look.happened(1)
    assert look.path(1, NATURAL).moved == []


# --- new statistics


def test_counts_are_powers_of_two_and_all():
    assert reestimating.counts(1) == [1]
    assert reestimating.counts(8) == [1, 2, 4, 8]
    assert reestimating.counts(20) == [1, 2, 4, 8, 16, 20]


def test_other_images_are_others(few):
    plan = plan_of()
    pool = Repair(plan, 1, 1, False).pool()
    assert not set(pool.ids) & set(plan.images().ids)
    assert len(pool) == reestimating.others(plan) == 12
    assert Repair(plan, 1, 1, True).pool().ids == plan.images().ids
    assert reestimating.others(plan_of(count=20)) == 0


@pytest.mark.parametrize("m", [1, 3, 8])
def test_new_statistics_are_the_batch_statistics_of_the_images(few, m):
    """Layer by layer, in a network that normalises those images by themselves."""
    images = plan_of().images().images[:m]
    for name in (BN, RN):
        recorded = probes.record(zoo.load(name, "batch"), images)
        network = reestimating.with_statistics(Side.of(name, "tracked"), images, "cpu")
        for layer in recorded.layers:
            norm = network.get_submodule(layer.name)
            assert norm.running_mean.numpy() == pytest.approx(layer.mean.numpy(), abs=2e-5)
            if isinstance(norm, BatchNorm2d):
                assert norm.running_var.numpy() == pytest.approx(layer.std.square().numpy(), rel=1e-3, abs=1e-5)
            else:
                assert norm.running_range.numpy() == pytest.approx(layer.range.numpy(), rel=1e-4, abs=1e-5)


def test_with_all_scored_images_it_is_batch_mode(repaired):
    """In every condition, image by image; so the curve over m ends where the batch's own statistics are."""
    batch = repaired.asked.plan.images()
    corrupted = data.corrupt(batch, "contrast", 5, torch.Generator().manual_seed(3))
    for side, found in repaired.sides.items():
        own = zoo.load(side.name, "batch")
        for kind, images in ((CLEAN, batch), (NATURAL, corrupted)):
            assert torch.equal(found.after[kind, 8], evaluation.accuracy(own, images).hits)


def test_before_is_as_trained(repaired, done):
    found = repaired.sides[Side.of(BN, "tracked")]
    readings = done.courses[0].readings
    assert torch.equal(found.before[CLEAN], readings[CLEAN, 0].hits)
    assert torch.equal(found.before[NATURAL], readings[NATURAL, 5].hits)
    assert torch.equal(found.before[ATTACK], readings[ATTACK, 8].hits)
    assert AGAIN not in found.before


def test_an_attack_is_scored_with_the_statistics_of_attacked_images(repaired):
    batch = repaired.asked.plan.images()
    for side, found in repaired.sides.items():
        trained = side.load("cpu")
        trace = attacks.make("pgd", 8 / 255, 3).run(trained, batch, evaluation.batch_generator(3, 0))
        network = reestimating.with_statistics(side, trace.adversarial[:4], "cpu")
        assert torch.equal(found.after[ATTACK, 4], evaluation.predict(network, trace.adversarial) == batch.labels)
        again = attacks.make("pgd", 8 / 255, 3)
        expected = evaluation.accuracy(reestimating.folded(network), batch, again, seed=3)
        assert torch.equal(found.after[AGAIN, 4], expected.hits)


def test_other_images_are_corrupted_and_attacked_too(few):
    asked = Repair(plan_of(right=Side.of(BN, "tracked"), corruption="gaussian-noise"), 5, 8, False)
    result = reestimating.carry_out(asked, 2, Listener())
    ((side, found),) = result.sides.items()  # left and right are the same
    assert result.counts == (1, 2, 4, 8, 12)
    everything = data.corrupt(asked.plan.images(12), "gaussian-noise", 5, torch.Generator().manual_seed(3))
    network = reestimating.with_statistics(side, everything.images[8:10], "cpu")
    assert torch.equal(found.after[NATURAL, 2], evaluation.accuracy(network, everything.select(range(8))).hits)
    attack = attacks.make("pgd", 8 / 255, 3)
    pool = attack.run(side.load("cpu"), asked.pool(), evaluation.batch_generator(3, 1)).adversarial
    scored = attack.run(side.load("cpu"), asked.plan.images(), evaluation.batch_generator(3, 0))
    network = reestimating.with_statistics(side, pool[:2], "cpu")
    assert torch.equal(found.after[ATTACK, 2], evaluation.predict(network, scored.adversarial) == scored.labels)


def test_the_new_attack_looked_at_comes_before_the_others(few):
    asked, listener = Repair(plan_of(right=Side.of(BN, "tracked")), 1, 1, True), Listener()
    reestimating.carry_out(asked, 2, listener)
    shown = [partial for _, _, partial in listener.seen if partial is not None]
    again = [[m for kind, m in next(iter(p.sides.values())).after if kind == AGAIN] for p in shown]
    assert again[:4] == [[], [], [], [2]]
    assert sorted(again[-1]) == [1, 2, 4, 8]
    fractions = [fraction for fraction, _, _ in listener.seen]
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(fractions))


def test_nothing_shared_is_written(few):
    before = {key: value.clone() for key, value in zoo.load(BN).state_dict().items()}
    reestimating.with_statistics(Side.of(BN, "tracked"), plan_of().images().images, "cpu")
    assert all(torch.equal(value, before[key]) for key, value in zoo.load(BN).state_dict().items())


@pytest.mark.parametrize(("norm", "mode", "said"), [
    ("gn", "tracked", "by itself"), ("none", "tracked", "no norm"), ("bn", "batch", "each batch anew"),
    ("bn", "tracked", ""), ("rn", "tracked-mean", ""), ("dualbn", "clean-branch", ""),
])  # fmt: skip
def test_who_has_statistics_to_re_estimate(norm, mode, said):
    reason = reestimating.nothing_to_do(Side("a model", mode, norm, "0" * 64))
    assert (said in reason) if said else (reason == "")


def test_a_side_with_nothing_to_re_estimate_is_left_out(few):
    asked = Repair(plan_of(), 1, 1, True)  # the right one takes its batch's statistics
    assert set(reestimating.carry_out(asked, 8, Listener()).sides) == {asked.plan.left}


# --- what is drawn and said


@pytest.mark.parametrize("measure", shift.MEASURES)
def test_what_is_drawn_is_what_was_measured(done, measure):
    look = view.View(done, 2, 8, measure)
    for i, course in enumerate(done.courses):
        layers = look.layers(i)
        assert np.array_equal(layers.corrupted, course.readings[NATURAL, 2].moved[measure])
        assert np.array_equal(layers.attacked, course.readings[ATTACK, 8].moved[measure])
        band = course.population.band(course.side.statistics, 8, course.population.statistics.names[3], measure)
        assert (layers.low[3], layers.high[3], layers.band_size) == (band.summary_low, band.summary_high, 8)
        path = look.path(i, ATTACK)
        assert list(path.sizes) == ["clean", "1/255", "8/255"]
        assert path.moved[2] == pytest.approx(float(layers.attacked.mean()))
        right = int(course.readings[ATTACK, 8].hits.sum())
        assert path.counts.correct[2] == right
        assert (path.counts.low[2], path.counts.high[2]) == evaluation.wilson(right, 8)
    assert len(look.paths(NATURAL)) == 2


def test_the_sentence_counts_images_and_layers(done):
    look, course = view.View(done, 5, 8, "mean"), done.courses[0]
    layers, hits = look.layers(0), course.readings[NATURAL, 5].hits
    outside = int(((layers.corrupted < layers.low) | (layers.corrupted > layers.high)).sum())
    said = look.happened(0)
    right = int(course.readings[CLEAN, 0].hits.sum())
    assert said.startswith(f"**{course.side.label}**: clean, images right: {right} of 8 (")
    assert f"Contrast, severity 5: **{int(hits.sum())} of 8 (" in said
    assert f"{outside} of 19 layers outside; PGD at 8/255" in said


def test_pictures_are_of_the_images_and_marked_by_who_is_right(done, few):
    one, some = view.strips(done.plan, done, 5, 8)
    assert [what for _, what, _ in one] == ["clean", *(f"sev. {s}" for s in SEVERITIES), "PGD 8/255"]
    assert torch.equal(one[0][0], done.batch.images[0])
    assert (one[-1][0] - one[0][0]).abs().max() <= 8 / 255 + 1e-6
    corrupted = data.corrupt(done.batch, "contrast", 5, torch.Generator().manual_seed(3))
    for k, (image, what, marks) in enumerate(some, 1):
        assert torch.equal(image, corrupted.images[k])
        assert what == done.batch.classes[int(done.batch.labels[k])]
        hits = [bool(course.readings[NATURAL, 5].hits[k]) for course in done.courses]
        assert marks == " ".join("✓" if hit else "✗" for hit in hits)
    early = view.strips(done.plan, None, 5, 8)
    assert [what for _, what, _ in early[0]] == ["clean", *(f"sev. {s}" for s in SEVERITIES)]
    assert not any(marks for strip in early for _, _, marks in strip)
    assert torch.equal(early[1][2][0], some[2][0])


def repair_of(before: dict, after: dict, n: int = 40):
    """A result in which the first so many of n images are right."""

    def first(k: int) -> torch.Tensor:
        return torch.arange(n) < k

    plan = plan_of(count=n, corruption="fog")
    side = plan.left
    found = reestimating.Repaired(
        side, {kind: first(k) for kind, k in before.items()}, {(kind, 16): first(k) for kind, k in after.items()}
    )
    return reestimating.Result(Repair(plan, 4, 2, True), (1, 16), {side: found}), side


def test_the_answer_is_computed_from_the_intervals():
    result, side = repair_of({CLEAN: 36, NATURAL: 8, ATTACK: 10}, {CLEAN: 35, NATURAL: 29, ATTACK: 12, AGAIN: 1})
    said = view.answer(result, side, 16)
    assert said.startswith(f"**{side.label}**, statistics of 16 images. Fog, severity 4: **mended** (75 % of what")
    assert "the attack: **no difference to be told**;" in said
    assert said.endswith("the attack made anew: **made worse**.")
    rows = view.table(result, side, 16).splitlines()
    assert rows[0] == "| right of 40 | trained | of 16 | difference in points (95 %) |"
    assert rows[2].startswith("| clean | 36 | 35 | −")
    assert rows[3].startswith("| Fog, severity 4 | 8 | 29 | **+52.5 (")
    assert rows[4].startswith("| PGD at 2/255 | 10 | 12 | +5.0 (")
    assert rows[5].startswith("| made anew for these | 10 | 1 | **−22.5 (")
    difference = evaluation.paired(torch.arange(40) < 29, torch.arange(40) < 8)
    assert f"({100 * difference.low:+.1f} to {100 * difference.high:+.1f})" in rows[3]


def test_nothing_is_said_of_what_is_not_measured():
    result, side = repair_of({CLEAN: 36, NATURAL: 8}, {CLEAN: 35, NATURAL: 29})
    assert view.answer(result, side, 16) == ""
    assert "PGD" not in view.table(result, side, 16)
    assert view.table(result, side, 1) == ""
    assert [m.kind for m in view.mended(result, side)] == [CLEAN, NATURAL]
