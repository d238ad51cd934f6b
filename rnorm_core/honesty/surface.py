"""The loss around one image, in the plane of two directions: what an attacker sees who stands there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from rnorm_core.attacks import statistics_of
from rnorm_core.errors import UserError
from rnorm_core.norms import looks_at_batch

POINTS = 128  # looked at together


@dataclass(frozen=True, eq=False)
class Surface:
    """What a model says of clip(image + eps (a g + b r)) over a grid; tensors lie on the CPU.

    grid:       (G,) values of a and of b; 1 is one eps. All tables are (a, b): the row moves along the gradient.
    loss:       (G, G) cross entropy of the label. margin: (G, G) largest other logit minus the label's, above 0 where
                the model is fooled. predicted: (G, G) class.
    directions: (2, 3, 32, 32) g, the sign of the loss's gradient at the image, and r, random signs.
    gradient:   L2 length of that gradient; where it is 0, so is g, and the table does not change from row to row.
    eps:        in pixel units. company: how many other images stood beside it in the batch.
    """

    grid: Tensor
    loss: Tensor
    margin: Tensor
    predicted: Tensor
    directions: Tensor
    gradient: float
    label: int
    eps: float
    company: int
    model: str
    statistics: str
    weight_hash: str


def even(points: int = 21, reach: float = 1.5) -> tuple[float, ...]:
    """A grid from -reach to reach with exactly 0, the image itself, in the middle; UserError if it has no middle."""
    if points < 3 or points % 2 == 0:
        raise UserError(f"A grid of {points} points has no middle.", "Choose an odd number of at least 3.")
    half = points // 2
    return tuple(reach * k / half for k in range(-half, half + 1))


def surface(
    model: nn.Module,
    image: Tensor,
    label: int,
    eps: float,
    grid: Sequence[float],
    generator: Generator,
    *,
    company: Tensor | None = None,
    on_progress: Callable[[float], object] | None = None,
) -> Surface:
    """Looks at `image` (3, 32, 32) in [0, 1] at every pair of `grid`, in units of eps; images never leave [0, 1].

    company: (B, 3, 32, 32) images that stand beside it, unchanged, every time it is looked at: needed where
    predictions depend on the batch, since otherwise the points of the grid would be each other's neighbours.
    The random direction comes from `generator` alone: the same seed gives two models the same.
    on_progress(fraction) is called as points are done and may raise to stop. UserError where things do not fit.
    """
    if company is None and looks_at_batch(statistics_of(model)):
        raise UserError("This model's answer depends on the batch.", "Say which images stand beside the one.")
    if not (image.ndim == 3 and image.min() >= 0 and image.max() <= 1):
        raise UserError("A loss surface is one of an image with pixels in [0, 1].", "Give (3, 32, 32) in [0, 1].")
    if not len(grid) or eps <= 0:
        raise UserError("A loss surface needs points and a size.", "Give a grid with values and eps above 0.")
    place = next(model.parameters(), image)
    image = image.to(place.device, place.dtype)
    beside = image.new_empty(0, *image.shape) if company is None else company.to(image)
    answer = torch.tensor(label, device=image.device)

    x = image.clone().requires_grad_()
    with torch.enable_grad():
        logits = model(torch.cat([x[None], beside]))[0]
        if not 0 <= label < len(logits):
            raise UserError(f"This model knows no class {label}.", f"Use 0 to {len(logits) - 1}.")
        gradient = torch.autograd.grad(F.cross_entropy(logits, answer), x)[0]
    random = 2 * torch.randint(0, 2, image.shape, generator=generator, device=generator.device) - 1
    g, r = gradient.sign(), random.to(image)

    steps = torch.tensor(list(grid), dtype=image.dtype, device=image.device)
    places = torch.cartesian_prod(steps, steps).view(-1, 2)
    found = []
    with torch.inference_mode():
        for part in places.split(POINTS if company is None else 1):
            a, b = (part[:, k].view(-1, 1, 1, 1) for k in (0, 1))
            points = (image + eps * (a * g + b * r)).clamp(0, 1)
            found.append(model(torch.cat([points, beside]))[: len(points)])
            if on_progress:
                on_progress(sum(map(len, found)) / len(places))
    logits, shape = torch.cat(found).cpu(), (len(steps), len(steps))
    labels = torch.full((len(logits),), label)
    others = logits.scatter(1, labels[:, None], float("-inf")).amax(1)
    return Surface(
        steps.cpu(), F.cross_entropy(logits, labels, reduction="none").view(shape),
        (others - logits[:, label]).view(shape), logits.argmax(1).view(shape), torch.stack([g, r]).cpu(),
        float(torch.linalg.vector_norm(gradient)), label, eps, len(beside), getattr(model, "name", "unnamed"),
        statistics_of(model), getattr(model, "weight_hash", ""),
    )  # fmt: skip
