"""Natural corruptions against their definitions, computed here in another way."""

import colorsys
import hashlib
import io
import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from rnorm_core import data
from rnorm_core.data import CORRUPTIONS, SEVERITIES, corruptions
from rnorm_core.errors import UserError

EVERY = [(name, severity) for name in CORRUPTIONS for severity in SEVERITIES]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module")
def photos():
    return data.samples("cifar10")


def pixels_of(batch) -> np.ndarray:
    return (batch.images * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().numpy()


def test_there_are_at_least_eight_each_with_what_a_page_says():
    assert len(CORRUPTIONS) >= 8
    for name, corruption in CORRUPTIONS.items():
        assert corruption.name == name
        assert len(corruption.strengths) == 5
        assert corruption.title
        assert corruption.about.endswith(".")
        assert "1903.12261" in corruption.source
    assert CORRUPTIONS["gaussian-noise"].strength_text(3) == "standard deviation 0.08"
    assert CORRUPTIONS["fog"].strength_text(5) == "thickness 1.5, smoothness 1.75"


@pytest.mark.parametrize(("name", "severity"), EVERY)
def test_a_corrupted_batch_is_a_batch(photos, name, severity):
    """In [0, 1], of whole grey levels, with its own ids, the same labels, and a source that says what happened."""
    found = data.corrupt(photos, name, severity, seeded())
    assert found.images.shape == photos.images.shape
    assert found.images.dtype == torch.float32
    assert 0 <= found.images.min() <= found.images.max() <= 1
    levels = pixels_of(found)
    assert torch.equal(found.images, torch.tensor(levels).permute(0, 3, 1, 2).float() / 255)
    assert found.ids == tuple(hashlib.sha256(image.tobytes()).hexdigest() for image in levels)
    assert not set(found.ids) & set(photos.ids)
    assert torch.equal(found.labels, photos.labels)
    assert found.source == f"{photos.source}, {CORRUPTIONS[name].title} of severity {severity}"


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_more_severe_is_further_away(photos, name):
    distances = [
        (data.corrupt(photos, name, severity, seeded()).images - photos.images).flatten(1).norm(dim=1).mean().item()
        for severity in SEVERITIES
    ]
    assert distances == sorted(distances)
    assert distances[0] > 0.1
    assert distances[-1] > 1.2 * distances[0]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_one_generator_one_result_whatever_follows(photos, name):
    one, same = (data.corrupt(photos, name, 3, seeded(7)) for _ in range(2))
    assert one.ids == same.ids
    assert data.corrupt(photos.select(range(5)), name, 3, seeded(7)).ids == one.ids[:5]
    random = name in {"gaussian-noise", "shot-noise", "impulse-noise", "fog"}
    assert (data.corrupt(photos, name, 3, seeded(8)).ids != one.ids) == random


def test_the_original_is_not_touched(photos):
    before = photos.images.clone()
    for name in CORRUPTIONS:
        data.corrupt(photos, name, 5, seeded())
    assert torch.equal(photos.images, before)


def test_what_is_not_there_is_said(photos):
    with pytest.raises(UserError, match="gaussian-noise, shot-noise"):
        data.corrupt(photos, "snow", 1, seeded())
    for severity in (0, 6, 2.5):
        with pytest.raises(UserError, match="no severity"):
            data.corrupt(photos, "fog", severity, seeded())


# --- one by one


GREY = torch.full((8, 3, 32, 32), 0.5)  # far from 0 and 1, where nothing is cut off


@pytest.mark.parametrize(("severity", "deviation"), [(1, 0.04), (2, 0.06), (3, 0.08), (4, 0.09), (5, 0.10)])
def test_gaussian_noise_has_the_deviation_it_says(severity, deviation):
    noise = CORRUPTIONS["gaussian-noise"].apply(GREY, seeded(), *CORRUPTIONS["gaussian-noise"].strength(severity)) - 0.5
    assert noise.std().item() == pytest.approx(deviation, rel=0.02)  # 24,576 values: its own error is 0.5 %
    assert abs(noise.mean().item()) < 4 * deviation / math.sqrt(noise.numel())


@pytest.mark.parametrize("level", [0.25, 0.5])
def test_shot_noise_varies_as_poisson_numbers_do(level):
    """Counts of mean c x have the variance c x, so their share of c has the variance x / c."""
    (photons,) = CORRUPTIONS["shot-noise"].strength(5)
    noisy = corruptions.shot_noise(torch.full((8, 3, 32, 32), level), seeded(), photons)
    assert noisy.mean().item() == pytest.approx(level, rel=0.01)
    assert noisy.var().item() == pytest.approx(level / photons, rel=0.05)
    assert torch.equal((noisy * photons).round() / photons, noisy)


def test_impulse_noise_changes_the_share_it_says_to_0_or_1():
    noisy = corruptions.impulse_noise(GREY, seeded(), 0.07)
    changed = noisy[noisy != 0.5]
    assert len(changed) / noisy.numel() == pytest.approx(0.07, rel=0.08)
    assert set(changed.tolist()) == {0.0, 1.0}
    assert changed.mean().item() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_blur_is_scipys(photos, severity):
    (sigma,) = CORRUPTIONS["gaussian-blur"].strength(severity)
    expected = ndimage.gaussian_filter(photos.images[:3].numpy(), (0, 0, sigma, sigma), mode="nearest", truncate=4)
    found = corruptions.gaussian_blur(photos.images[:3], seeded(), sigma)
    assert found.numpy() == pytest.approx(expected, abs=2e-6)


def test_contrast_by_hand(photos):
    x = photos.images[:4].double().numpy()
    mean = x.mean((2, 3), keepdims=True)
    for (factor,) in CORRUPTIONS["contrast"].strengths:
        found = corruptions.contrast(photos.images[:4].double(), seeded(), factor).numpy()
        assert found == pytest.approx(np.clip(mean + factor * (x - mean), 0, 1), abs=1e-12)


def test_brightness_is_the_value_of_hsv(photos):
    """Pixel by pixel through the standard library's colours; a black and a white one are among them."""
    image = photos.images[:1].double()
    image[0, :, 0, 0], image[0, :, 0, 1] = 0, 1
    for (amount,) in CORRUPTIONS["brightness"].strengths:
        found = corruptions.brightness(image, seeded(), amount)[0]
        for y, x in [(0, 0), (0, 1), *zip(range(32), range(31, -1, -1), strict=True)]:
            h, s, v = colorsys.rgb_to_hsv(*image[0, :, y, x].tolist())
            assert found[:, y, x].tolist() == pytest.approx(colorsys.hsv_to_rgb(h, s, min(1, v + amount)), abs=1e-9)


@pytest.mark.parametrize("severity", SEVERITIES)
def test_jpeg_is_pillows_round_trip(photos, severity):
    (quality,) = CORRUPTIONS["jpeg"].strength(severity)
    found = pixels_of(data.corrupt(photos, "jpeg", severity, seeded()))
    for clean, read in zip(pixels_of(photos), found, strict=True):
        file = io.BytesIO()
        Image.fromarray(clean).save(file, format="JPEG", quality=quality)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(file.getvalue()))), read)


