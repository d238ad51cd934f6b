"""Two networks on the same images under one attack: all images, and those that both get right without the attack."""

from dataclasses import dataclass

from torch import Tensor

from rnorm_core.attacks import CATALOGUE
from rnorm_core.evaluation.measure.paired import Paired, paired
from rnorm_core.zoo import Variant


@dataclass(frozen=True)
class Comparison:
    """Two networks under one attack of one size, in grey levels (8 means 8/255).

    everything: on all images. fair: on the images that both get right when clean; None if there are none.
    attack: a name in the catalogue; or another for the worst case over several.
    how: a detail of the attack, "worst of 3 losses".
    """

    left: Variant
    right: Variant
    attack: str
    eps_255: float
    everything: Paired
    fair: Paired | None
    how: str = ""

    @property
    def condition(self) -> str:
        """ "PGD (L-inf) at 1/255", "Worst case (6 attacks) at 1/255"."""
        title = CATALOGUE[self.attack].title if self.attack in CATALOGUE else "Worst case"
        how = f" ({self.how})" if self.how else ""
        return f"{title}{how} at {self.eps_255:g}/255"


def compared(
    left: Variant,
    right: Variant,
    hits: tuple[Tensor, Tensor],
    clean: tuple[Tensor, Tensor],
    *,
    attack: str,
    eps_255: float,
    how: str = "",
) -> Comparison:
    """The comparison from bool (N,) of left and right: which images are right. hits: attacked. clean: not attacked."""
    both = clean[0] & clean[1]
    fair = paired(hits[0][both], hits[1][both]) if both.any() else None
    return Comparison(left, right, attack, eps_255, paired(*hits), fair, how)
