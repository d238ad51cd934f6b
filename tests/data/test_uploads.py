import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from rnorm_core import data
from rnorm_core.data import uploads
from rnorm_core.errors import UserError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encode(image, format="PNG", **options) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def see(raw, filename="mine.png") -> np.ndarray:
    """The uint8 (32, 32, 3) pixels the network sees."""
    batch = data.upload(raw, filename, None)
    return (batch.images[0] * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()


def plain(colour, size=(40, 40), mode="RGB"):
    return Image.new(mode, size, colour)


def close(pixels, colour, tolerance=0):
    return np.abs(pixels.astype(int) - np.array(colour)).max() <= tolerance


def test_an_upload_is_a_batch_of_one():
    batch = data.upload(encode(plain(RED)), "red.png", 3)
    assert len(batch) == 1
    assert batch.images.shape == (1, 3, 32, 32)
    assert batch.images.dtype == torch.float32
    assert batch.labels.dtype == torch.int64
    assert batch.labels.tolist() == [3]
    assert batch.source == "upload: red.png"
    assert batch.classes[3] == "cat"
    assert batch.ids == (data.image_id(np.tile(np.uint8(RED), (32, 32, 1))),)


def test_a_cifar_image_saved_and_uploaded_keeps_its_id(images):
    for format in ("PNG", "BMP", "TIFF"):
        assert data.upload(encode(Image.fromarray(images[0]), format), "x", None).ids == (data.image_id(images[0]),)


def test_an_unknown_label_is_minus_one():
    assert data.upload(encode(plain(RED)), "x.png", None).labels.tolist() == [-1]


@pytest.mark.parametrize(("dataset", "label"), [("cifar10", 10), ("cifar10", -1), ("cifar100", 100)])
def test_a_label_out_of_range_is_a_user_error(dataset, label):
    with pytest.raises(UserError, match=f"'x.png' was given label {label}"):
        data.upload(encode(plain(RED)), "x.png", label, dataset)


def test_labels_are_those_of_the_data_set():
    batch = data.upload(encode(plain(RED)), "x.png", 99, "cifar100")
    assert batch.classes[batch.labels[0]] == "worm"
    with pytest.raises(UserError, match="choose one of"):
        data.upload(encode(plain(RED)), "x.png", 0, "mnist")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_common_format_whatever_its_name(format):
    assert close(see(encode(plain((200, 100, 50)), format), "no-extension"), (200, 100, 50), tolerance=4)


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (plain(100, mode="L"), (100, 100, 100)),
        (plain(1, mode="1"), WHITE),
        (plain((100, 255), mode="LA"), (100, 100, 100)),
        (plain(GREEN).convert("P"), GREEN),
        (plain((0, 0, 255, 255), mode="RGBA"), BLUE),
        (plain((0, 0, 255, 0), mode="RGBA"), WHITE),
        (plain((0, 0, 0, 51), mode="RGBA"), (204, 204, 204)),
        (plain((50, 0), mode="LA"), WHITE),
    ],
    ids=["grey", "bilevel", "grey-alpha", "palette", "opaque", "transparent", "translucent", "transparent-grey"],
)
def test_modes_become_rgb_with_alpha_over_white(image, expected):
    assert close(see(encode(image)), expected, tolerance=1)


def test_a_transparent_palette_entry_is_white():
    assert close(see(encode(plain(0, mode="P"), "PNG", transparency=0)), WHITE)
    assert close(see(encode(plain(0, mode="P"), "GIF", transparency=0)), WHITE)


def test_cmyk():
    assert close(see(encode(plain((0, 255, 255, 0), mode="CMYK"), "JPEG", quality=95)), RED, tolerance=4)
    assert close(see(encode(plain((0, 255, 255, 0), mode="CMYK"), "TIFF")), RED)


