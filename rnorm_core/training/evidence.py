"""Measures what the paper's claims need and the sweep does not hold: `python -m rnorm_core.training.evidence`.

Two tables beside the models: how far attacked batches move what arrives at each norm layer (claims C1 and C2), and
accuracy against the size of the batch that is looked at together (C4). About ten minutes of one CPU core for two
ResNet-20. Run the same command again after a stop, or when weights have changed: rows of other weights are dropped and
what is missing is measured.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch

from rnorm_core import attacks, data, evaluation, norms, probes, shift, zoo
from rnorm_core.data.files import locate
from rnorm_core.errors import one_line_errors
from rnorm_core.evaluation import file, sizes
from rnorm_core.evaluation import moved as movements
from rnorm_core.evaluation.batches import SIZES
from rnorm_core.evaluation.blank import begin, blank, filled, one_dataset
from rnorm_core.evaluation.laboratories import STEPS
from rnorm_core.evaluation.moved import Moved
from rnorm_core.evaluation.row import images_hash, pack
from rnorm_core.versions import versions

MODELS = ("cifar10-resnet20-bn", "cifar10-resnet20-rn")
EPS_255 = (1, 8, 4, 2, 0.5, 0.25, 1.5)  # those of the sweep
BATCH, COUNT, SEED = 128, 512, 0
AT_255, ATTACKED = 1, 256  # the attack on batches of these sizes, and its images

Say = Callable[[str], object]


def measure(
    names: Sequence[str],
    directory: Path | None = None,
    count: int = COUNT,
    say: Say = print,
    out: Path | None = None,
) -> None:
    """Brings both tables up to date for these models: those beside the models, or those in the folder `out`.

    UserError if one of the models, or the test set, is not there.
    """
    dataset = one_dataset(names)
    locate(dataset, "test", directory)  # foolbox's 20 samples are no test set
    batch = data.load(dataset, "test", count=count, seed=SEED, directory=directory)
    for bring, table in ((move, movements.shipped(dataset)), (resize, sizes.shipped(dataset))):
        bring(names, batch, out / table.name if out else table, say)


# --- C1, C2: the layers under attack


def move(names: Sequence[str], batch: data.Batch, out: Path, say: Say = print, eps_255: Sequence[float] = EPS_255):
    """Measures the rows that `out` lacks and appends each as it is there; those of other weights go first."""
    kept = movements.read(out) if out.exists() else ()
    current = {name: zoo.card(name).sha256 for name in names}
    rows = [row for row in kept if row.weight_hash == current.get(row.model, row.weight_hash)]
    file.write(out, rows)
    known = {row.identity for row in rows}
    for attack, eps in [("clean", 0.0), *(("pgd", e) for e in eps_255), *(("noise", e) for e in eps_255)]:
        for name in names:
            blank = _blank(name, batch, attack, eps)
            if blank.identity not in known:
                row = _moved(blank, batch)
                file.append(out, [row])
                share = row.beyond("wasserstein").mean()
                right = int(row.mask().sum())
                say(f"{name} {attack} {eps:g}/255: {100 * share:.0f} % of layers beyond, {right} of {row.n} right")


def _make(attack: str, eps_255: float) -> attacks.Attack | None:
    if attack == "clean":
        return None
    return attacks.make(attack, eps=eps_255 / 255, steps=STEPS if attack == "pgd" else None)


def _blank(name: str, batch: data.Batch, attack: str, eps_255: float) -> Moved:
    """The row before anything is measured."""
    card, made = zoo.card(name), _make(attack, eps_255)
    return Moved(
        model=name, weight_hash=card.sha256, dataset=card.dataset, norm=card.norm, attack=attack,
        settings={} if made is None else made.spec, eps_255=eps_255, n=len(batch), batch_size=BATCH, seed=SEED,
        images=images_hash(batch.ids), layers=[], shifts={}, bands={}, hits="", own=None,
        code_version=versions()["robustnorm-lab"], made_with=versions(), date=datetime.now(UTC).date().isoformat(),
    )  # fmt: skip


def _moved(blank: Moved, batch: data.Batch) -> Moved:
    """The row measured: the same attacked images are recorded, and scored with both kinds of statistics."""
    folded, probed = zoo.load(blank.model, fold=True), zoo.load(blank.model)
    batchwise = zoo.load(blank.model, "batch") if "batch" in norms.modes(blank.norm) else None
    population, made = shift.population(blank.model), _make(blank.attack, blank.eps_255)
    hits, own, shifts = [], [], {measure: [] for measure in shift.MEASURES}
    for index, start in enumerate(range(0, len(batch), BATCH)):
        part = batch.select(range(start, min(start + BATCH, len(batch))))
        images = part.images
        if made is not None:
            images = made.run(folded, part, evaluation.batch_generator(SEED, index)).adversarial
        moved = shift.compare(probes.record(probed, images, grid=population.statistics), population.statistics)
        for measure, found in shifts.items():
            found.append([float(f"{layer.summary(measure):.4g}") for layer in moved.layers])
        hits.append(evaluation.predict(folded, images).cpu() == part.labels)
        if batchwise is not None:
            own.append(evaluation.predict(batchwise, images).cpu() == part.labels)
    bands = {
        measure: [
            [float(f"{end:.4g}") for end in (band.summary_low, band.summary_high)]
            for band in (population.band("tracked", BATCH, name, measure) for name in population.statistics.names)
        ]
        for measure in shifts
    }
    return replace(
        blank, layers=list(population.statistics.names), shifts=shifts, bands=bands, hits=pack(torch.cat(hits)),
        own=pack(torch.cat(own)) if own else None,
    )  # fmt: skip


# --- C4: how many images are looked at together


def resize(names: Sequence[str], batch: data.Batch, out: Path, say: Say = print, images: int = ATTACKED) -> None:
    """Accuracy with a batch's own statistics, clean and attacked, by batch size; tracked ones for comparison."""
    names = [name for name in names if "batch" in norms.modes(zoo.card(name).norm)]
    known = begin(out, names)
    some = batch.select(range(min(images, len(batch))))
    for attack, shown in ((None, batch), (attacks.make("pgd", eps=AT_255 / 255, steps=STEPS), some)):
        for statistics, size in [("tracked", BATCH), *(("batch", size) for size in SIZES)]:
            for name in names:
                row = blank(name, statistics, shown, size, {} if attack is None else attack.spec, SEED)
                if file.identity(row) in known:
                    continue
                found = evaluation.accuracy(zoo.load(name, statistics, fold=True), shown, attack, size, seed=SEED)
                file.append(out, [filled(row, found)])
                say(f"{name} {statistics} {row.attack}, batches of {size}: {found.correct} of {found.n}")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m rnorm_core.training.evidence", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: {', '.join(MODELS)}")
    parser.add_argument("--data", type=Path, help="folder with parquet parts or torchvision's CIFAR folder")
    parser.add_argument("--count", type=int, default=COUNT, help=f"test images, default {COUNT}")
    parser.add_argument("--out", type=Path, help="folder of the two tables; default: beside the models")
    options = parser.parse_args(argv)
    with one_line_errors():
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
        say = partial(print, flush=True)
        measure(options.names or MODELS, options.data, options.count, say, options.out)


if __name__ == "__main__":
    main()
