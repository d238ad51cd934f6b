"""Natural corruptions of photos by weather, cameras and files, at the severities of CIFAR-10-C.

Definitions and severities: Hendrycks & Dietterich 2019, arXiv 1903.12261. The numbers are those of CIFAR-10-C, which
has 32x32 images, too. All corruptions are computed on request, so any image can be corrupted.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from rnorm_core.data.batch import Batch, from_pixels, image_id
from rnorm_core.errors import UserError

SEVERITIES = (1, 2, 3, 4, 5)
SOURCE = "Hendrycks & Dietterich 2019, arXiv 1903.12261"


@dataclass(frozen=True)
class Corruption:
    """One corruption, for the pages and for `corrupt`.

    strengths: the parameters of `apply`, one tuple for each severity; `unit` formats them as a text.
    apply:     (images (N, 3, H, W) in [0, 1], generator, *strength) -> corrupted images, still in [0, 1]. All random
               numbers of one image are drawn before those of the next.
    """

    name: str
    title: str
    about: str
    unit: str
    strengths: tuple[tuple[float, ...], ...]
    apply: Callable[..., Tensor]
    source: str = SOURCE

    def strength(self, severity: int) -> tuple[float, ...]:
        """The parameters at this severity. UserError unless severity is one of `SEVERITIES`."""
        if severity not in SEVERITIES:
            raise UserError(f"{self.title} has no severity {severity!r}.", "choose one of 1, 2, 3, 4, 5.")
        return self.strengths[severity - 1]

    def strength_text(self, severity: int) -> str:
        """The strength as a text: "standard deviation 0.08"."""
        return self.unit.format(*self.strength(severity))


def corrupt(batch: Batch, name: str, severity: int, generator: torch.Generator) -> Batch:
    """The corrupted batch, with the same labels and new ids. Its pixels are whole grey levels, as in any image file.

    Random numbers come from the generator (on the CPU) in the order of the images. So equal generators give equal
    images, and the first images do not depend on those that follow. UserError for an unknown name or severity.
    """
    if name not in CATALOGUE:
        raise UserError(f"There is no corruption {name!r}.", f"choose one of {', '.join(CATALOGUE)}.")
    corruption = CATALOGUE[name]
    strength = corruption.strength(severity)
    pixels = _grey_levels(corruption.apply(batch.images.cpu(), generator, *strength))
    source = f"{batch.source}, {corruption.title} of severity {severity}"
    return from_pixels(pixels, batch.labels.cpu().numpy(), [image_id(image) for image in pixels], source, batch.dataset)


def _grey_levels(images: Tensor) -> np.ndarray:
    """uint8 (N, H, W, 3) of images (N, 3, H, W) in [0, 1], rounded to the nearest level."""
    return images.mul(255).round().to(torch.uint8).movedim(1, -1).contiguous().numpy()


# --- noise of a sensor


def gaussian_noise(images: Tensor, generator: torch.Generator, deviation: float) -> Tensor:
    """x + N(0, deviation**2), separately for each value."""
    return (images + deviation * torch.randn(images.shape, generator=generator)).clamp(0, 1)


def shot_noise(images: Tensor, generator: torch.Generator, photons: float) -> Tensor:
    """Poisson(photons x) / photons, drawn separately for each value. White is `photons` particles on average."""
    return (torch.poisson(images * photons, generator=generator) / photons).clamp(0, 1)


def impulse_noise(images: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Each value becomes 0 or 1 with probability `share`, both equally likely."""
    drawn = torch.rand(images.shape, generator=generator)
    return torch.where(drawn < share, (drawn < share / 2).to(images), images)


# --- blur, weather, light


def gaussian_blur(images: Tensor, generator: torch.Generator, sigma: float) -> Tensor:
    """Convolution with a Gaussian of `sigma` pixels, cut at 4 sigma. Outside the image its edge pixels repeat."""
    reach = int(4 * sigma + 0.5)
    offsets = torch.arange(-reach, reach + 1, dtype=images.dtype)
    kernel = (-0.5 * (offsets / sigma).square()).exp()
    kernel = kernel / kernel.sum()
    n, c, h, w = images.shape
    padded = F.pad(images, (reach, reach, reach, reach), mode="replicate").view(n * c, 1, h + 2 * reach, w + 2 * reach)
    blurred = F.conv2d(F.conv2d(padded, kernel.view(1, 1, 1, -1)), kernel.view(1, 1, -1, 1))
    return blurred.view(n, c, h, w).clamp(0, 1)


def fog(images: Tensor, generator: torch.Generator, thickness: float, smoothness: float) -> Tensor:
    """(x + thickness f) m / (m + thickness). f: a cloud in [0, 1]. m: the image's largest value, the upper limit."""
    n, _, h, w = images.shape
    cloud = plasma(n, max(h, w), smoothness, generator)[:, None, :h, :w]
    brightest = images.amax((1, 2, 3), keepdim=True)
    return ((images + thickness * cloud) * brightest / (brightest + thickness)).clamp(0, 1)


