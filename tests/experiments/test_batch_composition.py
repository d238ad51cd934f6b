"""Batches of other composition: the attack player gets the image of interest as its batch was attacked."""

import pytest
import torch

from rnorm_core import evaluation, pixels
from rnorm_core.data import ImageChoice
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.experiments import attack_pair
from rnorm_core.experiments.batch_composition import SAME_BATCHES, CompositionRequest, run_composition
from rnorm_core.experiments.landscape import LEVELS
from rnorm_core.norms import MEDIAN
from rnorm_core.zoo import Variant

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"


@pytest.mark.parametrize("mode", ["batch", MEDIAN])
def test_the_player_shows_the_image_as_its_batch_was_attacked(small_zoo, monkeypatch, mode):
    monkeypatch.setattr(laboratories, "STEPS", 2)
    images = ImageChoice.of_samples(count=8)
    batch = images.load()
    request = CompositionRequest(Variant.of(BN), Variant.of(RN), images, 8, 3, batch.ids[7], mode=mode)
    result = run_composition(request)
    assert list(result.landscapes) == [Variant.of(BN, mode), Variant.of(RN, mode)]
    for variant, shown in result.landscapes.items():
        model = variant.load("cpu")
        last = batch.select([6, 7])  # the third batch, of those that are left
        trace = evaluation.attack_batch(model, last, laboratories.pgd(8), seed=0, index=2)
        assert torch.equal(shown.clean, batch.images[7])
        assert shown.label == int(batch.labels[7])
        assert shown.probabilities[0] == pytest.approx(trace.probabilities[:, 1], abs=1e-6)
        image = shown.clean + shown.scales[0] / LEVELS * shown.changes[0, -1]
        assert image == pytest.approx(trace.adversarial[1], abs=8 / 255 / LEVELS)
        saved = attack_pair.probabilities(model, pixels.after_png(trace.adversarial))[1:]
        assert shown.saved == pytest.approx(saved, abs=1e-6)
        scored = evaluation.accuracy(model, batch, laboratories.pgd(8), 3, seed=0)
        assert result.attacked[variant, SAME_BATCHES][0].correct == scored.correct
