"""Measures how accurate the shipped models are, clean and attacked, and writes the table that the app shows.

Run the same command again after a stop: what the file holds is not measured twice. With
`torchrun --nproc-per-node 2 -m rnorm_core.evaluation ...` several processes share a sweep, and the numbers are those of
one. Two sweeps at once need files of their own; put one behind the other and run the command once more, which sorts
them.
"""

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from rnorm_core import data, zoo
from rnorm_core.data.files import locate
from rnorm_core.errors import UserError, one_line_errors
from rnorm_core.evaluation.blank import one_dataset
from rnorm_core.evaluation.protocol import (
    ALL_IMAGES,
    EPS_255,
    KINDS,
    QUERIES,
    SOME_IMAGES,
    STRONG,
    STRONG_EPS_255,
    images,
    plan,
)
from rnorm_core.evaluation.share import ALONE, Share, shared
from rnorm_core.evaluation.sweep import sweep
from rnorm_core.evaluation.table import shipped
from rnorm_core.norms import MODES


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rnorm_core.evaluation", description=__doc__)
    parser.add_argument("--dataset", choices=sorted(data.CLASSES), help="default: all that there are models of")
    parser.add_argument("--models", nargs="+", metavar="NAME", help="default: every shipped model")
    shown = f"of {', '.join(MODES)}; each network is measured in those it has"
    parser.add_argument("--statistics", nargs="+", choices=MODES, default=MODES, metavar="MODE", help=shown)
    shown = f"of {', '.join(KINDS)}; default: all but the last {len(STRONG)}, which are for adversarial training"
    parser.add_argument("--attacks", nargs="+", choices=KINDS, metavar="ATTACK", help=shown)
    usual, strong = (" ".join(f"{eps:g}" for eps in sizes) for sizes in (EPS_255, STRONG_EPS_255))
    shown = f"attack sizes in grey levels (k/255), default {usual}; of the last {len(STRONG)} attacks {strong}"
    parser.add_argument("--eps", nargs="+", type=_eps, metavar="K", help=shown)
    parser.add_argument("--queries", type=_queries, default=QUERIES, metavar="N", help="of Square Attack")
    shown = (
        f"test images, default {ALL_IMAGES:,} of the main and adversarially trained models, {SOME_IMAGES:,} of others"
    )
    parser.add_argument("--count", type=int, help=shown)
    parser.add_argument("--seed", type=int, default=0, help="picks the images and the attacks' random numbers")
    parser.add_argument("--data", type=Path, help="folder with parquet parts or torchvision's CIFAR folder")
    parser.add_argument("--out", type=Path, help="default: the data set's table beside the models")
    parser.add_argument("--threads", type=int, help="CPU threads, default torch's choice")
    return parser.parse_args(words)


def run(options: argparse.Namespace, share: Share = ALONE) -> None:
    """What the command does; UserError where it cannot."""
    if options.threads:
        torch.set_num_threads(options.threads)
    by_dataset: dict[str, list[str]] = {}
    for name in options.models or zoo.names():
        dataset = zoo.card(name).dataset
        if options.models and options.dataset not in (None, dataset):
            raise UserError(f"{name} is no model of {options.dataset}.", f"use --dataset {dataset}.")
        if options.dataset in (None, dataset):
            by_dataset.setdefault(dataset, []).append(name)
    if not by_dataset:
        raise UserError(f"There is no model of {options.dataset or 'any data set'}.", "train one, or name another.")
    if options.out:
        one_dataset(name for names in by_dataset.values() for name in names)
    for dataset, models in by_dataset.items():
        _measure(dataset, models, options, share)


def _measure(dataset: str, models: list[str], options: argparse.Namespace, share: Share) -> None:
    locate(dataset, "test", options.data)  # foolbox's 20 samples are no test set
    if not plan(models, options.statistics, options.attacks, options.eps):
        raise UserError(
            f"There is nothing to measure: {', '.join(models)} in none of these modes.",
            f"choose among {', '.join(MODES)} with --statistics, or other --models.",
        )
    out, say = options.out or shipped(dataset), partial(print, flush=True)  # seen at once in a log, too
    counts = {name: options.count or images(name) for name in models}
    for count in sorted(set(counts.values())):
        batch = data.load(dataset, "test", count=count, seed=options.seed, directory=options.data)
        some = [name for name in models if counts[name] == count]
        conditions = plan(some, options.statistics, options.attacks, options.eps, options.queries)
        rows = sweep(conditions, batch, out, options.seed, say if share.first else _silent, share)
        if share.first:
            print(f"{out} holds {len(rows)} rows")


def _silent(text: str) -> None:
    """The first of several processes speaks for all."""


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
