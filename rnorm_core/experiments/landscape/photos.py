"""The 20 samples, each attacked by itself as the player shows it: which network is still right, at every size?"""

from dataclasses import dataclass

import torch
from torch import Tensor

from rnorm_core import data
from rnorm_core.experiments.landscape import types
from rnorm_core.experiments.landscape.measure import measure
from rnorm_core.experiments.landscape.types import SIZES
from rnorm_core.progress import Progress, silent
from rnorm_core.zoo import Variant

# Beginning of a sample's id, by data set: a ship and a lion, which RobustNorm and not BatchNorm recognises at 1/255.
FIRST = {"cifar10": "5b92a8aa", "cifar100": "edf629d7"}


@dataclass(frozen=True)
class Request:
    """Everything the result depends on: PGD on each sample of `dataset`, for each network. sizes_255: k of k/255."""

    variants: tuple[Variant, ...]
    dataset: str
    sizes_255: tuple[float, ...] = SIZES["linf"]
    steps: int | None = None
    seed: int = 0
    device: str = "cpu"


@dataclass(frozen=True, eq=False)
class Result:
    """right: bool (V, E, N), whether network v still recognises sample n after the attack of size e."""

    request: Request
    right: Tensor

    def at(self, size: float) -> Tensor:
        """Bool (V, N) at a size, k of k/255."""
        return self.right[:, self.request.sizes_255.index(size)]


def run(request: Request, progress: Progress = silent) -> Result:
    """Attacks the samples one after the other. UserError as from `zoo.load`."""
    samples, models = data.samples(request.dataset), [variant.load(request.device) for variant in request.variants]
    right = []
    for i in range(len(samples)):
        progress(i / len(samples), f"Photo {i + 1} of {len(samples)}")
        photo = samples.select([i])
        attack = types.Request(
            request.variants, ids=photo.ids, labels=tuple(photo.labels.tolist()), sizes_255=request.sizes_255,
            steps=request.steps, seed=request.seed, device=request.device,
        )  # fmt: skip
        networks = measure(attack, models, photo).by_image[0]
        right.append(torch.stack([each.probabilities[:, -1].argmax(-1) == each.label for each in networks]))
    return Result(request, torch.stack(right, -1))