@pytest.mark.parametrize("side", [2, 4, 8])
def test_pixelate_gives_each_block_its_mean(photos, side):
    found = corruptions.pixelate(photos.images[:2].double(), seeded(), 1 / side)
    for y in range(0, 32, side):
        for x in range(0, 32, side):
            block = photos.images[:2, :, y : y + side, x : x + side].double()
            mean = block.mean((2, 3), keepdim=True).expand_as(block)
            assert found[:, :, y : y + side, x : x + side].numpy() == pytest.approx(mean.numpy(), abs=1.01 / 255)


@pytest.mark.parametrize(("severity", "side"), [(1, 30), (2, 28), (3, 27), (4, 24), (5, 20)])
def test_pixelate_has_that_many_squares_a_side(photos, severity, side):
    (share,) = CORRUPTIONS["pixelate"].strength(severity)
    found = corruptions.pixelate(photos.images, seeded(), share)
    for axis in (2, 3):  # rows, columns: those that equal the one before are in the same square
        different = found.diff(dim=axis).abs().amax([d for d in range(4) if d != axis]) > 0
        assert int(different.sum()) + 1 == side


def test_fog_by_hand(photos):
    """The cloud is solved for from the picture, and is the same for all three colours, from 0 to 1."""
    images = photos.images[:2].double()
    thickness, smoothness = CORRUPTIONS["fog"].strength(4)
    foggy = corruptions.fog(images, seeded(3), thickness, smoothness)
    brightest = images.amax((1, 2, 3), keepdim=True)
    cloud = (foggy * (brightest + thickness) / brightest - images) / thickness
    assert cloud.numpy() == pytest.approx(cloud[:, :1].expand_as(cloud).numpy(), abs=1e-9)
    assert cloud.amin((1, 2, 3)).tolist() == pytest.approx([0, 0], abs=1e-9)
    assert cloud.amax((1, 2, 3)).tolist() == pytest.approx([1, 1], abs=1e-9)
    assert cloud[:, 0].numpy() == pytest.approx(corruptions.plasma(2, 32, smoothness, seeded(3)).numpy(), abs=1e-6)


def test_a_smoother_cloud_has_smaller_steps_and_no_seam():
    steps = []
    for smoothness in (1.2, 2, 3):
        clouds = corruptions.plasma(20, 32, smoothness, seeded())
        assert clouds.shape == (20, 32, 32)
        inside, seam = clouds.diff(dim=2).abs().mean(), (clouds[:, :, 0] - clouds[:, :, -1]).abs().mean()
        assert seam < 2 * inside
        steps.append(inside.item())
    assert steps == sorted(steps, reverse=True)


def test_clouds_halve_distances_and_amounts():
    """Where the random amounts vanish, every new point is its four neighbours' mean: a very smooth cloud is a ramp."""
    cloud = corruptions.plasma(1, 8, 1e6, seeded(1))[0]
    # Of the first square only its centre and two edges got a random amount; all later points are means.
    for y, x in [(2, 2), (2, 6), (6, 2), (6, 6)]:
        around = [cloud[(y + dy) % 8, (x + dx) % 8].item() for dy in (-2, 2) for dx in (-2, 2)]
        assert cloud[y, x].item() == pytest.approx(sum(around) / 4, abs=1e-6)
