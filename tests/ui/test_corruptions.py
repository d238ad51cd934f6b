"""Results of the page about natural shifts: what its figures draw, and its sentences."""

import numpy as np
import pytest
import torch

from rnorm_core import data, evaluation, shift, zoo
from rnorm_core.data import SEVERITIES, ImageChoice
from rnorm_core.experiments import corruption_sweep, recalibration
from rnorm_core.experiments.corruption_sweep import ATTACK, CLEAN, NATURAL
from rnorm_core.experiments.recalibration import NEW_ATTACK, Recalibrated
from rnorm_core.ui.corruptions import figure_data, words
from rnorm_core.ui.corruptions.figure_data import Selected
from rnorm_core.zoo import Variant

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"


@pytest.fixture(scope="module")
def result(_small_zoo):
    """Eight samples in two small networks; two attack steps at two sizes."""
    images = ImageChoice.of_samples(count=8, seed=3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zoo, "DIRECTORY", _small_zoo)
        patch.setattr("rnorm_core.evaluation.tables.laboratories.STEPS", 2)
        patch.setattr(corruption_sweep, "EPS_255", (1, 8))
        request = corruption_sweep.Request(Variant.of(BN), Variant.of(RN, "batch"), images, "contrast", "cpu")
        yield corruption_sweep.run(request)


@pytest.mark.parametrize("measure", shift.MEASURES)
def test_figures_draw_what_was_measured(result, measure):
    selected = Selected(result, 2, 8, measure)
    for i, network in enumerate(result.networks):
        layers = selected.layers(i)
        assert np.array_equal(layers.corrupted, network.by_condition[NATURAL, 2].shifts[measure])
        assert np.array_equal(layers.attacked, network.by_condition[ATTACK, 8].shifts[measure])
        band = network.population.band(network.variant.statistics, 8, network.population.statistics.names[3], measure)
        assert (layers.low[3], layers.high[3], layers.band_size) == (band.summary_low, band.summary_high, 8)
        path = selected.path(i, ATTACK)
        assert list(path.sizes) == ["clean", "1/255", "8/255"]
        assert path.shifts[2] == pytest.approx(float(layers.attacked.mean()))
        right = int(network.by_condition[ATTACK, 8].right.sum())
        assert path.counts.correct[2] == right
        assert (path.counts.low[2], path.counts.high[2]) == evaluation.wilson(right, 8)
        assert (layers.label, path.label) == (network.variant.label,) * 2
    assert len(selected.paths(NATURAL)) == 2


def test_one_network_on_both_sides_is_drawn_once(result):
    same = corruption_sweep.Result(result.request, result.batch, (result.networks[0],) * 2, result.attacked)
    assert len(Selected(same, 2, 8, "mean").paths(NATURAL)) == 1


def test_without_a_population_there_are_accuracies_only(result):
    left, right = result.networks
    readings = {c: corruption_sweep.Reading(c, r.right, None) for c, r in right.by_condition.items()}
    alone = corruption_sweep.Readings(right.variant, None, None, readings)
    selected = Selected(corruption_sweep.Result(result.request, result.batch, (left, alone), {}), 1, 1, "mean")
    assert selected.layers(0) is not None
    assert selected.layers(1) is None
    assert "images right" in words.accuracies(selected, 1)
    assert "layers" not in words.accuracies(selected, 1)
    assert selected.path(1, NATURAL).shifts == []


def test_the_sentence_counts_images_and_layers(result):
    selected, network = Selected(result, 5, 8, "mean"), result.networks[0]
    layers, right = selected.layers(0), network.by_condition[NATURAL, 5].right
    outside = int(((layers.corrupted < layers.low) | (layers.corrupted > layers.high)).sum())
    text = words.accuracies(selected, 0)
    clean = int(network.by_condition[CLEAN, 0].right.sum())
    assert text.startswith(f"**{network.variant.label}**: clean, images right: {clean} of 8 (")
    assert f"Contrast, severity 5: **{int(right.sum())} of 8 (" in text
    assert f"{outside} of 19 layers outside; PGD at 8/255" in text


