"""Fills the shipped table of the pages about statistics: `python -m rnorm_core.experiments.precompute.laboratories`.

One table beside the models: transfer matrices, corruptions, changing and poisoned neighbours, PreciseBN. About an hour
of one CPU core for two ResNet-20. After a stop, or when weights have changed, run the same command again: it drops the
rows of other weights and measures the missing rows.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from rnorm_core import attacks, data, norms, zoo
from rnorm_core.attacks import poison
from rnorm_core.data import CORRUPTIONS, SEVERITIES, Batch
from rnorm_core.data.files import locate
from rnorm_core.errors import one_line_errors
from rnorm_core.evaluation import Accuracy, Row
from rnorm_core.evaluation.measure.accuracy import tally
from rnorm_core.evaluation.measure.batches import hits_by_draw
from rnorm_core.evaluation.measure.craft import score
from rnorm_core.evaluation.measure.matrix import accuracy_row, noise_like, transfer_row
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.evaluation.tables.laboratories import BATCH
from rnorm_core.evaluation.tables.new_rows import begin, blank, filled, one_dataset
from rnorm_core.experiments import poisoning, precise_bn
from rnorm_core.training.augment import TrainingImages
from rnorm_core.training.recalibrate import recalibrate
from rnorm_core.training.recipe import Recipe
from rnorm_core.zoo import Variant, switchable

MODELS = ("cifar10-resnet20-bn", "cifar10-resnet20-rn")
SEED = 0
EPS_255 = (1, 8, 0.25, 0.5, 2, 4)  # of transfer matrices: the sizes of the page, its default 1 first
POISON_255, POISONED = (8, 2), (1, 8, 32, 64)  # change in grey levels, and number of poisoned images in a batch
SIZES, DRAWS = (2, 8, 32, 128), 8  # sizes of random batches, and draws for each size
COUNTED, COUNTED_255 = (1, 4, 16), 1  # PreciseBN: numbers of batches, and eps of the attack


@dataclass(frozen=True)
class Task:
    """Rows that are measured in one computation; `measure` returns their accuracies in the same order."""

    blanks: Sequence[Row]
    measure: Callable[[], Sequence[Accuracy]]


def measure(
    names: Sequence[str] = MODELS, directory: Path | None = None, count: int = 1000, out: Path | None = None
) -> None:
    """Brings the table up to date for these models. UserError if a model or the complete data set is missing."""
    dataset = one_dataset(names)
    for split in ("test", "train"):
        locate(dataset, split, directory)  # foolbox's 20 samples are not enough
    out = out or laboratories.shipped(dataset)
    known = begin(laboratories.FILE, out, names)
    # Poisoning and PreciseBN need full batches, so the images that are not scored are whole batches.
    whole = data.load(dataset, "test", count=count + COUNTED[-1] * BATCH, seed=SEED, directory=directory)
    batch, pool = whole.select(range(count)), whole.select(range(count, len(whole)))
    for task in tasks(names, batch, pool.images, directory):
        if all(row.identity in known for row in task.blanks):
            continue
        rows = [filled(row, accuracy) for row, accuracy in zip(task.blanks, task.measure(), strict=True)]
        laboratories.FILE.append(out, [row for row in rows if row.identity not in known])
        for row in rows:
            print(f"{row.model} {row.statistics} {row.attack} {_described(row)}: {row.correct} of {row.n}", flush=True)


def tasks(names: Sequence[str], batch: Batch, pool: Tensor, directory: Path | None = None) -> list[Task]:
    """All tasks of these models, in the order of measuring. pool: (M, 3, 32, 32), images that are not scored."""
    return [*transfer(names, batch), *corrupted(names, batch), *neighbours(names, batch), *poisoned(names, batch),
            *estimated(names, batch, pool), *estimated_in_training(names, batch, directory)]  # fmt: skip


def _described(row: Row) -> str:
    more = {key: row.settings[key] for key in laboratories.KEYS if key in row.settings}
    if made_for := more.get("made_for"):
        more["made_for"] = f"{made_for['model']} {made_for['statistics']}"
    return ", ".join(f"{key} {value}" for key, value in more.items())


def _tracked_and_batch(names: Sequence[str]) -> list[Variant]:
    """The networks that can use either statistics, in both modes."""
    return [network.in_mode(mode) for network in switchable(*map(Variant.of, names)) for mode in ("tracked", "batch")]


# --- transfer matrices


def transfer(names: Sequence[str], batch: Batch) -> Iterator[Task]:
    """Every network in every mode on clean images, on noise, and on images attacked for every other."""
    variants = [Variant.of(name, mode) for name in names for mode in norms.modes(zoo.card(name).norm)]

    def rows(spec: dict, **more: object) -> list[Row]:
        return [blank(one.model, one.statistics, batch, BATCH, spec, SEED, **more) for one in variants]

    def row_of(attack: attacks.Attack | None) -> Sequence[Accuracy]:
        return accuracy_row([one.load() for one in variants], batch, attack, BATCH, SEED)

    def row_for(crafter: Variant, attack: attacks.Attack) -> Sequence[Accuracy]:
        models = {one: one.load() for one in variants}
        return transfer_row(models[crafter], list(models.values()), batch, attack, BATCH, SEED)

    yield Task(rows({}, crossed=True), partial(row_of, None))
    for eps in EPS_255:
        attack = laboratories.pgd(eps)
        noise = noise_like(attack)
        yield Task(rows(noise.spec, crossed=True), partial(row_of, noise))
        for one in variants:
            made_for = {"model": one.model, "statistics": one.statistics, "weight_hash": one.weight_hash}
            yield Task(rows(attack.spec, made_for=made_for), partial(row_for, one, attack))


# --- corruptions


def corrupted(names: Sequence[str], batch: Batch) -> Iterator[Task]:
    """Every corruption at every severity, with tracked statistics and with the batch's."""
    variants = _tracked_and_batch(names)

    def accuracies(corruption: str, severity: int) -> list[Accuracy]:
        images = data.corrupt(batch, corruption, severity, torch.Generator().manual_seed(SEED)).images
        return [score(one.load(), images, batch, None, BATCH) for one in variants]

    for corruption in CORRUPTIONS:
        for severity in SEVERITIES:
            more = {"corruption": corruption, "severity": severity}
            blanks = [blank(one.model, one.statistics, batch, BATCH, {}, SEED, **more) for one in variants]
            yield Task(blanks, partial(accuracies, corruption, severity))


