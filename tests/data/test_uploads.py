import io
import struct
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

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


# --- small files that ask for much


def decode(*_):
    raise AssertionError("decoded")


def with_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan is repeated until there are `count`; libjpeg decodes every one of them."""
    raw = encode(plain(RED), "JPEG", progressive=True)
    last = raw[raw.rindex(b"\xff\xda") : -2]
    return raw[:-2] + last * (count - raw.count(b"\xff\xda")) + b"\xff\xd9"


def test_a_jpeg_of_too_many_scans_is_refused_before_it_is_decoded(monkeypatch):
    assert close(see(with_scans(uploads.MAX_SCANS)), RED, tolerance=4)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    with pytest.raises(UserError, match=r"'scans.jpg' is a JPEG with more than 50 scans"):
        see(with_scans(uploads.MAX_SCANS + 1), "scans.jpg")


def test_a_large_jpeg_may_have_fewer_scans(monkeypatch):
    monkeypatch.setattr(uploads, "MAX_SCANNED", 12 * plain(RED).width * plain(RED).height)
    assert close(see(with_scans(12)), RED, tolerance=4)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    with pytest.raises(UserError, match=r"'scans.jpg' is a JPEG of 13 scans, too many for its size"):
        see(with_scans(13), "scans.jpg")


def test_a_jpeg_of_too_many_segments_is_refused_at_once(monkeypatch):
    monkeypatch.setattr("PIL.Image.open", decode)
    comment = b"\xff\xfe\x00\x02"
    raw = encode(plain(RED), "JPEG")
    with pytest.raises(UserError, match="segments"):
        see(raw[:2] + comment * 2_000_000 + raw[2:])


def test_only_scans_of_the_picture_itself_count():
    """A preview inside a segment, and a film behind the picture, may hold any bytes."""
    raw, scans = encode(plain(RED), "JPEG"), b"\xff\xda" * 1_000
    preview = b"\xff\xed" + struct.pack(">H", len(scans) + 2) + scans
    assert close(see(raw[:2] + preview + raw[2:] + scans), RED, tolerance=4)


@pytest.mark.parametrize("size", [(1, 49_999_999), (50_000_000, 1), (16_385, 1)])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_side_is_bounded_before_the_picture_is_decoded(monkeypatch, size, depth):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", decode)
    with pytest.raises(UserError, match=rf"'line.png' has {size[0]:,} x {size[1]:,} pixels; a side may have 16,384"):
        see(png(*size, b"", depth), "line.png")


def test_the_longest_side_is_taken():
    assert close(see(encode(plain(RED, (16_384, 1)))), RED)


def test_a_compressed_bmp_is_refused():
    """Pillow decodes it in a loop over bytes in Python, which takes seconds for a few thousand bytes."""
    raw = bytearray(encode(plain(1, mode="P"), "BMP"))
    raw[30] = 1  # the field "compression"
    with pytest.raises(UserError, match="compressed BMP"):
        see(bytes(raw))


def test_a_large_photo_is_decoded_at_a_smaller_size_and_looks_the_same():
    noise = np.random.default_rng(0).integers(60, 200, (64, 64, 3), dtype=np.uint8)
    photo = Image.fromarray(noise).resize((4_096, 4_096), Image.Resampling.BICUBIC)
    whole = np.array(photo.resize((32, 32), Image.Resampling.BICUBIC))
    assert np.abs(see(encode(photo, "JPEG", quality=95)).astype(int) - whole).max() <= 4


def test_no_memory_is_a_user_error_and_not_remembered(monkeypatch):
    raw = encode(plain((1, 2, 3)))

    def exhausted(*_):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("PIL.ImageFile.ImageFile.load", exhausted)
        with pytest.raises(UserError, match=r"'mine.png' needs more memory"):
            see(raw)
    assert close(see(raw), (1, 2, 3))


# --- decoded once, one at a time


@pytest.fixture
def decoded(monkeypatch):
    """Names of the files that were decoded, and the largest number of them at one time."""
    monkeypatch.setattr(uploads, "_kept", type(uploads._kept)())
    names, now, most, pixels = [], [], [0], uploads._pixels

    def slowly(raw, filename):
        names.append(filename)
        now.append(filename)
        most[0] = max(most[0], len(now))
        time.sleep(0.02)
        now.pop()
        return pixels(raw, filename)

    monkeypatch.setattr(uploads, "_pixels", slowly)
    return names, most


def test_a_picture_is_decoded_once_for_everybody(decoded):
    raw = encode(plain(RED))
    with ThreadPoolExecutor(8) as pool:
        assert all(close(seen, RED) for seen in pool.map(lambda _: see(raw), range(8)))
    assert decoded[0] == ["mine.png"]


def test_pictures_are_decoded_one_at_a_time(decoded):
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda i: see(encode(plain((i, 0, 0))), f"{i}.png"), range(4)))
    assert sorted(decoded[0]) == ["0.png", "1.png", "2.png", "3.png"]
    assert decoded[1] == [1]


def test_a_refusal_is_remembered(decoded):
    for _ in range(2):
        with pytest.raises(UserError, match="not an image"):
            see(b"hello")
    assert decoded[0] == ["mine.png"]


def test_few_pictures_are_kept(decoded, monkeypatch):
    monkeypatch.setattr(uploads, "KEPT", 2)
    for i in range(4):
        see(encode(plain((i, 0, 0))))
    assert len(uploads._kept) == 2
