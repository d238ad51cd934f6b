"""What an attack climbs: a score (N,) of the logits (N, K). The cross entropy has a type, because a graph knows it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from rnorm_core.errors import UserError

Score = Callable[[Tensor], Tensor]


def check_classes(highest: int, classes: int) -> None:
    """UserError if a model with this number of classes has no class `highest`."""
    if highest >= classes:
        raise UserError(
            f"A label or target is class {highest}, but this model has the classes 0 to {classes - 1}.",
            "Use labels and targets of the data set that the model was trained on.",
        )


@dataclass(frozen=True, eq=False)
class CrossEntropy:
    """sign times the cross entropy of classes (N,); -1 for a target, whose cross entropy an attack decreases.

    highest: the largest class, kept on the CPU so that the check never waits for a GPU.
    """

    classes: Tensor
    highest: int
    sign: float = 1.0

    def __call__(self, logits: Tensor) -> Tensor:
        check_classes(self.highest, logits.shape[1])
        loss = F.cross_entropy(logits, self.classes, reduction="none")
        return loss if self.sign == 1 else self.sign * loss
