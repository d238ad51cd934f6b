"""The inputs of one channel of a norm layer for a clean batch, and with one or all of its images attacked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from torch import Tensor

from rnorm_core import evaluation
from rnorm_core.data import Batch, ImageChoice
from rnorm_core.evaluation.measure import channel_values
from rnorm_core.evaluation.measure.channel_values import Channel
from rnorm_core.evaluation.tables.laboratories import pgd
from rnorm_core.experiments import shift_reference
from rnorm_core.progress import Parts, Progress, silent
from rnorm_core.zoo import Variant

SCALED = ("bn", "rn", "dualbn")  # norms that divide by the standard deviation or the range of a whole batch
EPS_255 = (0.25, 0.5, 1, 1.5, 2, 4, 8)  # k of k/255
SIZES = (8, 20, 128)  # images in a batch
FIRST = 5  # number, from 0, of the layer shown first: its values have many different sizes
NONE, ONE, ALL = "none", "one image", "all images"  # number of attacked images in the batch


@dataclass(frozen=True)
class Request:
    """One network, one batch and PGD of size `eps_255` (0: no attack). The attack uses the seed of the images."""

    variant: Variant
    images: ImageChoice
    eps_255: float
    device: str


@dataclass(frozen=True, eq=False)
class Result:
    """attacked (N, 3, 32, 32) and fooled, bool (N,), are None without an attack and in the partial result.

    fooled: the images that are classified correctly when clean and wrongly when attacked.
    inputs: by (images, layer, channel), as `received` takes them, what is known without a forward pass.
    """

    request: Request
    batch: Batch
    attacked: Tensor | None = None
    fooled: Tensor | None = None
    inputs: Mapping[tuple[str, str, int], Channel] = field(default_factory=dict)

    @property
    def one(self) -> int:
        """The index of the attacked image if only one is attacked: the first fooled image, else the first image."""
        return int(self.fooled.int().argmax()) if self.fooled is not None else 0

    def images(self, which: str) -> Tensor:
        """The batch (N, 3, 32, 32) with `NONE`, `ONE` or `ALL` of its images attacked."""
        if which == NONE or self.attacked is None:
            return self.batch.images
        if which == ALL:
            return self.attacked
        mixed = self.batch.images.clone()
        mixed[self.one] = self.attacked[self.one]
        return mixed


def run(request: Request, progress: Progress = silent) -> Result:
    """Load the batch and attack it; the clean batch is the partial result. UserError if images are missing."""
    progress(0, "Reading images")
    clean = Result(request, request.images.load())
    if not request.eps_255:
        return clean
    parts, text = Parts(progress, 1), f"{request.variant.label}: PGD at {request.eps_255:g}/255"
    progress(0, text, clean)
    parts.begin(text)
    model, attack = request.variant.load(request.device), pgd(request.eps_255)
    trace = evaluation.attack_batch(model, clean.batch, attack, seed=request.images.seed, on_step=parts.step)
    return replace(clean, attacked=trace.adversarial, fooled=trace.right_before & ~trace.right)


@lru_cache(maxsize=64)
def received(result: Result, which: str, layer: str, number: int) -> Channel:
    """The inputs of channel `number` of the layer at path `layer` for the images `result.images(which)`.

    Cached per result: a change of p needs no forward pass. UserError from `channel_values.channel`.
    """
    if (known := result.inputs.get((which, layer, number))) is not None:
        return known
    request = result.request
    model = request.variant.load(request.device, fold=False)
    return channel_values.channel(model, result.images(which), layer, number)


def first_layer(variant: Variant) -> str:
    """The path of the layer shown first."""
    paths = list(shift_reference.layers(variant))
    return paths[min(FIRST, len(paths) - 1)]


def run_with_first(request: Request) -> Result:
    """As `run`, with the inputs of the channel shown first: what the page needs to begin."""
    result, place = run(request), (NONE, first_layer(request.variant), 0)
    return replace(result, inputs={place: received(result, *place)})


def batch_sizes(count: int) -> tuple[int, ...]:
    """The sizes of the batches into which `count` images are divided: 1, 2, 4 ... up to count / 2, and `count`."""
    return (*(2**k for k in range(count.bit_length()) if 2 * 2**k <= count), count)
