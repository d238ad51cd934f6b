"""Measures how accurate the shipped models are, clean and attacked, and writes the table that the app shows.

Run the same command again after a stop: what the file holds is not measured twice. Two sweeps at once need files of
their own; put one behind the other and run the command once more, which sorts them.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch

from rnorm_core import data, zoo
from rnorm_core.data.files import locate
from rnorm_core.errors import UserError
from rnorm_core.evaluation.sweep import ATTACKS, EPS_255, plan, sweep
from rnorm_core.evaluation.table import shipped
from rnorm_core.norms import MODES


def arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rnorm_core.evaluation", description=__doc__)
    parser.add_argument("--dataset", choices=sorted(data.CLASSES), default="cifar10")
    parser.add_argument("--models", nargs="+", metavar="NAME", help="default: every shipped model of the data set")
    shown = f"of {', '.join(MODES)}; each network is measured in those it has"
    parser.add_argument("--statistics", nargs="+", choices=MODES, default=MODES, metavar="MODE", help=shown)
    shown = f"of {', '.join(ATTACKS)}"
    parser.add_argument("--attacks", nargs="+", choices=ATTACKS, default=ATTACKS, metavar="ATTACK", help=shown)
    shown = f"attack sizes in grey levels (k/255), default {' '.join(f'{eps:g}' for eps in EPS_255)}"
    parser.add_argument("--eps", nargs="+", type=_eps, default=EPS_255, metavar="K", help=shown)
    parser.add_argument("--count", type=int, default=2000, help="test images, default 2000")
    parser.add_argument("--seed", type=int, default=0, help="picks the images and the attacks' random numbers")
    parser.add_argument("--data", type=Path, help="folder with parquet parts or torchvision's CIFAR folder")
    parser.add_argument("--out", type=Path, help="default: the table beside the models")
    parser.add_argument("--threads", type=int, help="CPU threads, default torch's choice")
    return parser.parse_args(words)


def run(options: argparse.Namespace) -> None:
    """What the command does; UserError where it cannot."""
    if options.threads:
        torch.set_num_threads(options.threads)
    models = options.models or [name for name in zoo.names() if zoo.card(name).dataset == options.dataset]
    for name in models:
        if zoo.card(name).dataset != options.dataset:
            raise UserError(f"{name} is no model of {options.dataset}.", f"use --dataset {zoo.card(name).dataset}.")
    locate(options.dataset, "test", options.data)  # foolbox's 20 samples are no test set
    batch = data.load(options.dataset, "test", count=options.count, seed=options.seed, directory=options.data)
    conditions = plan(models, options.statistics, options.attacks, options.eps)
    if not conditions:
        raise UserError(
            f"There is nothing to measure: {', '.join(models) or 'no model'} in none of these modes.",
            f"choose among {', '.join(MODES)} with --statistics, or other --models.",
        )
    out = options.out or shipped(options.dataset)
    rows = sweep(conditions, batch, out, options.seed, partial(print, flush=True))  # seen at once in a log, too
    print(f"{out} holds {len(rows)} rows")


def _eps(word: str) -> float:
    eps = float(word)
    if not 0 < eps <= 255:
        raise argparse.ArgumentTypeError(f"{word} is not a number of grey levels above 0, up to 255")
    return eps


def main(words: Sequence[str] | None = None) -> None:
    try:
        run(arguments(words))
    except UserError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on from here")


if __name__ == "__main__":
    main()