# --- neighbours


def neighbours(names: Sequence[str], batch: Batch) -> Iterator[Task]:
    """Each image in `DRAWS` random batches: is it right in all of them, and in at least one of them?"""

    def accuracies(one: Variant, size: int) -> list[Accuracy]:
        model = one.load()
        hits = hits_by_draw(model, batch, size, DRAWS, SEED)
        return [tally(right, model, None, size) for right in (hits.all(0), hits.any(0))]

    for size in SIZES:
        for one in _tracked_and_batch(names):
            # Tracked statistics are the control, for which one size is enough: neighbours change nothing.
            if one.statistics == "batch" or size == min(SIZES):
                blanks = [
                    blank(one.model, one.statistics, batch, size, {}, SEED, draws=DRAWS, right=right)
                    for right in ("always", "ever")
                ]
                yield Task(blanks, partial(accuracies, one, size))


def poisoned(names: Sequence[str], batch: Batch) -> Iterator[Task]:
    """Some images of each full batch are perturbed; all others are victims, counted before and after."""

    def accuracies(one: Variant, eps_255: float, k: int) -> list[Accuracy]:
        crowd = poisoning.crowd(one.load(), batch, range(k), eps_255, BATCH, seed=SEED)
        return [crowd.before, crowd.after]

    variants = _tracked_and_batch(names)
    medians = [one.in_mode(norms.MEDIAN) for one in variants if one.statistics == "batch"]
    for eps in POISON_255:
        for k in POISONED:
            victims = batch.select([i for i in range(len(batch) // BATCH * BATCH) if i % BATCH >= k])
            attack = poison.make([k], range(k), eps / 255, laboratories.STEPS)
            spec = {key: value for key, value in attack.spec.items() if key not in ("victims", "poisoned")}
            for one in (*variants, *(medians if eps == POISON_255[0] else ())):
                blanks = [
                    blank(one.model, one.statistics, victims, BATCH, settings, SEED, poisoned=k, poison_255=eps)
                    for settings in ({}, spec)
                ]
                yield Task(blanks, partial(accuracies, one, eps, k))


# --- PreciseBN


def estimated(names: Sequence[str], batch: Batch, pool: Tensor) -> Iterator[Task]:
    """Statistics of k batches of images that are not scored, and the moving average (k = 0), clean and attacked."""
    attack = laboratories.pgd(COUNTED_255)

    def accuracies(one: Variant) -> list[Accuracy]:
        estimates = precise_bn.estimate(
            partial(one.load, fold=False), pool, batch, COUNTED, size=BATCH, attack=attack, batch_size=BATCH, seed=SEED
        )
        each = [estimates.moving, *estimates.by_count]
        return [*(e.clean for e in each), *(e.attacked for e in each if e.attacked is not None)]

    for one in switchable(*map(Variant.of, names)):
        blanks = [
            blank(one.model, "tracked", batch, BATCH, spec, SEED, counted=k)
            for spec in ({}, attack.spec)
            for k in (0, *COUNTED)
        ]
        yield Task(blanks, partial(accuracies, one))


def estimated_in_training(names: Sequence[str], batch: Batch, directory: Path | None) -> Iterator[Task]:
    """Statistics of the same number of batches of training images: whole images, and random crops as in training.

    Networks trained on attacked images are left out: they saw neither kind of clean images in training.
    """
    attack = laboratories.pgd(COUNTED_255)

    def accuracies(one: Variant, kind: str) -> list[Accuracy]:
        images = training_images(one.model, COUNTED[-1] * BATCH, kind == "cut", directory)
        model = recalibrate(one.load(fold=False), images.split(BATCH))
        return [each for each in precise_bn.scored(model, batch, attack, BATCH, SEED) if each is not None]

    for one in switchable(*map(Variant.of, names)):
        for kind in ("whole", "cut") if not zoo.card(one.model).adversarial else ():
            more = {"counted": COUNTED[-1], "training_images": kind}
            blanks = [blank(one.model, "tracked", batch, BATCH, spec, SEED, **more) for spec in ({}, attack.spec)]
            yield Task(blanks, partial(accuracies, one, kind))


def training_images(name: str, count: int, cut: bool, directory: Path | None = None) -> Tensor:
    """float32 (count, 3, H, W) in [0, 1]. cut: random crops with black margins, as in the
    last epoch of training.
    """
    whole = data.load(zoo.card(name).dataset, "train", count, seed=SEED, directory=directory)
    if not cut:
        return whole.images
    recipe, pixels = Recipe(**zoo.card(name).recipe), whole.images.mul(255).round().byte().permute(0, 2, 3, 1)
    images = TrainingImages(pixels, whole.labels, recipe.padding, torch.device("cpu"))
    return torch.cat([x for x, _ in images.epoch(replace(recipe, batch_size=BATCH), recipe.epochs - 1, SEED)])


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m rnorm_core.experiments.precompute.laboratories", description=__doc__
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"models to measure; default: {', '.join(MODELS)}")
    parser.add_argument("--data", type=Path, help="folder with CIFAR: the hub's parquet files, or torchvision's folder")
    parser.add_argument("--count", type=int, default=1000, help="number of test images, default 1,000")
    parser.add_argument("--out", type=Path, help="file of the table; default: the shipped table")
    parser.add_argument("--threads", type=int, help="CPU threads; default: torch's choice")
    options = parser.parse_args(argv)
    if options.threads:
        torch.set_num_threads(options.threads)
    with one_line_errors():
        measure(options.names or MODELS, options.data, options.count, options.out)


if __name__ == "__main__":
    main()
