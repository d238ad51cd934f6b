"""The loss around one image, in the plane of two directions: along the sign of the gradient, and at random."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from rnorm_core.attacks import statistics_of
from rnorm_core.errors import UserError
from rnorm_core.norms import looks_at_batch
from rnorm_core.progress import Progress, silent

POINTS = 128  # points of the plane in one batch


@dataclass(frozen=True, eq=False)
class Surface:
    """A model's loss and predictions at clip(image + eps (a g + b r)) over a grid of a and b; tensors are on the CPU.

    grid:       (G,) values of a and of b; 1 is one eps. Tables are indexed [a, b]: a row is one step along g.
    loss:       (G, G) cross entropy of the label.
    margin:     (G, G) largest other logit minus the label's logit: above 0 where the model is fooled.
    predicted:  (G, G) class.
    directions: (2, 3, 32, 32): g, the sign of the loss gradient at the image, and r, random signs.
    gradient:   L2 norm of that gradient; where it is 0, g is 0 and all rows are equal.
    eps:        in pixel units.
    others:     number of other images in the batch.
    """

    grid: Tensor
    loss: Tensor
    margin: Tensor
    predicted: Tensor
    directions: Tensor
    gradient: float
    label: int
    eps: float
    others: int
    model: str
    statistics: str
    weight_hash: str


def even(points: int = 21, reach: float = 1.5) -> tuple[float, ...]:
    """`points` values from -reach to reach, the middle one exactly 0; UserError if there is no middle one."""
    if points < 3 or points % 2 == 0:
        raise UserError(
            f"A grid of {points} points has no middle point.", "Choose an odd number of points, at least 3."
        )
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
    others: Tensor | None = None,
    progress: Progress = silent,
) -> Surface:
    """The loss at every pair of `grid` around `image` (3, 32, 32); pixels never leave [0, 1].

    label: the image's class. eps: in pixel units. grid: values of a and of b, see `Surface`.
    others: (B, 3, 32, 32) images that are in the same batch as each point, unchanged. Needed if predictions depend on
    the batch: otherwise the points of the grid would change each other's predictions.
    The random direction depends on `generator` alone, so two models with equal seeds have the same direction. UserError
    if model, image, label, grid or eps do not fit together.
    """
    if others is None and looks_at_batch(statistics_of(model)):
        raise UserError(
            "This model's prediction depends on the batch.", "Give the other images of the batch as `others`."
        )
    if not (image.ndim == 3 and image.min() >= 0 and image.max() <= 1):
        raise UserError("A loss surface needs one image with pixels in [0, 1].", "Give a tensor (3, 32, 32) in [0, 1].")
    if not len(grid) or eps <= 0:
        raise UserError(
            "A loss surface needs grid points and a size eps.", "Give a grid that is not empty, and an eps above 0."
        )
    place = next(model.parameters(), image)
    image = image.to(place.device, place.dtype)
    rest = image.new_empty(0, *image.shape) if others is None else others.to(image)
    target = torch.tensor(label, device=image.device)

    x = image.clone().requires_grad_()
    with torch.enable_grad():
        logits = model(torch.cat([x[None], rest]))[0]
        if not 0 <= label < len(logits):
            raise UserError(f"This model has no class {label}.", f"Use 0 to {len(logits) - 1}.")
        gradient = torch.autograd.grad(F.cross_entropy(logits, target), x)[0]
    random = 2 * torch.randint(0, 2, image.shape, generator=generator, device=generator.device) - 1
    g, r = gradient.sign(), random.to(image)

    steps = torch.tensor(list(grid), dtype=image.dtype, device=image.device)
    places = torch.cartesian_prod(steps, steps).view(-1, 2)
    outputs = []
    with torch.inference_mode():
        for part in places.split(POINTS if others is None else 1):
            a, b = (part[:, k].view(-1, 1, 1, 1) for k in (0, 1))
            points = (image + eps * (a * g + b * r)).clamp(0, 1)
            outputs.append(model(torch.cat([points, rest]))[: len(points)])
            progress(sum(map(len, outputs)) / len(places), "the loss around the image")
    logits, shape = torch.cat(outputs).cpu(), (len(steps), len(steps))
    labels = torch.full((len(logits),), label)
    other_logits = logits.scatter(1, labels[:, None], float("-inf")).amax(1)
    return Surface(
        steps.cpu(), F.cross_entropy(logits, labels, reduction="none").view(shape),
        (other_logits - logits[:, label]).view(shape), logits.argmax(1).view(shape), torch.stack([g, r]).cpu(),
        float(torch.linalg.vector_norm(gradient)), label, eps, len(rest), getattr(model, "name", "unnamed"),
        statistics_of(model), getattr(model, "weight_hash", ""),
    )  # fmt: skip
