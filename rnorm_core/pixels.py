"""Images with 8 bits per channel, as in files and on screens, pictures of perturbations, and their units."""

import math

import torch
from torch import Tensor

# The paper (arXiv 2006.11007) gives eps for pixels that are divided by their standard deviation. Its authors' code
# takes about 0.2 for it; CIFAR-10's is about 0.25.
PAPER_STD, OWN_STD = 0.2, 0.25


def paper_units(eps_255: float) -> float:
    """eps in the paper's unit, from eps in grey levels (1 means 1/255)."""
    return eps_255 / 255 / PAPER_STD


def eight_bit(images: Tensor) -> Tensor:
    """uint8 (..., H, W, 3) on the CPU from floats (..., 3, H, W) in [0, 1]: round(255 x), halves to the even level.

    ValueError for another shape, values outside [0, 1] or NaN.
    """
    if images.ndim < 3 or images.shape[-3] != 3:
        raise ValueError(f"expected images (..., 3, H, W), got {tuple(images.shape)}")
    if not bool(((images >= 0) & (images <= 1)).all()):
        low, high = images.min().item(), images.max().item()
        raise ValueError(f"expected values in [0, 1], got {low} to {high}")
    # Float32 first: 255 x in bfloat16 would lose levels.
    return images.detach().float().cpu().mul(255).round().to(torch.uint8).movedim(-3, -1).contiguous()


def after_png(images: Tensor) -> Tensor:
    """Images (..., 3, H, W) in [0, 1] after saving as 8-bit PNGs: float32, round(255 x) / 255, on the same device."""
    return eight_bit(images).movedim(-1, -3).contiguous().float().div(255).to(images.device)


def magnification(*perturbations: Tensor) -> int:
    """The largest of 1, 2, 5, 10, 20, 50, ... that keeps all perturbations in [-0.5, 0.5]; 1 if all are zero.

    Pictures that are compared get one common factor.
    """
    largest = max(p.detach().abs().max().item() for p in perturbations)
    if largest == 0:
        return 1
    room = 0.505 / largest  # 2 x 64/255 is 0.502: clipping a hundredth of the range is better than a factor of 1
    decade = 10 ** max(0, math.floor(math.log10(room)))
    return max(k * decade for k in (1, 2, 5) if k * decade <= max(room, 1))


def magnified(perturbation: Tensor, factor: float) -> Tensor:
    """An image (..., 3, H, W) in [0, 1]: grey 0.5 + factor * perturbation, clipped. Grey means "unchanged"."""
    return (0.5 + factor * perturbation.detach().float()).clamp(0, 1)
