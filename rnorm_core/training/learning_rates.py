"""Finds how high the learning rate can be with each norm: `python -m rnorm_core.training.learning_rates`.

Many short trainings differ only in the norm and the peak learning rate (recipe `short`: the same for all norms, without
gradient clipping). Each is scored on 5,000 training images that none of them is trained on. This takes about two and a
half hours on one CPU core. Started again after a stop, the command continues. Needs torch, numpy, pyarrow, Pillow and
safetensors.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from rnorm_core import zoo
from rnorm_core.errors import UserError, one_line_errors
from rnorm_core.evaluation import wilson
from rnorm_core.evaluation.tables.jsonl import TableFile, TableRow
from rnorm_core.evaluation.tables.row import wrong_interval
from rnorm_core.home import home
from rnorm_core.norms import DEFAULT_POWER
from rnorm_core.training import __main__ as training
from rnorm_core.training import checkpoint
from rnorm_core.training.loop import Diverged
from rnorm_core.training.precision import fitting
from rnorm_core.training.recipe import PRECISIONS, recipe
from rnorm_core.versions import code_version, versions

COMMAND = "python -m rnorm_core.training.learning_rates"
NORMS = ("bn", "rn", "none")
RATES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
HELD = 5_000  # training images to score on


@dataclass(frozen=True)
class Trial(TableRow):
    """One short training; the fields are the JSON's keys.

    peak_lr:  its highest learning rate, also in `recipe`, which holds every hyper-parameter.
    correct:  number of the n held-back images that are right after the last epoch. low, high: the 95 % Wilson interval,
              as fractions. All three are None if the training diverged.
    diverged_in: the epoch (from 1) in which the loss was no longer a number; else None.
    curve:    rows {epoch, train_loss, train_accuracy, lr, seconds, held_out_accuracy}; () if the training diverged.
    """

    dataset: str
    architecture: str
    norm: str
    power: float | None
    peak_lr: float
    seed: int
    recipe: dict[str, Any]
    n: int
    correct: int | None
    low: float | None
    high: float | None
    diverged_in: int | None
    curve: tuple[dict[str, Any], ...]
    made_with: dict[str, str]
    code_version: str
    date: str

    @property
    def identity(self) -> tuple:
        plan = json.dumps(self.recipe, sort_keys=True)
        return self.dataset, self.architecture, self.norm, self.power, self.seed, self.n, plan

    def contradiction(self) -> str | None:
        if self.norm not in NORMS:
            return f"'norm' is {self.norm!r}, not one of {', '.join(NORMS)}"
        if missing := {"name", "epochs", "precision"} - self.recipe.keys():
            return f"its recipe lacks {', '.join(sorted(missing))}"
        if not all(isinstance(row, dict) for row in self.curve):
            return "a row of its curve is not a JSON object"
        numbers = self.correct, self.low, self.high
        if self.correct is None or self.low is None or self.high is None:
            if any(number is not None for number in numbers) or self.diverged_in is None or self.curve:
                return "it neither diverged nor was scored"
            return None
        if self.diverged_in is not None or not self.curve:
            return "it is scored, and diverged or has no curve"
        if not 0 <= self.correct <= self.n or self.n < 1:
            return f"{self.correct} of {self.n} images"
        return wrong_interval(self.correct, self.n, self.low, self.high)


FILE = TableFile(Trial, COMMAND)


def shipped(dataset: str) -> Path:
    """The file of the shipped study, beside the networks; it need not exist."""
    return zoo.DIRECTORY / f"{dataset}-learning-rates.jsonl"


def read(path: Path) -> tuple[Trial, ...]:
    """All trials of a study, () if there is no file; UserError names the first broken line."""
    return FILE.read(path) if path.exists() else ()


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument(
        "--norms", nargs="+", choices=NORMS, default=NORMS, metavar="NORM", help=f"of {', '.join(NORMS)}; default: all"
    )
    parser.add_argument("--rates", nargs="+", type=float, default=RATES, metavar="LR", help="peak learning rates")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="SEED")
    parser.add_argument("--epochs", type=int, help="number of epochs, instead of the recipe's")
    parser.add_argument("--precision", choices=PRECISIONS, help="default: bf16 where the hardware has it")
    parser.add_argument("--width", type=float, default=1.0, help="factor for every number of channels")
    parser.add_argument(
        "--holdout", type=int, default=HELD, help=f"number of training images for scoring only, default {HELD:,}"
    )
    parser.add_argument("--data", type=Path, help="folder with CIFAR: the hub's parquet files, or torchvision's folder")
    parser.add_argument("--work", type=Path, help="folder of checkpoints; default: learning-rates in RNORM_HOME")
    parser.add_argument("--out", type=Path, help="file of the table; default: the shipped table")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="CPU threads; default: torch's choice")
    options = parser.parse_args(argv)
    options.work = options.work or home() / "learning-rates"
    return options


def run(options: argparse.Namespace) -> tuple[Trial, ...]:
    """Runs the trials that are missing in `--out` and adds each finished trial; returns all trials of the file."""
    if options.width != 1 and not options.out:
        raise UserError("The shipped table holds only networks of width 1.", "name another file with --out.")
    path = options.out or shipped("cifar10")
    for seed in options.seeds:
        for rate in options.rates:
            for norm in options.norms:  # norms take turns, so that a stopped study can compare them
                blank = _blank(norm, rate, seed, options)
                trials = FILE.heal(path)
                if blank.identity not in {trial.identity for trial in trials}:
                    FILE.write(path, (*trials, _train(blank, options)))
                    saved = checkpoint.at(options.work, training.working_name(_name(blank), options.holdout))
                    saved.unlink(missing_ok=True)  # no checkpoint exists if epoch 1 diverged
    return read(path)


def _blank(norm: str, rate: float, seed: int, options: argparse.Namespace) -> Trial:
    changes = {key: value for key in ("epochs", "precision") if (value := getattr(options, key))}
    chosen = recipe("short", norm, peak_lr=rate, **changes)
    plan = chosen if options.precision else fitting(chosen, torch.device(options.device))
    return Trial(
        dataset="cifar10", architecture="resnet20", norm=norm, power=DEFAULT_POWER if norm == "rn" else None,
        peak_lr=rate, seed=seed, recipe=json.loads(json.dumps(asdict(plan))), n=options.holdout, correct=None, low=None,
        high=None, diverged_in=None, curve=(), made_with=versions(), code_version=code_version(),
        date=datetime.now(UTC).date().isoformat(),
    )  # fmt: skip


def _train(blank: Trial, options: argparse.Namespace) -> Trial:
    words = ["--norm", blank.norm, "--recipe", "short", "--lr", blank.peak_lr, "--seed", blank.seed]
    words += ["--epochs", blank.recipe["epochs"], "--precision", blank.recipe["precision"]]
    words += ["--width", options.width, "--holdout", options.holdout]
    words += ["--name", _name(blank), "--work", options.work]
    words += ["--device", options.device]
    words += [word for key in ("data", "threads") if (value := getattr(options, key)) for word in (f"--{key}", value)]
    try:
        curve = training.run(training.arguments([str(word) for word in words]))
    except Diverged as error:
        print(error.what, flush=True)
        return replace(blank, diverged_in=error.epoch)
    correct = round(curve[-1]["held_out_accuracy"] * blank.n)
    low, high = (round(end, 6) for end in wilson(correct, blank.n))
    return replace(blank, correct=correct, low=low, high=high, curve=tuple(curve))


def _name(blank: Trial) -> str:
    return f"{blank.norm}-lr{blank.peak_lr:g}-seed{blank.seed}"


def main(argv: Sequence[str] | None = None) -> None:
    with one_line_errors():
        for trial in run(arguments(argv)):
            end = f"diverged in epoch {trial.diverged_in}" if trial.correct is None else f"{trial.correct} of {trial.n}"
            print(f"{trial.norm:5} seed {trial.seed} peak learning rate {trial.peak_lr:<5g} {end}")


if __name__ == "__main__":
    main()
