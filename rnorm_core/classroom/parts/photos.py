"""Photos beside a lesson's text, from the shipped result of the page Start and the samples."""

from dataclasses import dataclass

from torch import Tensor

from rnorm_core import data
from rnorm_core.classroom.parts.part import DATASET
from rnorm_core.errors import UserError
from rnorm_core.experiments import shipped
from rnorm_core.experiments.landscape import SIZES
from rnorm_core.experiments.landscape.types import LEVELS
from rnorm_core.experiments.shipped.defaults import START

SAMPLES = 8
_ATTACKED = tuple(f"{kind} {eps:g}" for kind in ("attacked", "change") for eps in SIZES["linf"] if eps)
_SAMPLES = {"samples": DATASET, "samples cifar100": "cifar100"}
WORDS = ("clean", *_SAMPLES, *_ATTACKED)  # of the numbers: k of k/255


@dataclass(frozen=True, eq=False)
class Photo:
    """image: (3, H, W) in [0, 1]."""

    image: Tensor
    caption: str


def photos(word: str) -> list[Photo]:
    """ "clean": the photo; "attacked 1": after an attack of 1/255 on BatchNorm; "change 1": the change alone, visible;
    "samples": the first samples; "samples cifar100": those of CIFAR-100. UserError where the shipped result is missing.
    """
    if word in _SAMPLES:
        batch = data.samples(_SAMPLES[word])
        return [Photo(batch.images[i], batch.classes[int(batch.labels[i])]) for i in range(SAMPLES)]
    if (result := shipped.result(START[DATASET].request())) is None:
        raise UserError("The shipped result of the page Start is missing.", "restore the folder pretrained/defaults.")
    one = result.by_image[0][0]
    if word == "clean":
        return [Photo(one.clean, "the photo")]
    kind, number = word.split(" ")
    e = one.sizes_255.index(float(number))
    change = one.changes[e, -1].float() / LEVELS  # in units of the attack's size
    if kind == "change":
        return [Photo(0.5 + 0.5 * change, "the change alone, made strong enough to see")]
    return [Photo((one.clean + float(one.scales[e]) * change).clamp(0, 1), f"attacked, {number}/255")]
