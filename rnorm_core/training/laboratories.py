"""Measures what the laboratories show at once, before anything runs: `python -m rnorm_core.training.laboratories`.

One table beside the models: attacks made for one network or mode and scored by another, natural corruptions, changing
and poisoned neighbours, statistics counted anew. About an hour of one CPU core for two ResNet-20. Run the same command
again after a stop, or when weights have changed: rows of other weights are dropped and what is missing is measured.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from rnorm_core import attacks, data, evaluation, norms, zoo
from rnorm_core.attacks import poison
from rnorm_core.data import CORRUPTIONS, SEVERITIES, Batch
from rnorm_core.data.files import locate
from rnorm_core.errors import one_line_errors
from rnorm_core.evaluation import Accuracy, Row, file, laboratories
from rnorm_core.evaluation.accuracy import tally
from rnorm_core.evaluation.batches import consecutive, shuffled_like
from rnorm_core.evaluation.blank import begin, blank, filled, one_dataset
from rnorm_core.evaluation.craft import craft, score
from rnorm_core.evaluation.laboratories import STEPS
from rnorm_core.evaluation.matrix import noise_like
from rnorm_core.training.augment import TrainingImages
from rnorm_core.training.precise import precise
from rnorm_core.training.recalibrate import recalibrate
from rnorm_core.training.recipe import Recipe

MODELS = ("cifar10-resnet20-bn", "cifar10-resnet20-rn")
BATCH, SEED = 128, 0  # those of the pages
EPS_255 = (1, 8, 0.25, 0.5, 2, 4)  # of attacks that somebody else scores
POISON_255, POISONED = (8, 2), (1, 8, 32, 64)  # sizes of the change, and how many of a batch are changed
TOGETHER, DRAWS = (2, 8, 32, 128), 8  # images in a batch whose neighbours are drawn again and again
COUNTED, COUNTED_255 = (1, 4, 16), 1  # batches that statistics are counted from, and the attack on the result


@dataclass(frozen=True)
class Task:
    """Rows that are measured in one go; `measure` returns their accuracies in the same order."""

    blanks: Sequence[Row]
    measure: Callable[[], Sequence[Accuracy]]


def measure(
    names: Sequence[str] = MODELS, directory: Path | None = None, count: int = 1000, out: Path | None = None
) -> None:
    """Brings the table up to date for these models. UserError if one of them, or their data set, is not there."""
    dataset = one_dataset(names)
    for split in ("test", "train"):
        locate(dataset, split, directory)  # foolbox's 20 samples are neither
    out = out or laboratories.shipped(dataset)
    known = begin(out, names)
    # A batch that is not full would be another one to poison or to count from.
    whole = data.load(dataset, "test", count=count + COUNTED[-1] * BATCH, seed=SEED, directory=directory)
    batch, pool = whole.select(range(count)), whole.select(range(count, len(whole)))
    for task in tasks(names, batch, pool.images, directory):
        if all(file.identity(row) in known for row in task.blanks):
            continue
        rows = [filled(row, found) for row, found in zip(task.blanks, task.measure(), strict=True)]
        file.append(out, [row for row in rows if file.identity(row) not in known])
        for row in rows:
            print(f"{row.model} {row.statistics} {row.attack} {_told(row)}: {row.correct} of {row.n}", flush=True)


def tasks(names: Sequence[str], batch: Batch, pool: Tensor, directory: Path | None = None) -> list[Task]:
    """All there is to measure of these models, in the order of measuring."""
    return [*crossed(names, batch), *corrupted(names, batch), *company(names, batch), *poisoned(names, batch),
            *counted(names, batch, pool), *counted_in_training(names, batch, directory)]  # fmt: skip


def _told(row: Row) -> str:
    more = {key: row.settings[key] for key in laboratories.KEYS if key in row.settings}
    if made_for := more.get("made_for"):
        more["made_for"] = f"{made_for['model']} {made_for['statistics']}"
    return ", ".join(f"{key} {value}" for key, value in more.items())


def _sides(names: Sequence[str], wanted: Sequence[str] = norms.MODES) -> list[tuple[str, str]]:
    return [(name, mode) for name in names for mode in norms.modes(zoo.card(name).norm) if mode in wanted]


def _pairwise(names: Sequence[str]) -> list[tuple[str, str]]:
    """Networks with statistics to choose, in their everyday mode and with those of the batch."""
    some = [name for name in names if "batch" in norms.modes(zoo.card(name).norm)]
    return _sides(some, ("tracked", "batch"))


# --- who it was made for, who is asked


def crossed(names: Sequence[str], batch: Batch) -> Iterator[Task]:
    """Every network in every mode is asked about the images made for every other: clean, noise, then attacked."""
    scorers = _sides(names)

    def rows(spec: dict, **more: object) -> list[Row]:
        return [blank(name, mode, batch, BATCH, spec, SEED, **more) for name, mode in scorers]

    def asked(attack: attacks.Attack | None) -> list[Accuracy]:
        return [
            evaluation.accuracy(zoo.load(*scorer, fold=True), batch, attack, BATCH, seed=SEED) for scorer in scorers
        ]

    def crafted(crafter: tuple[str, str], attack: attacks.Attack) -> list[Accuracy]:
        made = craft(zoo.load(*crafter, fold=True), batch, attack, BATCH, SEED)
        return [
            made.accuracy if scorer == crafter
            else score(zoo.load(*scorer, fold=True), made.images, batch, attack, BATCH)
            for scorer in scorers
        ]  # fmt: skip

    yield Task(rows({}, crossed=True), partial(asked, None))
    for eps in EPS_255:
        attack = attacks.make("pgd", eps=eps / 255, steps=STEPS)
        noise = noise_like(attack)
        yield Task(rows(noise.spec, crossed=True), partial(asked, noise))
        for name, mode in scorers:
            made_for = {"model": name, "statistics": mode, "weight_hash": zoo.card(name).sha256}
            yield Task(rows(attack.spec, made_for=made_for), partial(crafted, (name, mode), attack))


# --- weather, cameras, files


def corrupted(names: Sequence[str], batch: Batch) -> Iterator[Task]:
    sides = _pairwise(names)

    def asked(corruption: str, severity: int) -> list[Accuracy]:
        images = data.corrupt(batch, corruption, severity, torch.Generator().manual_seed(SEED)).images
        return [score(zoo.load(*side, fold=True), images, batch, None, BATCH) for side in sides]

    for corruption in CORRUPTIONS:
        for severity in SEVERITIES:
            more = {"corruption": corruption, "severity": severity}
            blanks = [blank(name, mode, batch, BATCH, {}, SEED, **more) for name, mode in sides]
            yield Task(blanks, partial(asked, corruption, severity))


# --- neighbours


def company(names: Sequence[str], batch: Batch) -> Iterator[Task]:
    """Each image `DRAWS` times, in other company each time: right whoever comes, and right in some company."""

    def met(name: str, mode: str, size: int) -> list[Accuracy]:
        model, generator = zoo.load(name, mode, fold=True), torch.Generator().manual_seed(SEED)
        hits = torch.zeros(DRAWS, len(batch), dtype=torch.bool)
        for draw in hits:
            for part in shuffled_like(consecutive(len(batch), size), generator):
                draw[list(part)] = evaluation.predict(model, batch.images[list(part)]).cpu() == batch.labels[list(part)]
        return [tally(found, model, None, size) for found in (hits.all(0), hits.any(0))]

    for size in TOGETHER:
        for name, mode in _pairwise(names):
            if mode == "batch" or size == min(TOGETHER):  # the control: tracked statistics know no neighbours
                blanks = [
                    blank(name, mode, batch, size, {}, SEED, draws=DRAWS, right=right) for right in ("always", "ever")
                ]
                yield Task(blanks, partial(met, name, mode, size))


def poisoned(names: Sequence[str], batch: Batch) -> Iterator[Task]:
    """Some images of each full batch are changed for the sake of all others, which count: before and after."""
    full = batch.select(range(len(batch) // BATCH * BATCH))

    def attacked(name: str, mode: str, eps: float, k: int) -> list[Accuracy]:
        model, before, after = zoo.load(name, mode, fold=True), [], []
        attack = poison.make(range(k, BATCH), range(k), eps / 255, STEPS)
        for index, start in enumerate(range(0, len(full), BATCH)):
            trace = attack.run(model, full.select(range(start, start + BATCH)), evaluation.batch_generator(SEED, index))
            for told, answers in ((before, trace.clean_probabilities), (after, trace.adversarial_probabilities)):
                told.append((answers.argmax(1) == trace.labels)[k:])
        return [tally(torch.cat(hits), model, None, BATCH) for hits in (before, after)]

    for eps in POISON_255:
        for k in POISONED:
            victims = full.select([i for i in range(len(full)) if i % BATCH >= k])
            spec = {
                key: value
                for key, value in poison.make([k], range(k), eps / 255, STEPS).spec.items()
                if key not in ("victims", "poisoned")
            }
            for name, mode in _pairwise(names):
                blanks = [blank(name, mode, victims, BATCH, s, SEED, poisoned=k, poison_255=eps) for s in ({}, spec)]
                yield Task(blanks, partial(attacked, name, mode, eps, k))


# --- statistics counted anew


def counted(names: Sequence[str], batch: Batch, pool: Tensor) -> Iterator[Task]:
    """Population statistics of k batches that are not scored, beside the moving average (0), clean and attacked."""
    attack = _on_counted()

    def estimated(name: str) -> list[Accuracy]:
        found = precise(partial(zoo.load, name), pool, batch, COUNTED, BATCH, attack, BATCH, SEED)
        each = [found.moving, *found.estimates]
        return [*(e.clean for e in each), *(e.attacked for e in each if e.attacked is not None)]

    for name in _keepers(names):
        blanks = [
            blank(name, "tracked", batch, BATCH, spec, SEED, counted=k)
            for spec in ({}, attack.spec)
            for k in (0, *COUNTED)
        ]
        yield Task(blanks, partial(estimated, name))


def counted_in_training(names: Sequence[str], batch: Batch, directory: Path | None) -> Iterator[Task]:
    """Statistics of as many batches of training images: whole, and as training cuts them. One thing changes at a time.

    Networks that were trained on attacked images never saw either, and are left out.
    """
    attack = _on_counted()

    def estimated(name: str, made: str) -> list[Accuracy]:
        images = training_images(name, COUNTED[-1] * BATCH, made == "cut", directory)
        model = recalibrate(zoo.load(name), images.split(BATCH))
        return [evaluation.accuracy(model, batch, how, BATCH, seed=SEED) for how in (None, attack)]

    for name in _keepers(names):
        for made in ("whole", "cut") if not zoo.card(name).adversarial else ():
            more = {"counted": COUNTED[-1], "training_images": made}
            blanks = [blank(name, "tracked", batch, BATCH, spec, SEED, **more) for spec in ({}, attack.spec)]
            yield Task(blanks, partial(estimated, name, made))


def training_images(name: str, count: int, cut: bool, directory: Path | None = None) -> Tensor:
    """float32 (count, 3, H, W) in [0, 1]; cut: at random, black margins and all, as in the last epoch of training."""
    found = data.load(zoo.card(name).dataset, "train", count, seed=SEED, directory=directory)
    if not cut:
        return found.images
    plan, pixels = Recipe(**zoo.card(name).recipe), found.images.mul(255).round().byte().permute(0, 2, 3, 1)
    images = TrainingImages(pixels, found.labels, plan.padding, torch.device("cpu"))
    return torch.cat([x for x, _ in images.epoch(replace(plan, batch_size=BATCH), plan.epochs - 1, SEED)])


def _keepers(names: Sequence[str]) -> list[str]:
    """The networks that keep statistics."""
    return [name for name in names if norms.modes(zoo.card(name).norm) == norms.STATISTICS]


def _on_counted() -> attacks.Attack:
    return attacks.make("pgd", eps=COUNTED_255 / 255, steps=STEPS)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m rnorm_core.training.laboratories", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"default: {', '.join(MODELS)}")
    parser.add_argument("--data", type=Path, help="folder with parquet parts or torchvision's CIFAR folder")
    parser.add_argument("--count", type=int, default=1000, help="test images, default 1,000")
    parser.add_argument("--out", type=Path, help="default: the table beside the models")
    parser.add_argument("--threads", type=int, help="CPU threads, default torch's choice")
    options = parser.parse_args(argv)
    if options.threads:
        torch.set_num_threads(options.threads)
    with one_line_errors():
        measure(options.names or MODELS, options.data, options.count, options.out)


if __name__ == "__main__":
    main()