@pytest.mark.parametrize("format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(format):
    grey = Image.fromarray(np.full((32, 32), 100 * 257, dtype=np.uint16))
    assert close(see(encode(grey, format)), (100, 100, 100))


def test_16_bit_colour():
    row = b"\x00" + struct.pack(">HHH", 200 * 257, 100 * 257, 50 * 257) * 32
    assert close(see(png(32, 32, row * 32, depth=16)), (200, 100, 50))


def test_32_bit_grey_is_refused_because_nothing_says_what_is_white():
    with pytest.raises(UserError, match="32-bit grey"):
        see(encode(Image.fromarray(np.ones((32, 32), dtype=np.float32)), "TIFF"), "depth.tiff")


def test_the_first_frame_of_an_animation():
    raw = encode(plain(RED), "GIF", save_all=True, append_images=[plain(BLUE)])
    assert close(see(raw), RED, tolerance=1)


def test_the_centre_square_is_what_is_seen():
    wide = plain(RED, (96, 32))
    wide.paste(plain(GREEN, (32, 32)), (32, 0))
    assert close(see(encode(wide)), GREEN)
    assert close(see(encode(wide.transpose(Image.Transpose.ROTATE_90))), GREEN)


def test_resizing_is_antialiased():
    """A checkerboard of single pixels becomes grey; picking every eighth pixel would give black or white."""
    board = np.indices((256, 256)).sum(0) % 2 * np.uint8(255)
    seen = see(encode(Image.fromarray(board.astype(np.uint8))))
    assert 120 <= seen.min() <= seen.max() <= 135


def test_a_single_pixel_is_enlarged():
    assert close(see(encode(plain(BLUE, (1, 1)))), BLUE)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "red_corner"),
    [(1, "top left"), (2, "top right"), (3, "bottom right"), (4, "bottom left")]
    + [(5, "top left"), (6, "top right"), (7, "bottom right"), (8, "bottom left")],
)
def test_exif_orientation_is_respected(format, orientation, red_corner):
    """The EXIF standard's table: which corner of the shown picture the stored first row and column meet in."""
    stored = plain(BLUE, (64, 64))
    stored.paste(plain(RED, (32, 32)), (0, 0))
    exif = Image.Exif()
    exif[0x0112] = orientation
    seen = see(encode(stored, format, exif=exif))
    corners = {"top left": (4, 4), "top right": (4, 27), "bottom left": (27, 4), "bottom right": (27, 27)}
    reddest = max(corners, key=lambda name: int(seen[corners[name]][0]) - int(seen[corners[name]][2]))
    assert reddest == red_corner


def test_exif_orientation_turns_and_does_not_only_mirror():
    """Orientation 6, a phone held upright: the stored picture's left edge is shown at the top."""
    stored = plain(BLUE, (64, 64))
    stored.paste(plain(RED, (16, 64)), (0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6
    seen = see(encode(stored, exif=exif))
    assert close(seen[:6], RED)
    assert close(seen[-6:], BLUE)


def test_an_empty_file():
    with pytest.raises(UserError, match=r"'nothing.png' is empty"):
        see(b"", "nothing.png")


def test_too_many_bytes():
    with pytest.raises(UserError, match=r"'big.png' has 10.0 MB; at most 10 MB"):
        see(bytes(uploads.MAX_BYTES + 1), "big.png")


@pytest.mark.parametrize(
    "raw",
    [b"hello", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7\n", b"\x89PNG", encode(plain(RED), "PPM")],
    ids=["text", "svg", "pdf", "half a signature", "a format that is not offered"],
)
def test_what_is_no_common_image(raw):
    with pytest.raises(UserError, match=r"'file.jpg' is not an image") as error:
        see(raw, "file.jpg")
    assert "PNG, JPEG, WEBP, GIF, BMP or TIFF" in error.value.fix


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_truncated_file(format, images):
    raw = encode(Image.fromarray(images[0]).resize((90, 90)), format)
    with pytest.raises(UserError, match=r"'cut.img' is (damaged or cut off|not an image)"):
        see(raw[: len(raw) // 2], "cut.img")


def test_a_broken_checksum():
    raw = bytearray(encode(plain(RED)))
    raw[raw.index(b"IDAT") + 8] ^= 0xFF
    with pytest.raises(UserError, match="damaged"):
        see(bytes(raw))


def png(width: int, height: int, rows: bytes, depth: int = 8) -> bytes:
    """An RGB PNG whose header may lie about what follows."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("side", [7_072, 10_000, 60_000], ids=["ours", "Pillow's warning", "Pillow's error"])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(monkeypatch, side):
    def decode(self, *args):
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    with pytest.raises(UserError, match=r"'bomb.png' has more than 50 megapixels"):
        see(png(side, side, b""), "bomb.png")


def test_the_pixel_limit_itself_is_taken(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_PIXELS", 40 * 40)
    assert close(see(encode(plain(RED, (40, 40)))), RED)
    with pytest.raises(UserError, match="megapixels"):
        see(encode(plain(RED, (41, 40))))
