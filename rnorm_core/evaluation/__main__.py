"""Measures the accuracy of the shipped models, clean and attacked, and writes the table that the app shows.

After a stop, run the same command again: it measures only the missing rows of the file. With `torchrun --nproc-per-node
2 -m rnorm_core.evaluation ...` several processes share a sweep; the numbers are the same as with one process. Two
sweeps at the same time need two files. Join the files afterwards and run the command once more: it sorts the rows.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from rnorm_core import data, zoo
from rnorm_core.data.files import locate
from rnorm_core.errors import UserError, one_line_errors
from rnorm_core.evaluation.measure.protocol import (
    ALL_IMAGES,
    EPS_255,
    KINDS,
    QUERIES,
    SMALL_EPS_255,
    SOME_IMAGES,
    STRONG,
    STRONG_EPS_255,
    images,
    plan,
)
from rnorm_core.evaluation.measure.share import ALONE, Share, shared
from rnorm_core.evaluation.measure.sweep import sweep
from rnorm_core.evaluation.tables.accuracies import shipped
from rnorm_core.evaluation.tables.new_rows import one_dataset
from rnorm_core.norms import MODES


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rnorm_core.evaluation", description=__doc__)
    parser.add_argument("--dataset", choices=sorted(data.CLASSES), help="default: every data set that has models")
    parser.add_argument("--models", nargs="+", metavar="NAME", help="models to measure; default: every shipped model")
    shown = f"statistics modes, of {', '.join(MODES)}; a network is measured only in modes of its norm; default: all"
    parser.add_argument("--statistics", nargs="+", choices=MODES, default=MODES, metavar="MODE", help=shown)
    shown = (
        f"of {', '.join(KINDS)}; default: all for adversarially trained models, all but the last for the main ones in "
        f"tracked mode, all but the last {len(STRONG)} for others"
    )
    parser.add_argument("--attacks", nargs="+", choices=KINDS, metavar="ATTACK", help=shown)
    usual, strong, small = (" ".join(f"{eps:g}" for eps in sizes) for sizes in (EPS_255, STRONG_EPS_255, SMALL_EPS_255))
    shown = (
        f"attack sizes in grey levels (k/255); default: {usual}; for the last {len(STRONG)} attacks: {strong} "
        f"for adversarially trained models, {small} for others"
    )
    parser.add_argument("--eps", nargs="+", type=_eps, metavar="K", help=shown)
    parser.add_argument(
        "--queries",
        type=_queries,
        default=QUERIES,
        metavar="N",
        help=f"queries of Square Attack per image, default {QUERIES:,}",
    )
    shown = (
        f"number of test images; default: {ALL_IMAGES:,} for the main and adversarially trained models, "
        f"{SOME_IMAGES:,} for others"
    )
    parser.add_argument("--count", type=int, help=shown)
    parser.add_argument(
        "--seed", type=int, default=0, help="fixes the choice of images and the random numbers of attacks"
    )
    parser.add_argument("--data", type=Path, help="folder with CIFAR: the hub's parquet files, or torchvision's folder")
    parser.add_argument("--out", type=Path, help="file of the table; default: the shipped table of the data set")
    parser.add_argument("--threads", type=int, help="CPU threads; default: torch's choice")
    return parser.parse_args(words)


def run(options: argparse.Namespace, share: Share = ALONE) -> None:
    """Runs the command; UserError for wrong arguments, missing images or a damaged table."""
    if options.threads:
        torch.set_num_threads(options.threads)
    by_dataset: dict[str, list[str]] = {}
    for name in options.models or zoo.names():
        dataset = zoo.card(name).dataset
        if options.models and options.dataset not in (None, dataset):
            raise UserError(f"{name} is not a model for {options.dataset}.", f"use --dataset {dataset}.")
        if options.dataset in (None, dataset):
            by_dataset.setdefault(dataset, []).append(name)
    if not by_dataset:
        raise UserError(
            f"There is no model for {options.dataset or 'any data set'}.", "train one, or name another --dataset."
        )
    if options.out:
        one_dataset(name for names in by_dataset.values() for name in names)
    for dataset, models in by_dataset.items():
        _measure(dataset, models, options, share)


def _measure(dataset: str, models: list[str], options: argparse.Namespace, share: Share) -> None:
    locate(dataset, "test", options.data)  # foolbox's 20 samples are no test set
    if not plan(models, options.statistics, options.attacks, options.eps):
        raise UserError(
            f"There is nothing to measure: {', '.join(models)} have none of the chosen statistics modes.",
            f"choose other modes with --statistics (of {', '.join(MODES)}), or other --models.",
        )
    out, say = options.out or shipped(dataset), partial(print, flush=True)  # flush: a log file shows every line at once
    counts = {name: options.count or images(name) for name in models}
    for count in sorted(set(counts.values())):
        batch = data.load(dataset, "test", count=count, seed=options.seed, directory=options.data)
        some = [name for name in models if counts[name] == count]
        conditions = plan(some, options.statistics, options.attacks, options.eps, options.queries)
        rows = sweep(conditions, batch, out, options.seed, say if share.first else _silent, share)
        if share.first:
            print(f"{out} holds {len(rows)} rows")


def _silent(text: str) -> None:
    """Prints nothing: of several processes only the first one prints."""


def _eps(word: str) -> float:
    eps = float(word)
    if not 0 < eps <= 255:
        raise argparse.ArgumentTypeError(f"{word} is not a number of grey levels above 0, up to 255")
    return eps


def _queries(word: str) -> int:
    queries = int(word)
    if queries < 1:
        raise argparse.ArgumentTypeError(f"{word} is not a number of queries of at least 1")
    return queries


def main(words: Sequence[str] | None = None) -> None:
    with one_line_errors():
        options = arguments(words)
        with shared() as share:
            run(options, share)


if __name__ == "__main__":
    main()
