"""A visitor's picture, in the format of a CIFAR model.

Everything that a file announces is bounded before it is decoded: a small file may ask for hours or gigabytes.
"""

import hashlib
import io
import re
import struct
import threading
from collections import OrderedDict

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from rnorm_core.data.batch import Batch, from_pixels, image_id
from rnorm_core.data.classes import CLASSES, check
from rnorm_core.data.files import SIDE
from rnorm_core.errors import UserError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # recognised by content, never by the file name
MAX_BYTES = 10_000_000
MAX_PIXELS = 50_000_000  # Pillow holds at most 4 bytes of each, 200 MB
MAX_SIDE = 16_384  # each row of a decoded picture costs memory, even a row of one pixel
MAX_SCANS = 50  # of a JPEG; each passes over all pixels, and a camera writes about 10
MAX_SCANNED = 600_000_000  # pixels times scans: 12 scans of the largest picture
MAX_SEGMENTS = 1_000  # of a JPEG's header and scans; a large colour profile has up to 255
JPEG_SIDE = 512  # a photo's shorter side is decoded at half, a quarter or an eighth of its size while it is longer
KEPT = 512  # decoded pictures, 3 kB each

# errors of Pillow's decoders for bytes that do not fit their header
_DECODING_ERRORS = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    TypeError,
    IndexError,
    KeyError,
    OverflowError,
)
# A byte of data that equals a marker's first byte is followed by 0; D0 to D7 mark places inside a scan.
_MARKER = re.compile(rb"\xff[\x02-\xcf\xd8-\xfe]")
_SCAN, _END = 0xDA, 0xD9
_RUN_LENGTHS = (1, 2)  # values of a BMP's field "compression"
_EIGHT_BITS = (np.arange(65_536) / 257).round().astype(np.uint8)  # of a 16-bit grey value
_SMALLER = "save a smaller version: the network uses only 32x32 pixels."

_kept: OrderedDict[tuple[str, str], np.ndarray | UserError] = OrderedDict()  # the least recently decoded first
_decoding = threading.Lock()  # one at a time: a large photo takes seconds of a core and some hundred MB


def upload(raw: bytes, filename: str, label: int | None, dataset: str = "cifar10") -> Batch:
    """A Batch of one image from an image file; label None means unknown and becomes -1.

    The first frame is rotated by its EXIF orientation, put over white where it is transparent, centre-cropped to a
    square and resized with antialiasing to 32x32: `Batch.images` is exactly the network's input. A picture of 32x32
    pixels is not changed. UserError if the file is too big, no image or damaged, or if the label is out of range.
    """
    check(dataset)
    classes = CLASSES[dataset]
    if label is not None and not 0 <= label < len(classes):
        raise UserError(
            f"{filename!r} was given label {label}, but {dataset} has labels 0 ({classes[0]}) to {len(classes) - 1} "
            f"({classes[-1]}).",
            "choose one of these labels, or leave the label unknown.",
        )
    pixels = _once(raw, filename)
    labels = np.array([-1 if label is None else label])
    return from_pixels(pixels[None], labels, [image_id(pixels)], f"upload: {filename}", dataset)


def _once(raw: bytes, filename: str) -> np.ndarray:
    """`_pixels`, decoded once: a page asks again in every run. A refusal is remembered, too."""
    key = hashlib.sha256(raw).hexdigest(), filename
    if (known := _kept.get(key)) is None:
        with _decoding:
            if (known := _kept.get(key)) is None:  # another thread may have decoded it while this one waited
                try:
                    known = _pixels(raw, filename)
                except UserError as error:
                    known = error
                except MemoryError as error:  # not remembered: there may be enough later
                    raise UserError(f"{filename!r} needs more memory than there is.", _SMALLER) from error
                _kept[key] = known
                while len(_kept) > KEPT:
                    _kept.popitem(last=False)
    if isinstance(known, UserError):
        raise UserError(known.what, known.fix)
    return known


def _pixels(raw: bytes, filename: str) -> np.ndarray:
    """uint8 (32, 32, 3) RGB pixels of an image file."""
    if not raw:
        raise UserError(f"{filename!r} is empty.", "choose an image file that is not empty.")
    if len(raw) > MAX_BYTES:
        raise UserError(
            f"{filename!r} has {len(raw) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB are allowed.", _SMALLER
        )
    scans = _scans(raw) if raw.startswith(b"\xff\xd8") else 1
    if scans > MAX_SCANS:
        raise UserError(
            f"{filename!r} is a JPEG with more than {MAX_SCANS} scans or {MAX_SEGMENTS:,} segments; no camera writes "
            "so many.",
            "open it in an image program and save it again.",
        )
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_many_pixels(filename)
            if max(image.size) > MAX_SIDE:
                raise UserError(
                    f"{filename!r} has {image.width:,} x {image.height:,} pixels; a side may have {MAX_SIDE:,}.",
                    _SMALLER,
                )
            if image.width * image.height * scans > MAX_SCANNED:
                raise UserError(f"{filename!r} is a JPEG of {scans} scans, too many for its size.", _SMALLER)
            if image.format == "BMP" and image.info["compression"] in _RUN_LENGTHS:
                raise UserError(f"{filename!r} is a compressed BMP.", "save it as PNG.")  # Pillow needs seconds for it
            image.draft(None, (JPEG_SIDE, JPEG_SIDE))
            image.load()
            return np.array(_on_white(ImageOps.exif_transpose(_square(_colour(image, filename)))))
    except UnidentifiedImageError as error:
        raise UserError(f"{filename!r} is not an image of a known type.", f"save it as {_listed(FORMATS)}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # Pillow's own limit, above ours
        raise _too_many_pixels(filename) from error
    except _DECODING_ERRORS as error:
        raise UserError(
            f"{filename!r} is damaged or cut off: {error}.", "open it in an image program and save it again."
        ) from error


def _scans(jpeg: bytes) -> int:
    """The number of a JPEG's scans, counted up to its end as a decoder does; more than allowed if it seems endless."""
    at, scans = 2, 0
    for _ in range(MAX_SEGMENTS):
        marker = _MARKER.search(jpeg, at)
        if marker is None or jpeg[marker.end() - 1] == _END:
            return scans
        scans += jpeg[marker.end() - 1] == _SCAN
        if scans > MAX_SCANS:
            break
        # The length behind a marker counts its own two bytes; what looks like a marker inside a segment is none.
        at = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2], "big")
    return MAX_SCANS + 1


def _colour(image: Image.Image, filename: str) -> Image.Image:
    """Converts an image of any Pillow mode to 8-bit RGB, or to RGBA if a part of it is transparent."""
    if image.mode in ("I", "F"):  # 32 bits per pixel: there is no convention for the value of white
        raise UserError(f"{filename!r} has 32-bit grey values.", "save it with 8 or 16 bits per channel.")
    if image.mode.startswith("I;16"):  # Pillow's own conversion clips at 255 instead of scaling
        image = Image.fromarray(_EIGHT_BITS[np.asarray(image)])
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


def _square(image: Image.Image) -> Image.Image:
    """The centre square, resized to 32x32. Pillow widens its filter when it shrinks an image, which avoids aliasing."""
    return ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.BICUBIC)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")


def _too_many_pixels(filename: str) -> UserError:
    return UserError(
        f"{filename!r} has more than {MAX_PIXELS // 1_000_000} megapixels.",
        _SMALLER,
    )


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
