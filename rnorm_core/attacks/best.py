"""Points of a search: compares two points and keeps the better one for each image.

If predictions depend on the batch ("joint"), images of two points cannot be mixed: the model has never seen the mixed
batch. Then one decision is made for all images.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnorm_core.attacks.look import View


class Point(NamedTuple):
    """Images (N, 3, 32, 32), the model's output for them, and bool (N,): True where an image fools the model."""

    images: Tensor
    view: View
    fools: Tensor

    @property
    def score(self) -> Tensor:
        return self.view.score

    def take(self, index: Tensor) -> "Point":
        """Only the images at `index`."""
        return self._map(lambda values: values[index])

    def put(self, index: Tensor, part: "Point") -> "Point":
        """This point, with the images at `index` replaced by those of `part`."""
        return self._map(lambda values, new: values.index_copy(0, index, new), part)

    def where(self, mask: Tensor, new: "Point") -> "Point":
        """This point, with the images replaced by those of `new` where the mask (N,) is true."""
        return self._map(lambda old, new: torch.where(mask.view(-1, *[1] * (old.ndim - 1)), new, old), new)

    def _map(self, what: Callable[..., Tensor], *others: "Point") -> "Point":
        """Applies `what` to each tensor and its counterparts. If one point has no gradient, the result has none."""

        def one(*values: Tensor | None) -> Any:
            return None if any(value is None for value in values) else what(*values)

        images = one(self.images, *(other.images for other in others))
        fools = one(self.fools, *(other.fools for other in others))
        view = type(self.view)(*map(one, self.view, *(other.view for other in others)))
        return Point(images, view, fools)


def pooled(values: Tensor, joint: bool) -> Tensor:
    """Values (N,), unchanged. If `joint`, every entry is the sum of all values."""
    return values.sum().expand_as(values) if joint else values


def improves(fools: Tensor, fooled: Tensor, gain: Tensor, joint: bool) -> Tensor:
    """Bool (N,): True where the new point is better than the old one.

    The new point is better if only the new one fools the model, or if both or neither fool it and the gain is above 0.
    If `joint`, it is better for all images if it fools more images, or equally many with a positive total gain.

    fools, fooled: bool (N,), the images that fool the model at the new and at the old point. gain: (N,), the new score
    minus the old score.
    """
    more = pooled(fools.int() - fooled.int(), joint)
    return (more > 0) | ((more == 0) & (pooled(gain, joint) > 0))
