"""Pictures that nobody would write: each becomes a batch or a clear error, soon and in little memory."""

import io
import struct
from contextlib import suppress

import numpy as np
import pytest
import torch
from PIL import Image

from rnorm_core import data
from rnorm_core.errors import UserError
from tests.fuzz.mutate import changed, no_growth, no_hang

# A warning of Pillow about a damaged file reaches the server's log and nothing else.
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning:PIL")


def sound() -> list[bytes]:
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 4), dtype=np.uint8)
    colour, grey = Image.fromarray(noise[..., :3]), Image.fromarray(noise[..., 0])
    exif = Image.Exif()
    exif[0x0112] = 6
    kinds = [
        (colour, "PNG", {"exif": exif}), (Image.fromarray(noise), "PNG", {}), (grey, "PNG", {}),
        (colour.quantize(16), "PNG", {"transparency": 0}), (grey.convert("I;16"), "PNG", {}),
        (colour, "JPEG", {"exif": exif}), (colour, "JPEG", {"progressive": True}), (grey, "JPEG", {}),
        (colour.convert("CMYK"), "JPEG", {}), (colour, "WEBP", {}), (colour, "WEBP", {"lossless": True}),
        (colour.quantize(16), "GIF", {"save_all": True, "append_images": [grey]}), (colour, "BMP", {}),
        (colour.quantize(16), "BMP", {}), (colour, "TIFF", {}), (colour, "TIFF", {"compression": "tiff_lzw"}),
        (colour, "TIFF", {"compression": "jpeg"}), (grey.convert("I;16"), "TIFF", {"compression": "tiff_deflate"}),
    ]  # fmt: skip
    files = []
    for image, format, options in kinds:
        file = io.BytesIO()
        image.save(file, format, **options)
        files.append(file.getvalue())
    return files


@pytest.mark.parametrize("count", [150, pytest.param(3_000, marks=pytest.mark.slow)])
def test_every_picture_is_a_batch_or_a_clear_error(count):
    files, taken = sound(), 0
    data.upload(files[0], "warm-up", None)
    with no_growth():
        for seed in range(count):
            with no_hang(seed):
                try:
                    batch, problem = data.upload(changed(files, seed), f"{seed}.img", None), ""
                except UserError as error:
                    batch, problem = None, str(error)
            assert len(problem) < 500, seed
            if batch is not None:
                taken += 1
                assert batch.images.shape == (1, 3, 32, 32), seed
                assert torch.isfinite(batch.images).all(), seed
    assert 0.02 * count < taken < 0.98 * count  # both ends are tried


@pytest.mark.parametrize("side", [2, 16_384, 16_385, 65_535])
@pytest.mark.parametrize("format", ["PNG", "JPEG", "GIF", "BMP", "WEBP"])
def test_sizes_that_a_header_only_announces(format, side):
    image, file = Image.new("RGB", (40, 40), "red"), io.BytesIO()
    image.save(file, format)
    wide = bytearray(file.getvalue())
    place = {"PNG": (16, ">I"), "JPEG": (wide.find(b"\xff\xc0") + 7, ">H"), "GIF": (6, "<H"), "BMP": (18, "<I"),
             "WEBP": (26, "<H")}  # fmt: skip
    at, kind = place[format]
    struct.pack_into(kind, wide, at, side)
    with no_hang(side), no_growth(), suppress(UserError):  # some formats are as large inside as their data say
        data.upload(bytes(wide), "wide.img", None)
