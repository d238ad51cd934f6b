"""Measures layer shifts and batch sizes for the claims: `python -m rnorm_core.experiments.precompute.evidence`.

It fills two tables beside the models: the shift of each norm layer's input under attacks (claims C1 and C2), and the
accuracy by batch size (C4). Two ResNet-20 take about ten minutes on one CPU core. After a stop, or when weights have
changed, run the same command again: it drops the rows of other weights and measures the missing rows.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import torch

from rnorm_core import attacks, data, evaluation, norms, shift, zoo
from rnorm_core.data.files import locate
from rnorm_core.errors import one_line_errors
from rnorm_core.evaluation.measure.batches import SIZES
from rnorm_core.evaluation.tables import batch_sizes, layer_shifts
from rnorm_core.evaluation.tables.laboratories import STEPS
from rnorm_core.evaluation.tables.layer_shifts import Moved
from rnorm_core.evaluation.tables.new_rows import begin, blank, filled, one_dataset
from rnorm_core.evaluation.tables.row import images_hash, pack
from rnorm_core.experiments.claim_check import ShiftMeter
from rnorm_core.versions import versions

MODELS = ("cifar10-resnet20-bn", "cifar10-resnet20-rn")
EPS_255 = (1, 8, 4, 2, 0.5, 0.25, 1.5)  # the sizes of the accuracy sweep
BATCH, COUNT, SEED = 128, 512, 0
AT_255, ATTACKED = 1, 256  # eps of the attack for C4, and its number of images

Report = Callable[[str], object]


def measure(
    names: Sequence[str],
    directory: Path | None = None,
    count: int = COUNT,
    report: Report = print,
    out: Path | None = None,
) -> None:
    """Measures the missing rows of these models in both tables, which are beside the models or in the folder `out`.

    UserError if one of the models or the test set is missing.
    """
    dataset = one_dataset(names)
    locate(dataset, "test", directory)  # foolbox's 20 samples are no test set
    batch = data.load(dataset, "test", count=count, seed=SEED, directory=directory)
    for table, update in ((layer_shifts, measure_shifts), (batch_sizes, measure_batch_sizes)):
        path = table.shipped(dataset)
        update(names, batch, out / path.name if out else path, report)


# --- C1, C2: layer shifts under attack


def measure_shifts(
    names: Sequence[str], batch: data.Batch, out: Path, report: Report = print, eps_255: Sequence[float] = EPS_255
):
    """Drops the rows of other weights from `out`, then measures each missing row and appends it at once."""
    known = begin(layer_shifts.FILE, out, names)
    for attack, eps in [("clean", 0.0), *(("pgd", e) for e in eps_255), *(("noise", e) for e in eps_255)]:
        for name in names:
            blank = _blank(name, batch, attack, eps)
            if blank.identity not in known:
                row = _moved(blank, batch)
                layer_shifts.FILE.append(out, [row])
                share = row.beyond("wasserstein").mean()
                right = int(row.mask().sum())
                report(f"{name} {attack} {eps:g}/255: {100 * share:.0f} % of layers beyond, {right} of {row.n} right")


def _make(attack: str, eps_255: float) -> attacks.Attack | None:
    if attack == "clean":
        return None
    return attacks.make(attack, eps=eps_255 / 255, steps=STEPS if attack == "pgd" else None)


def _blank(name: str, batch: data.Batch, attack: str, eps_255: float) -> Moved:
    """The row of these conditions, without measurements."""
    card, made = zoo.card(name), _make(attack, eps_255)
    return Moved(
        model=name, weight_hash=card.sha256, dataset=card.dataset, norm=card.norm, attack=attack,
        settings={} if made is None else made.spec, eps_255=eps_255, n=len(batch), batch_size=BATCH, seed=SEED,
        images=images_hash(batch.ids), layers=[], shifts={}, bands={}, hits="", own=None,
        code_version=versions()["robustnorm-lab"], made_with=versions(), date=datetime.now(UTC).date().isoformat(),
    )  # fmt: skip


def _moved(blank: Moved, batch: data.Batch) -> Moved:
    """The row with its measurements. Those in batch mode use the same attacked images."""
    meter, attack = ShiftMeter.of(blank.model), _make(blank.attack, blank.eps_255)
    parts = [batch.select(range(start, min(start + BATCH, len(batch)))) for start in range(0, len(batch), BATCH)]
    measured = [meter.measure(part, attack, seed=SEED, index=index) for index, part in enumerate(parts)]
    shifts = {measure: [_rounded(one.shifts[measure]) for one in measured] for measure in shift.MEASURES}
    bands = {measure: shift.layer_bands(meter.population, "tracked", BATCH, measure) for measure in shift.MEASURES}
    ends = {
        measure: [list(pair) for pair in zip(_rounded(band.low), _rounded(band.high), strict=True)]
        for measure, band in bands.items()
    }
    own = [one.right_batch for one in measured if one.right_batch is not None]
    return replace(
        blank, layers=list(meter.population.statistics.names), shifts=shifts, bands=ends,
        hits=pack(torch.cat([one.right for one in measured])), own=pack(torch.cat(own)) if own else None,
    )  # fmt: skip


def _rounded(values: Iterable[float]) -> list[float]:
    """To four significant digits."""
    return [float(f"{value:.4g}") for value in values]


# --- C4: batch sizes


def measure_batch_sizes(
    names: Sequence[str], batch: data.Batch, out: Path, report: Report = print, images: int = ATTACKED
) -> None:
    """Accuracy with batch statistics by batch size, clean and attacked, and with tracked statistics for comparison."""
    names = [name for name in names if "batch" in norms.modes(zoo.card(name).norm)]
    known = begin(batch_sizes.FILE, out, names)
    some = batch.select(range(min(images, len(batch))))
    for attack, shown in ((None, batch), (attacks.make("pgd", eps=AT_255 / 255, steps=STEPS), some)):
        for statistics, size in [("tracked", BATCH), *(("batch", size) for size in SIZES)]:
            for name in names:
                row = blank(name, statistics, shown, size, {} if attack is None else attack.spec, SEED)
                if row.identity in known:
                    continue
                accuracy = evaluation.accuracy(zoo.load(name, statistics, fold=True), shown, attack, size, seed=SEED)
                batch_sizes.FILE.append(out, [filled(row, accuracy)])
                report(f"{name} {statistics} {row.attack}, batches of {size}: {accuracy.correct} of {accuracy.n}")


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m rnorm_core.experiments.precompute.evidence", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"models to measure; default: {', '.join(MODELS)}")
    parser.add_argument("--data", type=Path, help="folder with CIFAR: the hub's parquet files, or torchvision's folder")
    parser.add_argument("--count", type=int, default=COUNT, help=f"number of test images, default {COUNT}")
    parser.add_argument("--out", type=Path, help="folder of the two tables; default: the folder of the models")
    options = parser.parse_args(argv)
    with one_line_errors():
        if options.out:
            options.out.mkdir(parents=True, exist_ok=True)
        report = partial(print, flush=True)
        measure(options.names or MODELS, options.data, options.count, report, options.out)


if __name__ == "__main__":
    main()
