"""The experiment with poisoned neighbours: what the attack player gets of it is the attack itself."""

import pytest
import torch

from rnorm_core import attacks, evaluation, pixels
from rnorm_core.data import ImageChoice
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.experiments import attack_pair, poisoning
from rnorm_core.experiments.landscape import LEVELS
from rnorm_core.norms import MEDIAN
from rnorm_core.zoo import Variant

BN, RN = "cifar10-resnet20-bn", "cifar10-resnet20-rn"


def tiles(pictures: torch.Tensor, count: int) -> torch.Tensor:
    """(T, count, 3, 32, 32): the images in pictures of three beside each other."""
    step = 32 + poisoning.GAP
    places = [(step * (i // 3), step * (i % 3)) for i in range(count)]
    return torch.stack([pictures[..., y : y + 32, x : x + 32] for y, x in places], 1)


@pytest.mark.parametrize(
    ("count", "shape"), [(2, (32, 66)), (3, (66, 66)), (5, (66, 100)), (9, (100, 100))], ids=lambda value: str(value)
)
def test_images_stand_together_row_by_row(count, shape):
    images = torch.rand(4, count, 3, 32, 32)
    pictures = poisoning.side_by_side(images)
    assert pictures.shape == (4, 3, *shape)
    if count > 4:
        assert torch.equal(tiles(pictures, count), images)
    assert (pictures[..., 32:34, :] == 0.5).all()
    assert (pictures[..., 32:34] == 0.5).all()


def test_the_player_shows_the_attack_on_the_neighbours(small_zoo, monkeypatch):
    monkeypatch.setattr(laboratories, "STEPS", 3)
    monkeypatch.setattr(poisoning, "MOST_AIMED", 0)
    made, make = [], poisoning.poison.make
    monkeypatch.setattr(poisoning.poison, "make", lambda *args, **more: made.append(args) or make(*args, **more))
    request = poisoning.Request(Variant.of(BN), Variant.of(RN), ImageChoice.of_samples(count=20), 8, "", 9)
    result = poisoning.run(request)
    assert len([args for args in made if args[0] == [0]]) == 1  # one attack for pictures and answers
    variants = [Variant.of(model, mode) for mode in ("batch", MEDIAN) for model in (BN, RN)]
    assert list(result.landscapes) == variants
    for variant in variants:
        shown, victim, model = result.landscapes[variant], result.traces[variant], variant.load("cpu")
        attack = poisoning.poison.make([0], range(1, 10), 8 / 255, 3)
        trace = evaluation.attack_batch(model, result.batch, attack, seed=0)
        assert victim.ids == trace.ids[:1]
        assert torch.equal(victim.probabilities, trace.probabilities[:, :1])
        assert torch.equal(victim.adversarial, result.batch.images[:1])
        assert (shown.sizes_255, shown.label) == ((8,), int(trace.labels[0]))
        assert torch.equal(shown.probabilities[0], trace.probabilities[:, 0])
        frames = shown.clean + shown.scales[0] / LEVELS * shown.changes[0]
        assert torch.equal(tiles(shown.clean[None], 9)[0], result.batch.images[:9])
        assert (shown.changes[0, :, :, :32, :32] == 0).all()  # the victim, at every step
        assert tiles(frames, 9)[-1] == pytest.approx(trace.adversarial[:9], abs=8 / 255 / LEVELS)
        assert shown.lengths[0, -1, 0] <= 8 / 255 + 1e-6
        saved = attack_pair.probabilities(model, pixels.after_png(trace.adversarial))[:1]
        assert torch.equal(shown.saved, saved)
    rerun = poisoning.poison.make([0], range(1, 10), 8 / 255, 3)
    seen: list[attacks.Step] = []
    evaluation.attack_batch(variants[0].load("cpu"), result.batch, rerun, seed=0, on_step=seen.append)
    frames = result.landscapes[variants[0]]
    for t, step in enumerate(seen):
        picture = frames.clean + frames.scales[0] / LEVELS * frames.changes[0, t]
        assert tiles(picture[None], 9)[0] == pytest.approx(step.adversarial[:9], abs=8 / 255 / LEVELS)


def test_one_victim_at_a_time(small_zoo, monkeypatch):
    monkeypatch.setattr(laboratories, "STEPS", 3)
    request = poisoning.Request(Variant.of(BN), Variant.of(RN), ImageChoice.of_samples(count=8), 8, "", 5)
    assert request.targets == (0, 6, 7)
    result = poisoning.run(request)
    assert list(result.aimed) == list(request.variants)
    for variant, found in result.aimed.items():
        model = variant.load("cpu")
        traces = [
            evaluation.attack_batch(model, result.batch, poisoning.poison.make([v], range(1, 6), 8 / 255, 3))
            for v in request.targets
        ]
        pairs = zip(request.targets, traces, strict=True)
        assert found.after.hits.tolist() == [bool(trace.right[v]) for v, trace in pairs]
        assert found.before.hits.tolist() == traces[0].right_before[list(request.targets)].tolist()
        assert (found.k, found.before.n) == (5, 3)
    assert not poisoning.Request(Variant.of(BN), Variant.of(RN), ImageChoice.of_test_set(count=128), 8, "", 4).targets
