"""A visitor's picture, in the format of a CIFAR model."""

import io
import struct

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from rnorm_core.data.batch import Batch, from_pixels, image_id
from rnorm_core.data.classes import CLASSES, check
from rnorm_core.data.files import SIDE
from rnorm_core.errors import UserError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")  # recognised by content, never by the file name
MAX_BYTES = 10_000_000
MAX_PIXELS = 50_000_000  # checked before decoding: a small file may announce a huge picture

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
    pixels = _pixels(raw, filename)
    labels = np.array([-1 if label is None else label])
    return from_pixels(pixels[None], labels, [image_id(pixels)], f"upload: {filename}", dataset)


def _pixels(raw: bytes, filename: str) -> np.ndarray:
    """uint8 (32, 32, 3) RGB pixels of an image file."""
    if not raw:
        raise UserError(f"{filename!r} is empty.", "choose an image file that is not empty.")
    if len(raw) > MAX_BYTES:
        raise UserError(
            f"{filename!r} has {len(raw) / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB are allowed.",
            "save a smaller version: the network uses only 32x32 pixels.",
        )
    try:
        with Image.open(io.BytesIO(raw), formats=FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _too_many_pixels(filename)
            image.load()
            return np.array(_square(_rgb(ImageOps.exif_transpose(image), filename)))
    except UnidentifiedImageError as error:
        raise UserError(f"{filename!r} is not an image of a known type.", f"save it as {_listed(FORMATS)}.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:  # Pillow's own limit, above ours
        raise _too_many_pixels(filename) from error
    except _DECODING_ERRORS as error:
        raise UserError(
            f"{filename!r} is damaged or cut off: {error}.", "open it in an image program and save it again."
        ) from error


def _rgb(image: Image.Image, filename: str) -> Image.Image:
    """Converts an image of any Pillow mode to 8-bit RGB."""
    if image.mode in ("I", "F"):  # 32 bits per pixel: there is no convention for the value of white
        raise UserError(f"{filename!r} has 32-bit grey values.", "save it with 8 or 16 bits per channel.")
    if image.mode.startswith("I;16"):  # Pillow's own conversion clips at 255 instead of scaling
        grey = np.asarray(image).astype(np.float64) / 257
        image = Image.fromarray(grey.round().astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def _square(image: Image.Image) -> Image.Image:
    """The centre square, resized to 32x32. Pillow widens its filter when it shrinks an image, which avoids aliasing."""
    return ImageOps.fit(image, (SIDE, SIDE), Image.Resampling.BICUBIC)


def _too_many_pixels(filename: str) -> UserError:
    return UserError(
        f"{filename!r} has more than {MAX_PIXELS // 1_000_000} megapixels.",
        "save a smaller version: the network uses only 32x32 pixels.",
    )


def _listed(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
