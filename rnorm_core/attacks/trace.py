"""What an attack shows on its way (Step) and what is left of it in the end (Trace)."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True, eq=False)
class Step:
    """One moment of an attack on N images; tensors lie on the model's device.

    index:         0 is the clean image, then one per iteration, up to `total` (over all restarts).
    restart:       which restart this step belongs to, from 0.
    loss:          (N,) cross entropy, of the label (the attack makes it grow) or of the target (it makes it shrink).
    probabilities: (N, K).
    size:          (N,) length of the perturbation in the attack's norm, in pixel units (1 is from black to white).
    adversarial:   (N, 3, 32, 32), the image as it is now; never written to again.
    """

    index: int
    total: int
    restart: int
    loss: Tensor
    probabilities: Tensor
    size: Tensor
    adversarial: Tensor


@dataclass(frozen=True, eq=False)
class Trace:
    """The result of an attack on N images, with what made it; tensors lie on the CPU.

    spec:    name and every option, of plain JSON types: `attacks.make(**trace.spec)` makes the same attack again.
    ids:     the images' ids; the generator is the caller's to remember.
    labels:  (N,) the labels attacked: the model's own clean prediction where the batch does not know the label.
    targets: (N,) classes aimed at, or None.
    losses, sizes (T+1, N) and probabilities (T+1, N, K): the series from the clean image to the result. With restarts:
             of the restart that was kept. Minimum-norm attacks: two points, the clean image and the result.
    joint:   the model takes its statistics from the batch, so that the whole batch was attacked as one.
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

    @property
    def fooled(self) -> Tensor:
        """Bool (N,): the prediction is not the label or, in a targeted attack, is the target.

        An image that was misclassified before counts as fooled; one whose target is its own label never does.
        """
        return fooled(self.adversarial_probabilities, self.labels, self.targets)

    def success(self, eps: float) -> Tensor:
        """Bool (N,): fooled by a perturbation no larger than `eps`. This is how minimum-norm attacks are scored.

        Fixed-eps attacks may measure a rounding error (1e-7) more than their eps: use `fooled` for these.
        """
        return self.fooled & (self.sizes[-1] <= eps)


def fooled(probabilities: Tensor, labels: Tensor, targets: Tensor | None) -> Tensor:
    """Bool (N,) from probabilities (N, K): what `Trace.fooled` says."""
    prediction = probabilities.argmax(1)
    if targets is None:
        return prediction != labels
    return (prediction == targets) & (targets != labels)
