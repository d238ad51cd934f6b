"""The sanity checks on a model or a fake, and the loss around an image, as experiments."""

from dataclasses import replace

import pytest
import torch

from rnorm_core import data, sanity, zoo
from rnorm_core.data import ImageChoice
from rnorm_core.experiments import robustness
from rnorm_core.experiments.robustness import ExaminationRequest, Subject, SurfacesRequest
from rnorm_core.sanity import LIVE
from rnorm_core.zoo import Variant

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"
SMALL = replace(LIVE, count=8, sizes=(1 / 255, 64 / 255), steps=2, more_steps=3, restarts=1, apgd=3, aims=1, queries=6)

pytestmark = pytest.mark.usefixtures("small_zoo")


def test_an_examination_is_that_of_the_library():
    subject = Subject(Variant.of(BN), "quantised")
    request = ExaminationRequest(subject, Variant.of(RN), ImageChoice.of_samples(count=8, seed=3), SMALL, "cpu")
    calls = []
    result = robustness.run_examination(request, lambda *call: calls.append(call))
    report = sanity.examine(
        sanity.plant("quantised", zoo.load(BN, fold=True)), request.images.load(), SMALL,
        surrogate=zoo.load(RN, fold=True), seed=3,
    )  # fmt: skip
    assert result.findings == report.findings
    partials = [call[2] for call in calls if len(call) > 2 and call[2] is not None]
    assert [partial.findings for partial in partials] == [report.findings[: k + 1] for k in range(9)]
    assert all(partial.request == request for partial in partials)
    assert all(subject.label in text for _, text, *_ in calls[1:])


def test_a_budget_holds_a_batch_at_most():
    assert (robustness.budget("quick", 20).count, robustness.budget("quick", 20).batch_size) == (20, 20)
    assert (robustness.budget("thorough", 1000).count, robustness.budget("thorough", 1000).batch_size) == (1000, 128)


@pytest.mark.parametrize(
    ("mode", "fake", "others"), [("tracked", "", 0), ("batch", "", 19), ("tracked", "crowded", 19)]
)
def test_surfaces_are_those_of_the_library(monkeypatch, mode, fake, others):
    monkeypatch.setattr(robustness, "POINTS", 3)
    subjects = Subject(Variant.of(RN, mode), fake), Subject(Variant.of(BN))
    request = SurfacesRequest(subjects, "cifar10", 4, 2, 7, "cpu")
    calls = []
    result = robustness.run_surfaces(request, lambda *call: calls.append(call))
    assert [surface.others for surface in result.surfaces] == [others, 0]
    samples = data.samples("cifar10")
    rest = samples.images[[i for i in range(20) if i != 4]]
    for subject, surface in zip(subjects, result.surfaces, strict=True):
        expected = sanity.surface(
            subject.load("cpu"), samples.images[4], int(samples.labels[4]), 2 / 255, sanity.even(3),
            torch.Generator().manual_seed(7), others=rest if surface.others else None,
        )  # fmt: skip
        assert torch.equal(surface.loss, expected.loss)
    fractions = [call[0] for call in calls]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
