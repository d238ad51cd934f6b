import hashlib

import numpy as np
import pytest
import torch

from rnorm_core.data.batch import canonical_order, data_hash, from_pixels, image_id


def test_image_id_is_the_sha256_of_the_bytes_red_green_blue_row_by_row():
    pixels = np.zeros((2, 2, 3), dtype=np.uint8)
    pixels[0, 0] = (1, 2, 3)
    pixels[0, 1] = (4, 5, 6)
    pixels[1, 0] = (7, 8, 9)
    pixels[1, 1] = (10, 11, 12)
    assert image_id(pixels) == hashlib.sha256(bytes(range(1, 13))).hexdigest()


def test_image_id_does_not_depend_on_the_memory_layout(images):
    planes_first = np.ascontiguousarray(images[0].transpose(2, 0, 1)).transpose(1, 2, 0)
    assert not planes_first.flags.c_contiguous
    assert image_id(planes_first) == image_id(images[0])


@pytest.mark.parametrize("wrong", [np.zeros((32, 32, 3)), np.zeros((3, 32, 32), dtype=np.uint8)])
def test_image_id_refuses_what_is_not_uint8_height_width_3(wrong):
    with pytest.raises(ValueError, match="uint8"):
        image_id(wrong)


def test_data_hash_is_over_the_sorted_ids():
    expected = hashlib.sha256(b"aa\nbb\ncc").hexdigest()
    assert data_hash(["bb", "cc", "aa"]) == data_hash(iter(["aa", "bb", "cc"])) == expected
    assert data_hash(["aa", "bb"]) != expected


def test_canonical_order_sorts_by_id_then_label():
    assert canonical_order(["b", "a", "b", "c"], np.array([9, 0, 1, 2])).tolist() == [1, 2, 0, 3]


def test_a_batch_holds_pixels_divided_by_255_channels_first(images):
    batch = from_pixels(images[:4], np.array([3, 1, 4, 1]), list("abcd"), "here", "cifar10")
    assert batch.images.shape == (4, 3, 32, 32)
    assert batch.images.dtype == torch.float32
    assert batch.images.is_contiguous()
    for n, channel, y, x in [(0, 0, 0, 0), (1, 2, 3, 30), (3, 1, 31, 5)]:
        assert batch.images[n, channel, y, x] == torch.tensor(images[n, y, x, channel] / 255, dtype=torch.float32)
    back = (batch.images * 255).round().to(torch.uint8).permute(0, 2, 3, 1)
    assert np.array_equal(back.numpy(), images[:4])
    assert batch.labels.dtype == torch.int64
    assert batch.labels.tolist() == [3, 1, 4, 1]
    assert len(batch) == 4
    assert batch.classes[3] == "cat"


@pytest.mark.parametrize("kind", [list, torch.tensor])
def test_select_keeps_images_labels_and_ids_together(images, kind):
    batch = from_pixels(images[:4], np.array([3, 1, 4, 1]), list("abcd"), "here", "cifar10")
    chosen = batch.select(kind([2, 0]))
    assert chosen.ids == ("c", "a")
    assert chosen.labels.tolist() == [4, 3]
    assert torch.equal(chosen.images, batch.images[[2, 0]])
    assert (chosen.source, chosen.dataset, chosen.classes) == (batch.source, batch.dataset, batch.classes)


def test_to_moves_the_tensors(images):
    moved = from_pixels(images[:2], np.array([0, 1]), ["a", "b"], "here", "cifar10").to("meta")
    assert moved.images.device.type == moved.labels.device.type == "meta"
