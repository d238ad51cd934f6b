"""The images and classes that are attacked (Aim), and the losses that APGD and Square increase.

A loss gives scores (N,) of logits z (N, K). A larger score is a better attack.

    name     untargeted                                   targeted at class t
    ce       cross entropy of the label y                 minus the cross entropy of t
    margin   max_{k != y} z_k - z_y                       z_t - max_{k != t} z_k
    dlr      (max_{k != y} z_k - z_y) / (z_1 - z_3)       (z_t - z_y) / (z_1 - (z_3 + z_4) / 2)

with z_1 >= z_2 >= ... the sorted logits. The gradient of the cross entropy vanishes if a model is very sure, or if all
its logits are multiplied by a large number. The difference of logits ratio (dlr) does not change if all logits are
multiplied by one number. Margin and untargeted dlr are above 0 exactly if the model is fooled. Source: Croce & Hein
2020, arXiv 2003.01690, equations 6 and 7.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import Tensor
from torch.nn import functional as F

from rnorm_core.attacks.trace import fooled
from rnorm_core.errors import UserError

TINY = 1e-12  # keeps the ratio finite if the largest logits are equal


@dataclass(frozen=True, eq=False)
class Aim:
    """The images (N, 3, 32, 32) to attack, on the model's device and in its precision, with labels and targets (N,).

    highest: the largest class, kept on the CPU so that the check never waits for a GPU. engine: see `Trace`.
    """

    clean: Tensor
    labels: Tensor
    targets: Tensor | None
    highest: int
    engine: str = "eager"

    @property
    def classes(self) -> Tensor:
        """(N,) the classes of the cross entropy, which is increased (labels) or decreased (targets)."""
        return self.labels if self.targets is None else self.targets

    @property
    def sign(self) -> float:
        return 1.0 if self.targets is None else -1.0

    def fooled(self, probabilities: Tensor) -> Tensor:
        """Bool (N,) from probabilities (N, K): True where an image is fooled, as in `Trace.fooled`."""
        return fooled(probabilities, self.labels, self.targets)

    def select(self, index: Tensor) -> "Aim":
        targets = None if self.targets is None else self.targets[index]
        return replace(self, clean=self.clean[index], labels=self.labels[index], targets=targets)


def ce(logits: Tensor, aim: Aim) -> Tensor:
    return aim.sign * F.cross_entropy(logits, aim.classes, reduction="none")


def margin(logits: Tensor, aim: Aim) -> Tensor:
    return aim.sign * (_largest_other(logits, aim.classes) - _of(logits, aim.classes))


def dlr(logits: Tensor, aim: Aim) -> Tensor:
    """The score "dlr", (N,), of logits (N, K). UserError for a model with fewer than 3 classes, or 4 if targeted."""
    needed = 3 if aim.targets is None else 4
    if logits.shape[1] < needed:
        raise UserError(
            f"The DLR loss compares {needed} classes, but this model has only {logits.shape[1]}.",
            'Use loss="margin" or loss="ce".',
        )
    top = logits.topk(needed).values
    own = _of(logits, aim.labels)
    if aim.targets is None:
        return (_largest_other(logits, aim.labels) - own) / (top[:, 0] - top[:, 2] + TINY)
    return (_of(logits, aim.targets) - own) / (top[:, 0] - (top[:, 2] + top[:, 3]) / 2 + TINY)


LOSSES: dict[str, Callable[[Tensor, Aim], Tensor]] = {"ce": ce, "dlr": dlr, "margin": margin}


def _of(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.gather(1, classes[:, None])[:, 0]


def _largest_other(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.scatter(1, classes[:, None], float("-inf")).amax(1)
