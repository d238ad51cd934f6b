"""One number of an experiment's result, as texts show it and as rules compare it."""

from dataclasses import dataclass

from torch import Tensor

from rnorm_core.evaluation import Row, wilson
from rnorm_core.evaluation.measure.paired import paired
from rnorm_core.rounding import percent, short


@dataclass(frozen=True, eq=False)
class Value:
    """A share of n images with its 95 % interval, or another number: then n is 0.

    value: a fraction, or the number. mask: bool (n,), the images that count; None where they are not known.
    images: the same for masks of the same images in the same order; "" where that is not known.
    unit: after a number, "" or for instance "/255".
    """

    value: float
    n: int = 0
    low: float = 0.0
    high: float = 0.0
    mask: Tensor | None = None
    images: str = ""
    unit: str = ""

    @classmethod
    def of_row(cls, row: Row) -> "Value":
        return cls(row.value, row.n, row.low, row.high, row.mask, row.images)

    @classmethod
    def of_mask(cls, mask: Tensor, images: str = "") -> "Value":
        """The share of images that are true in bool (n,)."""
        correct, n = int(mask.sum()), len(mask)
        return cls(correct / n, n, *wilson(correct, n), mask, images)

    @property
    def scaled(self) -> float:
        """The number as a lesson's file writes it: a share in percent."""
        return 100 * self.value if self.n else self.value

    @property
    def text(self) -> str:
        """ "22.7 %", "1/255", "0.93"; never broken into two lines."""
        text = percent(self.value) if self.n else f"{short(self.value)}{self.unit}"
        return text.replace(" ", "\N{NO-BREAK SPACE}")


def clearly_more(one: Value, other: Value) -> bool:
    """Whether the first is larger, and chance in the choice of the images hardly explains it."""
    if not (one.n and other.n):
        return one.value > other.value
    if one.mask is not None and other.mask is not None and one.images and one.images == other.images:
        return paired(one.mask, other.mask).low > 0
    return one.low > other.high
