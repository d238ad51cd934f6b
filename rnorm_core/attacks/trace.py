"""One step of an attack (Step) and its result (Trace)."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Step:
    """One step of an attack on N images; tensors are on the model's device.

    index:         0 is the clean image, then one per iteration, up to `total` (over all restarts).
    restart:       which restart this step belongs to, from 0.
    loss:          (N,) cross entropy, of the label (the attack increases it) or of the target (it decreases it).
    probabilities: (N, K).
    size:          (N,) length of the perturbation in the attack's norm, in pixel units (1 is from black to white).
    adversarial:   (N, 3, 32, 32), the images at this step; the tensor is not changed later.
    engine:        what computes the passes, see `rnorm_core.engine`.
    """

    index: int
    total: int
    restart: int
    loss: Tensor
    probabilities: Tensor
    size: Tensor
    adversarial: Tensor
    engine: str = "eager"


@dataclass(frozen=True, eq=False)
class Trace:
    """The result of an attack on N images, with everything that made it; tensors are on the CPU.

    spec:    name and every option, of plain JSON types: `attacks.make(**trace.spec)` makes the same attack again.
    ids:     the images' ids. The generator's seed is not recorded here.
    labels:  (N,) the attacked labels: the model's own clean prediction if the batch has no label.
    targets: (N,) target classes, or None.
    losses, sizes (T+1, N) and probabilities (T+1, N, K): the series from the clean image to the result. With restarts:
             of the restart that was kept. Minimum-norm attacks: two points, the clean image and the result.
    joint:   the model takes its statistics from the batch, so the whole batch was attacked as one.
    engine:  what computed the passes, see `rnorm_core.engine`: two engines round sums differently.
    """

    spec: dict[str, Any]
    model: str
    statistics: str
    weight_hash: str
    ids: tuple[str, ...]
    clean: Tensor
    adversarial: Tensor
    labels: Tensor
    targets: Tensor | None
    clean_probabilities: Tensor
    adversarial_probabilities: Tensor
    losses: Tensor
    probabilities: Tensor
    sizes: Tensor
    joint: bool
    engine: str = "eager"

    @property
    def fooled(self) -> Tensor:
        """Bool (N,): the prediction is not the label or, in a targeted attack, is the target.

        An image that was misclassified before the attack counts as fooled. An image with its own label as target never
        does.
        """
        return fooled(self.adversarial_probabilities, self.labels, self.targets)

    @property
    def right(self) -> Tensor:
        """Bool (N,): the prediction after the attack is the label."""
        return self.adversarial_probabilities.argmax(1) == self.labels

    @property
    def right_before(self) -> Tensor:
        """Bool (N,): the prediction without the attack is the label."""
        return self.clean_probabilities.argmax(1) == self.labels

    def success(self, eps: float) -> Tensor:
        """Bool (N,): True where a perturbation of at most `eps` pixel units fools the model. For minimum-norm attacks.

        For fixed-eps attacks use `fooled`: their size may exceed eps by a rounding error (1e-7).
        """
        return self.fooled & (self.sizes[-1] <= eps)


def fooled(probabilities: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor:
    """Bool (N,) from probabilities (N, K), as in `Trace.fooled`."""
    prediction = probabilities.argmax(1)
    if targets is None:
        return prediction != labels
    return (prediction == targets) & (targets != labels)
