"""The accuracy of two networks over the size of an attack."""

from dataclasses import dataclass

from torch import Tensor

from rnorm_core import attacks, evaluation
from rnorm_core.data import ImageChoice
from rnorm_core.evaluation.measure.comparison import Comparison, compared
from rnorm_core.evaluation.measure.sweep import BATCH
from rnorm_core.progress import Parts, Progress, silent
from rnorm_core.zoo import Variant


@dataclass(frozen=True)
class Request:
    """Everything the numbers depend on; equal requests have equal results.

    attack:  a name of `attacks.CATALOGUE` that takes an eps.
    eps_255: sizes of the attack in grey levels (8 means 8/255), above 0; clean accuracy is measured in any case.
    pixels:  a name of `evaluation.PIXELS`.
    images:  the test images; the attack uses their seed, too.
    """

    left: Variant
    right: Variant
    attack: str
    eps_255: tuple[float, ...]
    pixels: str
    images: ImageChoice
    device: str = "cpu"

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The left and the right network, or one network if both are the same."""
        return tuple(dict.fromkeys((self.left, self.right)))


@dataclass(frozen=True, eq=False)
class Result:
    """Which images are classified correctly, as far as measured.

    hits: (variant, eps in grey levels) -> bool (N,), on the CPU; eps 0 is without an attack.
    """

    request: Request
    hits: dict[tuple[Variant, float], Tensor]

    def comparison(self, eps_255: float) -> Comparison | None:
        """Left and right image by image at one size; None while one of them is not measured."""
        left, right = self.request.left, self.request.right
        if not all((variant, eps) in self.hits for variant in (left, right) for eps in (0, eps_255)):
            return None
        attacked, clean = ((self.hits[left, eps], self.hits[right, eps]) for eps in (eps_255, 0))
        return compared(left, right, attacked, clean, attack=self.request.attack, eps_255=eps_255)


def run(request: Request, progress: Progress = silent) -> Result:
    """Clean images first, then size by size, at each size the left network before the right one.

    Partial results are Results with fewer hits. UserError if an image or a network is missing.
    """
    progress(0, "Reading the images", Result(request, {}))
    batch, hits = request.images.load(), {}
    # All networks are loaded at once: an uploaded one may be gone from memory later.
    models = {variant: variant.load(request.device) for variant in request.variants}
    conditions = [(eps, variant) for eps in (0.0, *request.eps_255) for variant in request.variants]
    parts = Parts(progress, [_cost(request.attack, eps) for eps, _ in conditions])
    for eps, variant in conditions:
        size = f"eps {eps:g}/255" if eps else "clean"
        parts.begin(f"{variant.label}, {size}: {len(batch)} images", runs=-(-len(batch) // BATCH))
        attack = attacks.watched(attacks.make(request.attack, eps / 255), parts.step) if eps else None
        measured = evaluation.accuracies(
            models[variant], batch, attack, BATCH, on_progress=None if attack else parts.count,
            seed=request.images.seed, pixels=(request.pixels,),
        )  # fmt: skip
        hits[variant, eps] = measured[request.pixels].hits
        parts.end(Result(request, dict(hits)))
    return Result(request, hits)


def _cost(attack: str, eps_255: float) -> int:
    """Cost in passes through the network: about three for each step of an attack, one for clean images."""
    return 1 + 3 * attacks.CATALOGUE[attack].default_steps if eps_255 else 1