def plasma(n: int, side: int, smoothness: float, generator: torch.Generator) -> Tensor:
    """n clouds (n, S, S) from 0 to 1, by midpoint displacement on a torus. S: the smallest power of two >= `side`.

    Diamond-square (Fournier, Fussell & Carpenter 1982): new points are added between the points of a grid until the
    grid is fine enough. A new point is the mean of its four neighbours plus a random amount. Each time the distance is
    halved, the random amount is divided by smoothness**2.
    """
    size, used = 1 << (side - 1).bit_length(), 0
    noise = 2 * torch.rand(n, size * size, generator=generator) - 1

    def between(*neighbours: Tensor) -> Tensor:
        nonlocal used
        mean = torch.stack(neighbours).mean(0)
        used += mean[0].numel()
        return mean + amount * noise[:, used - mean[0].numel() : used].view(mean.shape)

    def after(grid: Tensor, axis: int) -> Tensor:
        return grid.roll(-1, axis)

    corners, amount = torch.zeros(n, 1, 1), 1.0
    while corners.shape[-1] < size:
        below = after(corners, 1)
        centres = between(corners, below, after(corners, 2), after(below, 2))
        top = between(corners, after(corners, 2), centres, centres.roll(1, 1))
        left = between(corners, below, centres, centres.roll(1, 2))
        finer = corners.new_empty(n, 2 * corners.shape[1], 2 * corners.shape[2])
        finer[:, ::2, ::2], finer[:, ::2, 1::2], finer[:, 1::2, ::2], finer[:, 1::2, 1::2] = corners, top, left, centres
        corners, amount = finer, amount / smoothness**2
    corners = corners - corners.amin((1, 2), keepdim=True)
    return corners / corners.amax((1, 2), keepdim=True)


def contrast(images: Tensor, generator: torch.Generator, factor: float) -> Tensor:
    """(x - mean) factor + mean, with the mean of each colour over the image."""
    mean = images.mean((2, 3), keepdim=True)
    return ((images - mean) * factor + mean).clamp(0, 1)


def brightness(images: Tensor, generator: torch.Generator, amount: float) -> Tensor:
    """Adds `amount` to the value V of HSV; hue and saturation do not change.

    V is the largest of a pixel's three colour values. The other two are in fixed proportion to V, so all three are
    multiplied by new V / old V. A black pixel has no hue and becomes grey.
    """
    value = images.amax(1, keepdim=True)
    brighter = (value + amount).clamp(0, 1)
    return torch.where(value > 0, images / value.clamp_min(1e-12) * brighter, brighter).clamp(0, 1)


# --- files: done by Pillow, on whole grey levels


def jpeg(images: Tensor, generator: torch.Generator, quality: float) -> Tensor:
    """Saves each image as a JPEG file of this quality and opens it again."""

    def reopen(picture: Image.Image) -> Image.Image:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=int(quality))
        with Image.open(file) as read:
            return read.convert("RGB")

    return _by_pillow(images, reopen)


def pixelate(images: Tensor, generator: torch.Generator, share: float) -> Tensor:
    """Shrinks each image to `share` of its side and enlarges it again, so that each pixel becomes a square.

    A pixel of the small image is the mean of the old pixels with their centres inside it.
    """

    def reopen(picture: Image.Image) -> Image.Image:
        fewer = int(picture.width * share), int(picture.height * share)
        return picture.resize(fewer, Image.Resampling.BOX).resize(picture.size, Image.Resampling.BOX)

    return _by_pillow(images, reopen)


def _by_pillow(images: Tensor, change: Callable[[Image.Image], Image.Image]) -> Tensor:
    changed = [np.asarray(change(Image.fromarray(pixels))) for pixels in _grey_levels(images)]
    return torch.tensor(np.stack(changed)).movedim(-1, 1).to(images.dtype) / 255


def _each(*strengths: Any) -> tuple[tuple[float, ...], ...]:
    return tuple(s if isinstance(s, tuple) else (s,) for s in strengths)


_ENTRIES = (
    Corruption(
        "gaussian-noise", "Gaussian noise",
        "A random amount is added to every value, as in a picture taken with too little light.",
        "standard deviation {:g}", _each(0.04, 0.06, 0.08, 0.09, 0.10), gaussian_noise,
    ),
    Corruption(
        "shot-noise", "Shot noise",
        "Light comes in particles; where few are counted, their number varies. Bright places vary more.",
        "white is {:g} photons", _each(500, 250, 100, 75, 50), shot_noise,
    ),
    Corruption(
        "impulse-noise", "Impulse noise",
        "Some values are lost and read as 0 or full, like salt and pepper.",
        "share {:g} of the values", _each(0.01, 0.02, 0.03, 0.05, 0.07), impulse_noise,
    ),
    Corruption(
        "gaussian-blur", "Gaussian blur",
        "Every pixel is mixed with its neighbours, as out of focus.",
        "sigma {:g} pixels", _each(0.4, 0.6, 0.7, 0.8, 1), gaussian_blur,
    ),
    Corruption(
        "fog", "Fog",
        "A cloud of random shape lies over the picture and takes its contrast.",
        "thickness {:g}, smoothness {:g}", _each((0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)), fog,
    ),
    Corruption(
        "brightness", "Brightness",
        "Everything becomes lighter; hue and saturation stay.",
        "value + {:g}", _each(0.05, 0.1, 0.15, 0.2, 0.3), brightness,
    ),
    Corruption(
        "contrast", "Contrast",
        "All colours move towards the picture's mean, as through a dirty window.",
        "factor {:g}", _each(0.75, 0.5, 0.4, 0.3, 0.15), contrast,
    ),
    Corruption(
        "jpeg", "JPEG",
        "The picture is saved as a JPEG file of low quality and read again.",
        "quality {:g}", _each(80, 65, 58, 50, 40), jpeg,
    ),
    Corruption(
        "pixelate", "Pixelate",
        "The picture is made smaller, and large again in squares.",
        "side × {:g}", _each(0.95, 0.9, 0.85, 0.75, 0.65), pixelate,
    ),
)  # fmt: skip

CATALOGUE: dict[str, Corruption] = {entry.name: entry for entry in _ENTRIES}
