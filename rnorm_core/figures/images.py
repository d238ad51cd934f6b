"""Tensors -> arrays a page can show."""

import numpy as np
from torch import Tensor

from rnorm_core import pixels


def to_display(image: Tensor, scale: int = 6) -> np.ndarray:
    """uint8 (scale H, scale W, 3) from one image (3, H, W) in [0, 1]: every pixel a square, nothing smoothed."""
    return pixels.eight_bit(image).numpy().repeat(scale, 0).repeat(scale, 1)


def magnified(perturbation: Tensor, factor: float, scale: int = 6) -> tuple[np.ndarray, str]:
    """A perturbation (3, H, W) around grey, `factor` times as strong, for display; and the caption that says so."""
    return to_display(pixels.magnified(perturbation, factor), scale), f"perturbation × {factor:g} (grey: unchanged)"
