"""Points of a search: which of two is the better attack, and how the better ones are kept.

Where predictions depend on the batch the images of two points cannot be mixed: what was kept would be a batch that the
model has never seen. There all images are judged together, so that all of them stay or all of them go.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from rnorm_core.attacks.attack import View


class Point(NamedTuple):
    """Images (N, 3, 32, 32), what the model says of them, and bool (N,) which of them fool it."""

    images: Tensor
    view: "View"
    fools: Tensor

    @property
    def score(self) -> Tensor:
        return self.view.score

    def take(self, index: Tensor) -> "Point":
        """Those of the images at `index`."""
        return self._map(lambda values: values[index])

    def put(self, index: Tensor, part: "Point") -> "Point":
        """With `part` in place of the images at `index`."""
        return self._map(lambda values, new: values.index_copy(0, index, new), part)

    def where(self, mask: Tensor, new: "Point") -> "Point":
        """With `new` in place of the images that bool (N,) marks."""
        return self._map(lambda old, new: torch.where(mask.view(-1, *[1] * (old.ndim - 1)), new, old), new)

    def _map(self, what: Callable[..., Tensor], *others: "Point") -> "Point":
        """`what` of each tensor and its counterparts; a gradient that one of them lacks is lacking in the result."""

        def one(*values: Tensor | None) -> Any:
            return None if any(value is None for value in values) else what(*values)

        images = one(self.images, *(other.images for other in others))
        fools = one(self.fools, *(other.fools for other in others))
        view = type(self.view)(*map(one, self.view, *(other.view for other in others)))
        return Point(images, view, fools)


def pooled(values: Tensor, joint: bool) -> Tensor:
    """(N,) as it is, or its sum in every place where images are judged together."""
    return values.sum().expand_as(values) if joint else values


def beats(fools: Tensor, fooled: Tensor, gain: Tensor, joint: bool) -> Tensor:
    """Bool (N,): it fools what was not `fooled` before or, if that is the same, its gain is above 0.

    fools, fooled: bool (N,), of the new and of the old. joint: more images are fooled, or as many with a gain in sum.
    """
    more = pooled(fools.int() - fooled.int(), joint)
    return (more > 0) | ((more == 0) & (pooled(gain, joint) > 0))
