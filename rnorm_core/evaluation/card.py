"""Measures the accuracies on a model's card: `python -m rnorm_core.evaluation.card cifar10-resnet20-bn`."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from rnorm_core import attacks, data, norms, zoo
from rnorm_core.cards import write_card
from rnorm_core.data.files import NOWHERE, not_found, split_files
from rnorm_core.errors import one_line_errors
from rnorm_core.evaluation import accuracy

COMMAND = "python -m rnorm_core.evaluation.card"
EPS_255 = (0.25, 0.5, 1, 2, 4, 8)
SEED = 0  # picks the attacked images and, batch by batch, the attack's random numbers
COUNT = 1_000  # attacked images; more would take too long for a card


def measure(
    name: str, directory: Path | None = None, count: int = COUNT, say: Callable[[str], None] = print
) -> zoo.Card:
    """Measures a shipped model on the test set and writes the rows into its card. Returns the new card.

    Clean accuracy is measured on all test images in each statistics mode, in batches of 128 in canonical order. In
    modes that do not depend on the batch, accuracy under PGD-20 at `EPS_255` is measured, too, on `count` images that
    are chosen with `SEED`. UserError if the full test set is not there.
    """
    card = zoo.card(name)
    if not complete_test_set(card.dataset, directory):
        raise not_found(card.dataset, "test", NOWHERE if directory is None else f"{directory} has none.")
    everything = data.load(card.dataset, "test", directory=directory)
    some = data.load(card.dataset, "test", count=min(count, len(everything)), seed=SEED, directory=directory)
    rows = []

    def add(statistics: str, batch: data.Batch, attack: attacks.Attack | None, eps_255: float | None) -> None:
        measured = accuracy(zoo.load(name, statistics, fold=True), batch, attack, seed=SEED)
        settings = measured.spec | {"batch_size": measured.batch_size, "seed": SEED}
        conditions = {
            "split": "test",
            "attack": attack and attack.spec["name"],
            "settings": settings,
            "eps_255": eps_255,
        }
        result = {
            "n": measured.n,
            "correct": measured.correct,
            "low": round(measured.low, 6),
            "high": round(measured.high, 6),
        }
        rows.append(conditions | {"statistics": statistics} | result)
        condition = f"pgd at {eps_255}/255" if attack else "clean"
        say(f"{name} {statistics} {condition}: {measured.correct} of {measured.n}")

    modes = norms.modes(card.norm)
    for statistics in modes:
        add(statistics, everything, None, None)
    for statistics in modes:
        if not norms.looks_at_batch(statistics):
            for eps_255 in EPS_255:
                add(statistics, some, attacks.make("pgd", eps=eps_255 / 255, steps=20), eps_255)
    filled = replace(card, accuracies=tuple(rows))
    write_card(zoo.DIRECTORY / f"{name}.json", filled)
    return filled


def complete_test_set(dataset: str, directory: Path | None) -> bool:
    """Whether the whole test set can be read, not only a few samples of it."""
    if directory is not None:
        return bool(split_files(directory, dataset, "test"))
    return any(source.complete for source in data.available(dataset))


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("names", nargs="+", metavar="NAME", help="models to measure")
    parser.add_argument("--data", type=Path, help="folder with CIFAR: the hub's parquet files, or torchvision's folder")
    parser.add_argument("--count", type=int, default=COUNT, help=f"number of attacked images, default {COUNT:,}")
    options = parser.parse_args(argv)
    with one_line_errors("nothing was written for the network that was being measured"):
        for name in options.names:
            measure(name, options.data, options.count)


if __name__ == "__main__":
    main()
