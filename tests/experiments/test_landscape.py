"""The landscape of an attack: at every size and step it is what a single attack of that size does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rnorm_core import attacks, data, models, pixels
from rnorm_core.experiments import landscape
from rnorm_core.experiments.landscape import LEVELS, SIZES, Request, measure, pack
from rnorm_core.experiments.landscape.pack import MOST_BYTES
from rnorm_core.zoo import Variant
from tests.landscape_bytes import unpack

VARIANTS = (Variant("left", "tracked", "a" * 64, "bn", "Left"), Variant("right", "tracked", "b" * 64, "rn", "Right"))
SOME = (0, 1, 8)


def network(norm: str, statistics: str = "tracked", dtype: torch.dtype = torch.float64):
    torch.manual_seed(len(norm))
    model = models.build("resnet20", norm, width=0.25, statistics=statistics).eval().requires_grad_(False).to(dtype)
    model.statistics = statistics
    return model


@pytest.fixture
def nets():
    return [network("bn"), network("rn")]


@pytest.fixture
def batch():
    return data.samples("cifar10").select([0, 1])


def request_of(batch, **changes) -> Request:
    labels = tuple(batch.labels.tolist())
    return replace(Request(VARIANTS, ids=batch.ids, labels=labels, steps=3, seed=5, sizes_255=SOME), **changes)


def single(model, batch, size: float | None, attack: str = "pgd", steps: int | None = 3, target=None):
    """The trace of one attack, and the images of its steps (T+1, N, 3, H, W)."""
    frames: list[torch.Tensor] = []
    targets = None if target is None else [target] * len(batch)
    made = attacks.make(attack, None if size is None else size / 255, steps, targets=targets)
    trace = made.run(model, batch, torch.Generator().manual_seed(5), lambda step: frames.append(step.adversarial))
    return trace, torch.stack(frames)


def check(shown, e: int, trace, frames, image: int) -> None:
    torch.testing.assert_close(shown.probabilities[e].double(), trace.probabilities[:, image].double())
    torch.testing.assert_close(shown.lengths[e][:, 0], (frames[:, image] - frames[0, image]).abs().amax((1, 2, 3)))
    drawn = shown.clean + shown.changes[e].double() * shown.scales[e] / LEVELS
    assert (drawn - frames[:, image]).abs().max() <= 0.5001 * shown.scales[e] / LEVELS
    assert shown.label == int(trace.labels[image])


@pytest.mark.parametrize(
    ("attack", "steps"),
    [("pgd", 3), ("bim", 3), ("mi-fgsm", 3), ("apgd", 6), ("fgsm", 1), ("noise", 1), ("pgd-l2", 3), ("noise-l2", 1)],
)
def test_every_size_and_step_is_that_of_a_single_attack(nets, batch, attack, steps):
    sizes = SIZES["l2"][:4] if attack.endswith("l2") else SOME
    one = batch.select([0])
    result = measure(request_of(one, attack=attack, steps=steps, sizes_255=sizes), nets, one, first=1)
    assert result.finished
    for model, shown in zip(nets, result.by_image[0], strict=True):
        assert shown.sizes_255 == sizes
        for e, size in enumerate(sizes[1:], 1):
            check(shown, e, *single(model, one, size, attack, steps), image=0)


def test_size_0_is_the_clean_image_at_every_step(nets, batch):
    shown = measure(request_of(batch.select([0])), nets, batch.select([0])).by_image[0][0]
    assert not shown.changes[0].any()
    assert not shown.lengths[0].any()
    assert (shown.probabilities[0] == shown.probabilities[1, 0]).all()


def test_an_image_of_a_batch_begins_where_it_does_in_the_batch(nets, batch):
    shown = measure(request_of(batch, index=1), nets, batch).by_image[1]
    for model, each in zip(nets, shown, strict=True):
        for e, size in enumerate(SOME[1:], 1):
            check(each, e, *single(model, batch, size), image=1)


def test_with_batch_statistics_each_size_is_an_attack_of_its_own(batch):
    model, one = network("bn", "batch"), batch.select([0])
    request = request_of(one, variants=(replace(VARIANTS[0], statistics="batch"),))
    (shown,) = measure(request, [model], one).by_image[0]
    for e, size in enumerate(SOME[1:], 1):
        check(shown, e, *single(model, one, size), image=0)


def test_a_batch_that_is_attacked_as_one_has_a_landscape_for_each_image(batch):
    nets = [network("bn", "batch"), network("rn")]
    result = measure(request_of(batch, index=None, sizes_255=(8,)), nets, batch)
    for model, place in zip(nets, (0, 1), strict=True):
        trace, frames = single(model, batch, 8)
        for image in (0, 1):
            check(result.by_image[image][place], 0, trace, frames, image)


@pytest.mark.parametrize("statistics", ["tracked", "batch"])
def test_a_transfer_shows_the_images_of_the_attacked_network(batch, statistics):
    nets, one = [network("bn"), network("rn", statistics)], batch.select([0])
    made, seen = measure(request_of(one, craft=0), nets, one).by_image[0]
    assert torch.equal(made.changes, seen.changes)
    assert (made.crafted_here, seen.crafted_here) == (True, False)
    _, frames = single(nets[0], one, 8)
    expected = torch.cat([nets[1](frame).softmax(1) for frame in frames])
    torch.testing.assert_close(seen.probabilities[2], expected)
    torch.testing.assert_close(seen.saved[2], nets[1](pixels.after_png(frames[-1]).double()).softmax(1)[0])


def test_an_attack_without_eps_has_a_start_and_an_end(nets, batch):
    one = replace(batch.select([0]), labels=torch.tensor([-1]))  # a wrong answer would leave nothing to attack
    request = request_of(one, attack="deepfool", sizes_255=(), steps=None)
    for shown in measure(request, nets, one).by_image[0]:
        assert shown.sizes_255 == ()
        assert shown.probabilities.shape == (1, 2, 10)
        assert shown.changes[0, 1].abs().max() == LEVELS  # the largest change of a colour value


def test_a_target_is_aimed_at_and_an_unknown_label_is_the_prediction(nets, batch):
    one = replace(batch.select([0]), labels=torch.tensor([-1]))
    shown = measure(request_of(one, target=6), nets, one).by_image[0]
    for model, each in zip(nets, shown, strict=True):
        assert each.target == 6
        assert each.label == int(model(one.images.double()).argmax())
        check(each, 2, *single(model, one, 8, target=6), image=0)


def test_the_first_size_comes_before_the_others(nets, batch):
    one, partials = batch.select([0]), []
    measure(request_of(one), nets, one, lambda f, text, partial=None: partials.append(partial), first=1)
    partials = [partial for partial in partials if partial is not None]
    assert [shown.sizes_255 for shown in partials[0].by_image[0]] == [(0, 1), (0, 1)]  # though the left has them all
    assert not partials[0].finished
    assert [shown.sizes_255 for shown in partials[-1].by_image[0]] == [SOME, SOME]


def test_the_answers_of_other_networks_let_others_go_first(nets, batch):
    said = []
    request = request_of(batch, steps=3, sizes_255=(1, 2, 4), craft=0)
    measure(request, nets, batch, lambda fraction, text, partial=None: said.append((fraction, text)))
    assert len(said) - len(set(said)) >= 2
    assert [fraction for fraction, _ in said] == sorted(fraction for fraction, _ in said)


def test_only_a_landscape_of_few_passes_is_short(batch):
    assert request_of(batch).is_short
    assert not request_of(batch, steps=1_000).is_short
    assert not request_of(batch, attack="square", steps=None).is_short


def test_what_does_not_fit_is_refused(nets, batch):
    with pytest.raises(ValueError, match="the request is for images"):
        measure(request_of(batch), nets, batch.select([0]))
    with pytest.raises(ValueError, match="one size only"):
        measure(request_of(batch, index=None), nets, batch)
    with pytest.raises(ValueError, match="index must be None"):
        measure(request_of(batch, index=0), [network("bn", "batch"), nets[1]], batch)
    for name in ("square", "deepfool"):
        with pytest.raises(ValueError, match="several sizes"):
            attacks.at_sizes(attacks.make(name), [1 / 255])


def test_the_shipped_networks_show_the_class_of_the_single_attack():
    """In float32 signs flip where a gradient is almost zero; the class differs only where two are almost equal."""
    variants, one = [Variant.of(f"cifar10-resnet20-{norm}") for norm in ("bn", "rn", "none")], data.samples("cifar10")
    one = one.select([3])
    request = Request(tuple(variants), ids=one.ids, labels=tuple(one.labels.tolist()), seed=5)
    for variant, shown in zip(variants, landscape.run(request, batch=one).by_image[0], strict=True):
        model = variant.load("cpu")
        for e, size in enumerate(SIZES["linf"][1:], 1):
            expected = single(model, one, size, steps=None)[0].probabilities[:, 0]
            for t, (here, there) in enumerate(zip(shown.probabilities[e], expected, strict=True)):
                top = there.topk(2).values
                assert here.argmax() == there.argmax() or top[0] - top[1] < 1e-3, (variant.label, size, t)


# --- the bytes for the browser


def test_the_bytes_hold_the_landscape(nets, batch):
    one = batch.select([0])
    shown = measure(request_of(one), nets, one).by_image[0]
    header, networks = unpack(pack(shown, {"id": "x", "chosen": 1}))
    assert (header["id"], header["chosen"], header["levels"]) == ("x", 1, LEVELS)
    assert header["sizes"] == list(SOME)
    assert header["steps"] == [0, 1, 2, 3]
    for each, network_ in zip(shown, networks, strict=True):
        assert (network_.changes == each.changes.numpy()).all()
        for name in ("probabilities", "lengths", "saved"):
            np.testing.assert_array_equal(getattr(network_, name), getattr(each, name).float().numpy())
        np.testing.assert_array_equal(network_.clean, each.clean.float().numpy())
        assert network_.about["scales"] == each.scales.tolist()


def test_of_a_long_attack_fewer_steps_are_sent_in_step(batch):
    one, nets = batch.select([0]), [network("bn", dtype=torch.float32), network("rn", dtype=torch.float32)]
    shown = measure(request_of(one, attack="apgd", steps=60, sizes_255=SIZES["linf"]), nets, one).by_image[0]
    header, networks = unpack(pack(shown, {}))
    assert header["steps"][0] == 0
    assert header["steps"][-1] == 60
    assert len(header["steps"]) < 61
    assert all(network_.about["bytes"] <= MOST_BYTES for network_ in networks)
    for each, network_ in zip(shown, networks, strict=True):
        assert (network_.changes == each.changes.numpy()[:, header["steps"]]).all()


def test_what_somebody_waits_for_comes_before_the_other_sizes_of_any_network(nets, batch):
    """On one thread, as a busy server has it."""
    one, seen = batch.select([0]), []
    measure(request_of(one), nets, one, lambda fraction, text, partial=None: seen.append((fraction, partial)), first=8)
    early = next(partial for _, partial in seen if partial is not None)
    assert [shown.sizes_255 for shown in early.by_image[0]] == [(0, 8), (0, 8)]
    assert not early.finished
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1)
