"""Forward passes and gradients of a network, in its fastest form.

`passes(model, count)` gives the passes of one attack on `count` images. `Eager` runs torch, and is the reference. A
constant network (`constant`) with tracked norms is folded first (`folding`). If OpenVINO is installed, ResNets in
float32 on the CPU get a graph of their passes (`graph`), compiled beside the first attack (`compiled`). The environment
variable ROBUSTNORM_ENGINE=eager forbids graphs: then equal attacks are equal to the last bit.
"""

import os

from torch import nn

from rnorm_core.engine import folding
from rnorm_core.engine.compiled import Pool
from rnorm_core.engine.constant import fingerprint
from rnorm_core.engine.eager import Ascent, Eager
from rnorm_core.engine.folding import folded
from rnorm_core.engine.scores import CrossEntropy, Score, check_classes

__all__ = ["Ascent", "CrossEntropy", "Eager", "Score", "check_classes", "fingerprint", "forget", "passes", "prepare"]

POOL = Pool()


def passes(model: nn.Module, count: int | None = None) -> Eager:
    """The passes of `model` for one attack, during which the model does not change.

    count: the number of images, if the attack wants gradients of the cross entropy; only for them is there a graph.
    """
    key = fingerprint(model)
    if key is None:
        return Eager(model)
    network = folded(model, key)
    return Eager(network, splits=True) if count is None or not _compiles() else POOL.passes(network, key, count)


def prepare(model: nn.Module, count: int) -> None:
    """Compiles the graph for batches of `count` images, if there can be one, so that even the first attack uses it.

    For long work whose results must not depend on the moment at which a graph is ready.
    """
    key = fingerprint(model)
    if key is not None and _compiles():
        POOL.prepare(folded(model, key), key, count)


def forget(model: nn.Module) -> None:
    """Drops what is kept of a network that is to be gone."""
    key = fingerprint(model)
    if key is not None:
        folding.forget(key)
        POOL.forget(key)


def _compiles() -> bool:
    return os.environ.get("ROBUSTNORM_ENGINE", "") != "eager"
