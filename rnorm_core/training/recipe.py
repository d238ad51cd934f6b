"""Training recipes as data: all hyper-parameters of a training, so that a model's card can hold them."""

import math
from dataclasses import dataclass, replace
from typing import Any

PRECISIONS = ("bf16", "fp32")


@dataclass(frozen=True)
class Recipe:
    """SGD with momentum on randomly cropped and flipped images, clean or adversarial.

    schedule  "one-cycle": learning rate from 0 up to `peak_lr` over the share `warmup` of all steps, then down to 0.
              "steps": learning rate `peak_lr`, divided by 10 at each epoch in `milestones`.
    Images are padded by `padding` pixels and cropped to `crop` pixels. In the first `small_epochs` epochs they are
    cropped to `small_crop` pixels instead, which costs less. clip: the largest norm of the gradient (0: no limit).
    precision: of activations, one of `PRECISIONS`; parameters are float32.

    Adversarial training, if `attack_eps_255` is not 0 (all sizes in grey levels, L-inf): the attack starts at a
    uniformly random point up to `attack_start_255` away and takes `attack_steps` steps of `attack_step_255`. If
    `attack_projected`, the images stay within `attack_eps_255`. Otherwise `attack_eps_255` is only the size against
    which the network should be robust.
    statistics_from: which images update the norms' running statistics: "clean", "adversarial" or "both". With norm
    "dualbn" both kinds do, each in its own branch.
    """

    name: str
    epochs: int
    peak_lr: float
    schedule: str
    weight_decay: float
    batch_size: int = 128
    momentum: float = 0.9
    nesterov: bool = False
    warmup: float = 0.0
    milestones: tuple[int, ...] = ()
    label_smoothing: float = 0.0
    padding: int = 4
    crop: int = 32
    small_crop: int = 32
    small_epochs: int = 0
    flip: bool = True
    clip: float = 0.0
    precision: str = "bf16"
    attack_eps_255: float = 0.0
    attack_steps: int = 0
    attack_step_255: float = 0.0
    attack_start_255: float = 0.0
    attack_projected: bool = True
    statistics_from: str = "clean"

    def crop_in(self, epoch: int) -> int:
        """Side of the images of this epoch (counted from 0), in pixels."""
        return self.small_crop if epoch < self.small_epochs else self.crop

    def lr_at(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate of optimizer step `step`, counted from 0 over the whole training."""
        if self.schedule == "steps":
            return self.peak_lr * 0.1 ** sum(step // steps_per_epoch >= m for m in self.milestones)
        total = self.epochs * steps_per_epoch
        rise = max(1, math.ceil(self.warmup * total))
        return self.peak_lr * min((step + 1) / rise, (total - step) / max(1, total - rise))


# For two CPU cores: one cycle, small crops while the learning rate is high.
FAST = Recipe(
    name="fast", epochs=44, peak_lr=0.2, schedule="one-cycle", weight_decay=5e-4, nesterov=True, warmup=0.2,
    small_crop=24, small_epochs=28, clip=5.0,
)  # fmt: skip
# N-FGSM (de Jorge et al. 2022): one step from a start twice as far away, not projected. It costs twice as much as clean
# training and avoids "catastrophic overfitting": after other one-step training a network may be robust only against
# that one step. Wong et al. (2020) use fifteen epochs of one cycle for one-step training on CIFAR-10.
ADVERSARIAL = replace(
    FAST, name="adv", epochs=15, small_epochs=9, attack_eps_255=8, attack_steps=1, attack_step_255=8,
    attack_start_255=16, attack_projected=False, statistics_from="adversarial",
)  # fmt: skip
RECIPES = {
    "fast": FAST,
    # For comparing learning rates: without clipping, only the norms limit the effect of a high rate.
    "short": replace(FAST, name="short", epochs=6, small_epochs=4, clip=0.0),
    "adv": ADVERSARIAL,
    # PGD-7 (Madry et al. 2018): eight times the cost of clean training, for a GPU.
    "adv-pgd": replace(
        ADVERSARIAL, name="adv-pgd", attack_steps=7, attack_step_255=2, attack_start_255=8, attack_projected=True
    ),
    # The schedule of the paper's authors: SGD, 164 epochs, the rate is divided by 10 at epochs 80 and 120. In float32.
    "paper": Recipe(
        name="paper", epochs=164, peak_lr=0.1, schedule="steps", weight_decay=1e-4, milestones=(80, 120),
        precision="fp32",
    ),
}  # fmt: skip


def recipe(name: str, norm: str, **changes: Any) -> Recipe:
    """The recipe `name` for a network with this norm, with these `changes`. KeyError for an unknown name.

    If `epochs` changes, the phases (small crops, milestones) keep their shares of the training.
    """
    chosen = RECIPES[name]
    if epochs := changes.get("epochs"):
        share = epochs / chosen.epochs
        changes = {
            "small_epochs": round(share * chosen.small_epochs),
            "milestones": tuple(round(share * m) for m in chosen.milestones),
        } | changes
    if chosen.clip and norm == "none":
        # No norm layers limit the activations, so gradients are clipped more and weights decay less.
        chosen = replace(chosen, weight_decay=1e-4, clip=1.0)
    if norm == "dualbn" and chosen.attack_eps_255:
        chosen = replace(chosen, statistics_from="both")
    return replace(chosen, **changes)
