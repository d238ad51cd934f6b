"""Training recipes as data: every number that shapes a model, so that its card can say them all."""

import math
from dataclasses import dataclass, replace
from typing import Any

PRECISIONS = ("bf16", "fp32")


@dataclass(frozen=True)
class Recipe:
    """SGD with momentum on randomly cropped and flipped images, clean or adversarial.

    schedule  "one-cycle": learning rate from 0 up to `peak_lr` over the share `warmup` of all steps, then down to 0.
              "steps": `peak_lr`, a tenth of it from each epoch in `milestones` on.
    Images are cropped to `crop` pixels out of the image padded by `padding`; in the first `small_epochs` epochs to
    `small_crop` pixels instead, which costs less. `clip` bounds the gradient's norm (0: no bound). precision: of
    activations, one of `PRECISIONS`; parameters are float32.

    Adversarial training, if `attack_eps_255` is not 0 (all sizes in grey levels, L-inf): images start at a uniformly
    random place up to `attack_start_255` away and take `attack_steps` steps of `attack_step_255`; if
    `attack_projected`, they are kept within `attack_eps_255` (otherwise that is only what the network is meant for).
    statistics_from: which images update the norms' running statistics: "clean", "adversarial" or "both". With norm
    "dualbn" both do, each its own branch.
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
# N-FGSM (de Jorge et al. 2022): one step from twice as far, not projected. For twice the cost of clean training it
# avoids what ends other one-step training, a network that only withstands the one step ("catastrophic overfitting").
# Fifteen epochs of one cycle are what Wong et al. (2020) take for one-step training on CIFAR-10.
ADVERSARIAL = replace(
    FAST, name="adv", epochs=15, small_epochs=9, attack_eps_255=8, attack_steps=1, attack_step_255=8,
    attack_start_255=16, attack_projected=False, statistics_from="adversarial",
)  # fmt: skip
RECIPES = {
    "fast": FAST,
    # For comparing learning rates: nothing but the norms keeps high ones in check.
    "short": replace(FAST, name="short", epochs=6, small_epochs=4, clip=0.0),
    "adv": ADVERSARIAL,
    # PGD-7 (Madry et al. 2018): eight times the cost of clean training, for a GPU.
    "adv-pgd": replace(
        ADVERSARIAL, name="adv-pgd", attack_steps=7, attack_step_255=2, attack_start_255=8, attack_projected=True
    ),
    # The schedule of the paper's authors: SGD, 164 epochs, a tenth at 80 and 120. In full precision.
    "paper": Recipe(
        name="paper", epochs=164, peak_lr=0.1, schedule="steps", weight_decay=1e-4, milestones=(80, 120),
        precision="fp32",
    ),
}  # fmt: skip


def recipe(name: str, norm: str, **changes: Any) -> Recipe:
    """The recipe `name` for a network with this norm, with `changes` on top. Raises KeyError for an unknown name.

    With other `epochs` its phases (small crops, milestones) keep their shares of the whole.
    """
    chosen = RECIPES[name]
    if epochs := changes.get("epochs"):
        share = epochs / chosen.epochs
        changes = {
            "small_epochs": round(share * chosen.small_epochs),
            "milestones": tuple(round(share * m) for m in chosen.milestones),
        } | changes
    if chosen.clip and norm == "none":
        # Without norm layers to bound the activations, gradients are clipped harder and weights decayed less.
        chosen = replace(chosen, weight_decay=1e-4, clip=1.0)
    if norm == "dualbn" and chosen.attack_eps_255:
        chosen = replace(chosen, statistics_from="both")
    return replace(chosen, **changes)
