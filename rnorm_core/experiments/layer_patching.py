"""Layer patching: two networks are attacked in one mode, then their layers get other statistics one by one."""

from dataclasses import dataclass, field, replace

from rnorm_core.attacks import watched
from rnorm_core.data import ImageChoice
from rnorm_core.evaluation.measure.craft import craft
from rnorm_core.evaluation.measure.patching import Patching, patching
from rnorm_core.evaluation.tables.laboratories import BATCH, pgd
from rnorm_core.progress import Parts, Progress, silent
from rnorm_core.zoo import Variant, switchable


@dataclass(frozen=True)
class Request:
    """eps_255: k of k/255. mode: one of BatchNorm's `norms.all_modes`. experiment: of those `possible` in this mode."""

    left: Variant
    right: Variant
    images: ImageChoice
    eps_255: float
    mode: str
    experiment: str
    device: str = "cpu"

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The networks with layers that can get other statistics, in `mode`."""
        return tuple(network.in_mode(self.mode) for network in switchable(self.left, self.right))


@dataclass(frozen=True, eq=False)
class Result:
    """patchings: of the networks that have been measured so far."""

    request: Request
    patchings: dict[Variant, Patching] = field(default_factory=dict)


def run(request: Request, progress: Progress = silent) -> Result:
    parts, result = Parts(progress, 2 * len(request.variants)), Result(request)
    parts.begin("Reading images and models")
    batch, attack = request.images.load().to(request.device), pgd(request.eps_255)
    for variant in request.variants:
        parts.begin(f"{variant.label}: the attack")
        model = variant.load(request.device, fold=False)  # a folded norm has no statistics to replace
        made = craft(model, batch, watched(attack, parts.step), BATCH, request.images.seed)
        parts.end()
        parts.begin(f"{variant.label}: layer by layer")
        measured = patching(model, batch, made.images, request.experiment, attack, BATCH, parts.count)
        result = replace(result, patchings={**result.patchings, variant: measured})
        parts.end(result)
    return result