def test_pictures_are_of_the_images_and_marked_by_network(result):
    first, others = figure_data.pictures(result.request, result, 5, 8)
    assert [title for _, title, _ in first] == ["clean", *(f"sev. {s}" for s in SEVERITIES), "PGD 8/255"]
    assert torch.equal(first[0][0], result.batch.images[0])
    assert torch.equal(first[-1][0], result.attacked[8])
    assert 0 < (first[-1][0] - first[0][0]).abs().max() <= 8 / 255 + 1e-6
    corrupted = data.corrupt(result.batch, "contrast", 5, torch.Generator().manual_seed(3))
    for k, (image, title, marks) in enumerate(others, 1):
        assert torch.equal(image, corrupted.images[k])
        assert title == result.batch.classes[int(result.batch.labels[k])]
        right = [bool(network.by_condition[NATURAL, 5].right[k]) for network in result.networks]
        assert marks == " ".join("✓" if yes else "✗" for yes in right)
    early = figure_data.pictures(result.request, None, 5, 8)
    assert [title for _, title, _ in early[0]] == ["clean", *(f"sev. {s}" for s in SEVERITIES)]
    assert not any(marks for row in early for _, _, marks in row)
    assert torch.equal(early[1][2][0], others[2][0])


# --- new statistics


def recalibrated(before: dict, after: dict, n: int = 40) -> tuple[recalibration.Result, Variant]:
    """A result in which the first so many of n images are right."""

    def first(k: int) -> torch.Tensor:
        return torch.arange(n) < k

    variant = Variant(BN, "tracked", "ab" * 32, "bn", "BatchNorm")
    sweep = corruption_sweep.Request(variant, variant, ImageChoice.of_samples(count=n), "fog", "cpu")
    network = Recalibrated(
        variant, {kind: first(k) for kind, k in before.items()}, {(kind, 16): first(k) for kind, k in after.items()}
    )
    return recalibration.Result(recalibration.Request(sweep, 4, 2, True), (1, 16), {variant: network}), variant


def test_the_answer_is_by_the_intervals():
    result, variant = recalibrated(
        {CLEAN: 36, NATURAL: 8, ATTACK: 10}, {CLEAN: 35, NATURAL: 29, ATTACK: 12, NEW_ATTACK: 1}
    )
    text = words.answer(result, variant, 16)
    assert text.startswith(f"**{variant.label}**, statistics of 16 images. Fog, severity 4: **mended** (75.0 % of")
    assert f"the attack: **{words.UNCLEAR}**;" in text
    assert text.endswith("made anew: **made worse**.")
    rows = words.table(result, variant, 16).splitlines()
    assert rows[0].startswith("| right of 40 | trained | of 16 |")
    assert rows[2].startswith("| clean | 36 | 35 | −")
    assert rows[3].startswith("| Fog, severity 4 | 8 | 29 | **+52.5 (")
    assert rows[4].startswith("| PGD at 2/255 | 10 | 12 | +5.0 (")
    assert rows[5].startswith("| made anew for these | 10 | 1 | **−22.5 (")
    pair = evaluation.paired(torch.arange(40) < 29, torch.arange(40) < 8)
    assert f"({100 * pair.low:+.1f} to {100 * pair.high:+.1f})" in rows[3]


def test_what_is_not_measured_is_not_mentioned():
    result, variant = recalibrated({CLEAN: 36, NATURAL: 8}, {CLEAN: 35, NATURAL: 29})
    assert words.answer(result, variant, 16) == ""
    assert "PGD" not in words.table(result, variant, 16)
    assert words.table(result, variant, 1) == ""
    conditions = figure_data.recalibrations(result, variant)
    assert [(one.kind, one.before.correct, one.images, one.after.correct) for one in conditions] == [
        (CLEAN, [36], [16], [35]), (NATURAL, [8], [16], [29]),
    ]  # fmt: skip


def test_a_network_without_statistics_has_a_reason():
    modes = {("gn", "tracked"): "by itself", ("none", "tracked"): "no norm", ("bn", "batch"): "each batch anew"}
    for (norm, mode), reason in modes.items():
        assert reason in words.nothing_to_re_estimate(Variant("a model", mode, norm=norm))
    for norm, mode in (("bn", "tracked"), ("rn", "tracked-mean"), ("dualbn", "clean-branch")):
        assert words.nothing_to_re_estimate(Variant("a model", mode, norm=norm)) == ""
