"""What a landscape is, and what it depends on."""

from dataclasses import KW_ONLY, dataclass

from torch import Tensor

from rnorm_core import attacks
from rnorm_core.attacks import Attack
from rnorm_core.zoo import Variant

SIZES: dict[str, tuple[float, ...]] = {  # k of k/255, by the norm of the attack
    "linf": (0, 0.25, 0.5, 1, 2, 4, 8, 16),  # a file with 8 bits keeps nothing below 0.5; papers use 8
    "l2": (0, 8, 16, 32, 64, 128, 255),
}
SHORT = 500  # passes of one image through one network, forwards and backwards
LEVELS = 120  # a change of the whole attack size; a multiple of PGD's usual step of an eighth


@dataclass(frozen=True)
class Request:
    """Everything the landscape depends on; equal requests are one computation.

    variants:  one to three networks. ids, labels: of the batch; a label is -1 where unknown.
    index:     the image of the batch that is shown; the others only decide its random start. None: the whole batch is
               attacked as one, as in the modes that look at the batch, and every image has a landscape.
    attack:    a name of `attacks.CATALOGUE`. steps: None for the usual number. target: a class; None: any wrong one.
    sizes_255: k of k/255, rising; one if index is None; () for an attack that takes no eps.
    craft:     the position of the network that is attacked while the others are only shown its images; None: each
               network has an attack of its own.
    """

    variants: tuple[Variant, ...]
    _: KW_ONLY
    ids: tuple[str, ...]
    labels: tuple[int, ...]
    index: int | None = 0
    attack: str = "pgd"
    sizes_255: tuple[float, ...] = SIZES["linf"]
    steps: int | None = None
    target: int | None = None
    craft: int | None = None
    seed: int = 0
    device: str = "cpu"

    @property
    def images(self) -> list[int]:
        """The positions in the batch of the images that have a landscape."""
        return list(range(len(self.ids))) if self.index is None else [self.index]

    @property
    def is_short(self) -> bool:
        """Whether it takes a second of a core or less with a network such as ResNet-20."""
        steps = self.steps or attacks.CATALOGUE[self.attack].default_steps
        return len(self.variants) * len(self.images) * max(1, len(self.sizes_255)) * steps <= SHORT

    def make_attack(self, eps: float | None, images: int) -> Attack:
        """The attack on so many images; eps in pixel units."""
        targets = None if self.target is None else [self.target] * images
        return attacks.make(self.attack, eps, self.steps, targets=targets)


@dataclass(frozen=True, eq=False)
class Landscape:
    """One network and one image, at E sizes and T + 1 steps (step 0 is the clean image).

    sizes_255:     k of k/255 of each size; () for an attack without eps, where E is 1.
    clean:         (3, H, W) in [0, 1]. label: the attacked class. target: a class, or None.
    changes:       int8 (E, T+1, 3, H, W), the difference from the clean image in units of scales / LEVELS.
    scales:        (E,) in pixel units: eps (L-inf), otherwise the largest change of a colour value.
    probabilities: (E, T+1, K).
    lengths:       (E, T+1, 4) the size of the change: L-inf and L2 in pixel units, then both after division by each
                   channel's standard deviation.
    saved:         (E, K) probabilities after the last image is saved as an 8-bit PNG file.
    crafted_here:  whether the attack was crafted for this network.
    """

    variant: Variant
    sizes_255: tuple[float, ...]
    clean: Tensor
    label: int
    target: int | None
    changes: Tensor
    scales: Tensor
    probabilities: Tensor
    lengths: Tensor
    saved: Tensor
    crafted_here: bool


@dataclass(frozen=True, eq=False)
class Result:
    """The landscapes of a request: image -> one for each network. While it is not finished, sizes are missing."""

    request: Request
    by_image: dict[int, tuple[Landscape, ...]]
    finished: bool = True
