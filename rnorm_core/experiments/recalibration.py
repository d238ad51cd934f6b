"""Re-estimated statistics: accuracy when the norm layers use the statistics of m images like the test images.

The images are clean, corrupted or attacked. Two attacks are scored: one made for the network with its training
statistics, and a new one made for the network with the new statistics.
"""

from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor, nn

from rnorm_core import evaluation, models, norms
from rnorm_core.data import Batch
from rnorm_core.evaluation.tables.laboratories import pgd
from rnorm_core.experiments import corruption_sweep
from rnorm_core.experiments.corruption_sweep import ATTACK, CLEAN, NATURAL, right_images
from rnorm_core.progress import Parts, Progress, run_parallel, silent
from rnorm_core.training.recalibrate import recalibrate
from rnorm_core.zoo import Variant

NEW_ATTACK = "attacked anew"  # the attack is made for the network with the statistics of attacked images
CONDITIONS = (CLEAN, NATURAL, ATTACK, NEW_ATTACK)
MOST = 128  # images to take statistics from


@dataclass(frozen=True)
class Request:
    """Everything the result depends on.

    sweep:       networks, images, corruption and device.
    same_images: whether the statistics come from the scored images (without their labels) or from other images.
    """

    sweep: corruption_sweep.Request
    severity: int
    eps_255: float
    same_images: bool

    def pool(self) -> Batch:
        """The images to take statistics from, clean."""
        if self.same_images:
            return self.sweep.images.load()
        everything = self.sweep.images.load(MOST)
        return everything.select(range(self.sweep.images.count, len(everything)))


@dataclass(frozen=True, eq=False)
class Recalibrated:
    """One network: bool (N,), right or wrong for each image, by condition; a partial result has fewer entries.

    before: with training statistics, by kind. after: with the statistics of m images of the same kind, by (kind, m).
    """

    variant: Variant
    before: dict[str, Tensor]
    after: dict[tuple[str, int], Tensor]


@dataclass(frozen=True, eq=False)
class Result:
    """counts: all m, ascending. networks: those that keep statistics which can be re-estimated."""

    request: Request
    counts: tuple[int, ...]
    networks: dict[Variant, Recalibrated]


def others(sweep: corruption_sweep.Request) -> int:
    """The number of images that are not scored, at most `MOST`."""
    images = sweep.images
    return MOST if images.complete else max(0, len(images.with_count(1).load(MOST)) - images.count)


def counts(pool: int) -> list[int]:
    """The numbers of images m to take statistics from: 1, 2, 4 ... and all."""
    return [*(2**k for k in range(pool.bit_length()) if 2**k < pool), pool]


def keeps_statistics(variant: Variant) -> bool:
    """Whether predictions use statistics of the training, which can be re-estimated."""
    return variant.statistics not in ("batch", norms.MEDIAN) and variant.norm not in ("gn", "none")


def run(request: Request, progress: Progress = silent, *, first: int | None = None) -> Result:
    """Clean, corrupted and attacked images for every m, then the new attacks: first the one at m = `first`, by default
    the one with the most images. The networks are measured at the same time if workers are idle.
    """
    sweep = request.sweep
    progress(0, "Reading images and models")
    scored, pool = sweep.images.load(), request.pool()
    all_corrupted = sweep.corrupted(sweep.images.load(0 if request.same_images else MOST), request.severity)
    some, rest = range(len(scored)), range(len(scored), len(all_corrupted))
    corrupted = all_corrupted.select(some), all_corrupted.select(some if request.same_images else rest)
    steps = counts(len(pool))
    variants = [variant for variant in dict.fromkeys(sweep.variants) if keeps_statistics(variant)]
    networks = {variant: Recalibrated(variant, {}, {}) for variant in variants}
    attacked: dict[Variant, tuple[Tensor, Tensor]] = {}

    def result() -> Result:
        return Result(request, tuple(steps), dict(networks))

    def measure(kind: str, variant: Variant, progress: Progress) -> None:
        parts = Parts(progress, 1)
        parts.begin(f"{variant.label}: {kind}", runs=1 if request.same_images else 2)
        if kind == ATTACK:
            attacked[variant] = _attacked(request, variant, scored, pool, parts)
        images, source = {
            CLEAN: (scored.images, pool.images),
            NATURAL: (corrupted[0].images, corrupted[1].images),
        }.get(kind) or attacked[variant]
        before = right_images(trained(variant, sweep.device), images, scored.labels)
        after = {}
        for m in steps:
            parts.finishing()
            model = with_statistics(variant, source[:m], sweep.device)
            after[kind, m] = right_images(model, images, scored.labels)
        known = networks[variant]
        networks[variant] = replace(known, before={**known.before, kind: before}, after={**known.after, **after})
        parts.end()

    def attack_anew(m: int, variant: Variant, progress: Progress) -> None:
        parts = Parts(progress, 1)
        parts.begin(f"{variant.label}: {NEW_ATTACK}, m = {m}")
        model = folded(with_statistics(variant, attacked[variant][1][:m], sweep.device))
        trace = evaluation.attack_batch(model, scored, pgd(request.eps_255), seed=sweep.images.seed, on_step=parts.step)
        known = networks[variant]
        networks[variant] = replace(known, after={**known.after, (NEW_ATTACK, m): trace.right})
        parts.end()

    new_attacks = sorted(steps, key=lambda m: (m != first, -m))
    parts = Parts(progress, len(CONDITIONS) - 1 + len(new_attacks))
    for kind in (CLEAN, NATURAL, ATTACK):
        parts.begin(kind)
        run_parallel(parts.within, [partial(measure, kind, variant) for variant in variants])
        parts.end(result())
    for m in new_attacks:
        parts.begin(f"{NEW_ATTACK}, m = {m}")
        run_parallel(parts.within, [partial(attack_anew, m, variant) for variant in variants])
        parts.end(result())
    return result()


def trained(variant: Variant, device: str) -> nn.Module:
    """The network with its training statistics. Its norm layers are not folded."""
    return variant.load(device, fold=False)


def with_statistics(variant: Variant, images: Tensor, device: str) -> nn.Module:
    """A copy of the network whose norm layers hold the statistics of `images` (M, 3, 32, 32), taken as one batch."""
    return recalibrate(trained(variant, device), [images])


def folded(model: nn.Module) -> nn.Module:
    """The network with its norms folded into the convolutions, which is faster; unchanged if norms use their batch."""
    mode = str(getattr(model, "statistics", "tracked"))
    if norms.looks_at_batch(mode):
        return model
    fast = models.fold(model).requires_grad_(False)
    vars(fast).update(name=model.name, statistics=mode, weight_hash=model.weight_hash)
    return fast


def _attacked(request: Request, variant: Variant, scored: Batch, pool: Batch, parts: Parts) -> tuple[Tensor, Tensor]:
    """The scored images and the pool, attacked for the network with its training statistics."""
    model, seed = variant.load(request.sweep.device), request.sweep.images.seed
    attack = pgd(request.eps_255)
    images = evaluation.attack_batch(model, scored, attack, seed=seed, on_step=parts.step).adversarial
    if request.same_images:
        return images, images
    return images, evaluation.attack_batch(model, pool, attack, seed=seed, index=1, on_step=parts.step).adversarial
