"""Forward passes and gradients of a network, in its fastest form.

`passes(model)` gives the passes of one attack. `Eager` runs torch, and is the reference. A constant network with
tracked norms is folded first (`constant`, `folding`).
"""

from torch import nn

from rnorm_core.engine.constant import fingerprint
from rnorm_core.engine.eager import Ascent, Eager
from rnorm_core.engine.folding import folded
from rnorm_core.engine.scores import CrossEntropy, Score, check_classes

__all__ = ["Ascent", "CrossEntropy", "Eager", "Score", "check_classes", "fingerprint", "passes"]


def passes(model: nn.Module) -> Eager:
    """The passes of `model`, for one attack during which the model does not change."""
    key = fingerprint(model)
    return Eager(model if key is None else folded(model, key))
