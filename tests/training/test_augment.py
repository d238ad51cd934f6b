"""Crops are windows of the padded image, flips are mirrored, and (seed, epoch) decides which."""

import torch
from torch.nn import functional as F

from rnorm_core.training.augment import TrainingImages
from rnorm_core.training.recipe import Recipe

CPU = torch.device("cpu")


def plan(**changes) -> Recipe:
    return Recipe(**({"name": "r", "epochs": 2, "peak_lr": 1.0, "schedule": "steps", "weight_decay": 0.0} | changes))


def numbered(n: int) -> torch.Tensor:
    """uint8 (n, 32, 32, 3): every pixel says its row and column (from 1; padding is 0) and the image's number."""
    row, column = torch.meshgrid(torch.arange(1, 33), torch.arange(1, 33), indexing="ij")
    image = torch.stack([row, column, torch.zeros_like(row)], 2).expand(n, 32, 32, 3).clone()
    image[..., 2] = torch.arange(1, n + 1)[:, None, None]
    return image.to(torch.uint8)


def windows(image: torch.Tensor, padding: int, crop: int) -> dict[tuple[int, int, bool], torch.Tensor]:
    """Every (3, crop, crop) window of an image (32, 32, 3) padded with zeros, and its mirror image."""
    padded = F.pad(image.permute(2, 0, 1).int(), (padding,) * 4)
    found = {}
    for top in range(padded.shape[1] - crop + 1):
        for left in range(padded.shape[2] - crop + 1):
            window = padded[:, top : top + crop, left : left + crop]
            found[top, left, False], found[top, left, True] = window, window.flip(2)
    return found


def placed(recipe: Recipe, epoch: int, n: int = 40) -> list[tuple[int, int, int, bool]]:
    """(number, top, left, flipped) of each image of an epoch, found by comparing with every window there is."""
    originals, labels = numbered(n), torch.arange(n)
    places = []
    for x, y in TrainingImages(originals, labels, recipe.padding, CPU).epoch(recipe, epoch, seed=0):
        assert x.dtype == torch.float32
        assert x.is_contiguous(memory_format=torch.channels_last)
        levels = (x * 255).round().int()
        torch.testing.assert_close(x, levels / 255)
        for image, label in zip(levels, y.tolist(), strict=True):
            all_windows = windows(originals[label], recipe.padding, recipe.crop_in(epoch))
            same = [place for place, window in all_windows.items() if torch.equal(window, image)]
            assert len(same) == 1, "no window of its own image, or an ambiguous one"
            places.append((label, *same[0]))
    return places


def test_crops_are_windows_of_the_padded_image_all_over_it():
    places = placed(plan(batch_size=8, padding=2), epoch=0)
    assert sorted(number for number, *_ in places) == list(range(40))
    assert {top for _, top, _, _ in places} == {left for _, _, left, _ in places} == set(range(5))
    assert 5 < sum(flipped for *_, flipped in places) < 35


def test_small_crops_stay_within_the_unpadded_image():
    places = placed(plan(batch_size=8, padding=2, small_crop=28, small_epochs=1), epoch=0)
    assert {top for _, top, _, _ in places} == {left for _, _, left, _ in places} == set(range(2, 7))
    assert len({(top, left) for _, top, left, _ in places}) > 10, "rows and columns are drawn apart"


def test_without_flips_and_padding_images_are_as_they_were():
    places = placed(plan(batch_size=8, padding=0, flip=False), epoch=0)
    assert {place[1:] for place in places} == {(0, 0, False)}
    assert [number for number, *_ in places] != list(range(40)), "shuffled"


def test_seed_and_epoch_alone_decide():
    recipe = plan(batch_size=8)
    images = TrainingImages(numbered(40), torch.arange(40), 4, CPU)

    def stream(epoch, seed):
        torch.rand(3)  # the global generator plays no part
        return torch.cat([x for x, _ in images.epoch(recipe, epoch, seed)])

    first = stream(1, 2)
    assert torch.equal(first, stream(1, 2))
    assert not torch.equal(first, stream(2, 2))
    assert not torch.equal(first, stream(1, 3))


def test_images_that_do_not_fill_a_batch_are_left_to_another_epoch():
    recipe = plan(batch_size=16)
    images = TrainingImages(numbered(40), torch.arange(40), 4, CPU)
    epochs = [[y for _, y in images.epoch(recipe, epoch, 0)] for epoch in range(6)]
    assert all([len(y) for y in batches] == [16, 16] for batches in epochs)
    assert all(len(torch.cat(batches).unique()) == 32 for batches in epochs)
    assert len(torch.cat([y for batches in epochs for y in batches]).unique()) == 40
