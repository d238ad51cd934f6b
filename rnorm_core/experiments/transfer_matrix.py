"""The transfer matrix: two networks are attacked in all their modes, and each attack is scored by all of them.

request = Request(Variant.of("cifar10-resnet20-bn"), Variant.of("cifar10-resnet20-rn"), images, eps_255=1)
run(request).matrix
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rnorm_core.attacks import watched
from rnorm_core.data import ImageChoice
from rnorm_core.evaluation import Row
from rnorm_core.evaluation.measure.matrix import Matrix, matrix, transfer_row
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.evaluation.tables.laboratories import BATCH
from rnorm_core.norms import MEDIAN, all_modes, modes
from rnorm_core.progress import Parts, Progress, silent
from rnorm_core.zoo import Variant, networks_of


@dataclass(frozen=True)
class Request:
    """left, right: two networks, or one network twice. Of their modes only medians count: see `variants`. eps_255: k of
    k/255.
    """

    left: Variant
    right: Variant
    images: ImageChoice
    eps_255: float
    device: str = "cpu"

    @property
    def variants(self) -> tuple[Variant, ...]:
        """The networks in all their modes: crafters and scorers of the matrix. With medians only where one has them."""
        networks, more = networks_of(self.left, self.right), MEDIAN in (self.left.statistics, self.right.statistics)
        every = all_modes if more else modes
        return tuple(network.in_mode(mode) for network in networks for mode in every(network.norm))


@dataclass(frozen=True, eq=False)
class Result:
    """matrix: all scorers, and the crafters that have been measured so far."""

    request: Request
    matrix: Matrix


def run(request: Request, progress: Progress = silent) -> Result:
    """Clean images and noise first, then one crafter after the other. UserError if the images are not at hand."""
    parts = Parts(progress, 1 + len(request.variants))
    parts.begin("Reading images and models")
    batch = request.images.load().to(request.device)
    models = {variant: variant.load(request.device) for variant in request.variants}
    scorers, seed = list(models.values()), request.images.seed
    size, pgd = min(BATCH, len(batch)), watched(laboratories.pgd(request.eps_255), parts.step)
    result = Result(request, matrix([], scorers, batch, pgd, size, seed))
    parts.end(result)
    for variant in sorted(models, key=_place_of_mode):
        parts.begin(f"Crafting for {variant.label}", runs=-(-len(batch) // size))
        row = transfer_row(models[variant], scorers, batch, pgd, size, seed)
        result = Result(request, result.matrix.with_row(variant, row))
        parts.end(result)
    return result


def _place_of_mode(variant: Variant) -> int:
    """A sort key by which left and right take turns."""
    return all_modes(variant.norm).index(variant.statistics)


def shipped(request: Request) -> Result | None:
    """The same matrix from the shipped measurements, on more images; None unless all of its cells were measured."""
    variants = request.variants
    rows = [row for row in laboratories.rows(request.images.dataset) if row.eps_255 in (0, request.eps_255)]

    def line(some: Sequence[Row], **settings: object) -> list[Row]:
        each = [laboratories.of(some, variant.model, variant.statistics, **settings) for variant in variants]
        return [row for row in each if row is not None]

    crafted = [row for row in rows if row.attack == "pgd"]
    lines = [
        line([row for row in rows if row.attack == "clean"], crossed=True),
        line([row for row in rows if row.attack not in ("clean", "pgd")], crossed=True),
        *(line(crafted, made_for=_made_for(crafter)) for crafter in variants),
    ]
    if any(len(one) < len(variants) for one in lines):
        return None
    clean, noise, *cells = (tuple(row.accuracy for row in one) for one in lines)
    first, noise_row, attack_row = lines[0][0], lines[1][0], lines[-1][0]
    return Result(
        request,
        Matrix(
            variants, variants, tuple(cells), clean, noise, laboratories.spec(attack_row),
            laboratories.spec(noise_row), first.batch_size, first.seed, (),
        ),
    )  # fmt: skip


def _made_for(crafter: Variant) -> dict[str, str]:
    return {"model": crafter.model, "statistics": crafter.statistics, "weight_hash": crafter.weight_hash}
