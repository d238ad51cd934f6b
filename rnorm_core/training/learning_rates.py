"""How high a learning rate can be with each norm: `python -m rnorm_core.training.learning_rates`.

Many short trainings (recipe `short`: without gradient clipping, equal for all norms) that differ in norm and peak
learning rate, each scored on 5,000 training images held back from all of them. About two hours and a half of one CPU
core. Needs torch, numpy, pyarrow, Pillow and safetensors. Run again after a stop, it goes on where it was.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from rnorm_core import zoo
from rnorm_core.errors import UserError, one_line_errors
from rnorm_core.evaluation import wilson
from rnorm_core.replace import put
from rnorm_core.training import __main__ as training
from rnorm_core.training import checkpoint
from rnorm_core.training.loop import Diverged
from rnorm_core.training.precision import fitting
from rnorm_core.training.recipe import PRECISIONS, recipe
from rnorm_core.versions import code_version, versions

COMMAND = "python -m rnorm_core.training.learning_rates"
NORMS = ("bn", "rn", "none")
RATES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)
HELD = 5_000
FIX = "make room or name another file with --out; run again, nothing is trained twice."


@dataclass(frozen=True)
class Trial:
    """One short training; the fields are the JSON's keys.

    peak_lr:  its highest learning rate, also in `recipe`, which holds every hyper-parameter.
    correct:  of the n held-back images after the last epoch, with the 95 % Wilson interval low to high as fractions;
              all three None if the loss ceased to be a number, in epoch `diverged_in` (from 1; else None).
    curve:    rows {epoch, train_loss, train_accuracy, lr, seconds, held_out_accuracy}; () if it diverged.
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
        """Trials that share it are the same training."""
        plan = json.dumps(self.recipe, sort_keys=True)
        return self.dataset, self.architecture, self.norm, self.power, self.seed, self.n, plan


def shipped(dataset: str) -> Path:
    """Where the study lies beside the models."""
    return zoo.DIRECTORY / f"{dataset}-learning-rates.jsonl"


def read(path: Path) -> tuple[Trial, ...]:
    """All trials of a study, () if there is no file; UserError names the first line that is not sound."""
    if not path.exists():
        return ()
    known, found = {field.name for field in fields(Trial)}, []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            content = json.loads(line)
            if not isinstance(content, dict) or content.keys() != known:
                raise ValueError("its fields are not those of a trial")
            if missing := {"name", "epochs", "precision"} - set(content["recipe"]):
                raise ValueError(f"its recipe lacks {', '.join(sorted(missing))}")
            content["curve"] = tuple(content["curve"])
            found.append(Trial(**content))
        except (ValueError, TypeError) as error:
            raise UserError(
                f"Line {number} of {path.name} is not sound: {error}.", "restore the file, or delete the line."
            ) from error
    return tuple(found)


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    parser.add_argument("--norms", nargs="+", choices=NORMS, default=NORMS, metavar="NORM")
    parser.add_argument("--rates", nargs="+", type=float, default=RATES, metavar="LR", help="peak learning rates")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="SEED")
    parser.add_argument("--epochs", type=int, help="instead of the recipe's")
    parser.add_argument("--precision", choices=PRECISIONS, help="default: bf16 where the hardware has it")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--holdout", type=int, default=HELD, help="training images to score on")
    parser.add_argument("--data", type=Path, help="folder with parquet parts or torchvision's CIFAR folder")
    parser.add_argument("--work", type=Path, default=training.CACHE / "learning-rates", help="folder of checkpoints")
    parser.add_argument("--out", type=Path, help="default: beside the models")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="CPU threads")
    return parser.parse_args(argv)


def run(options: argparse.Namespace) -> tuple[Trial, ...]:
    """Trains what `--out` does not hold yet, adding each trial as it is done; returns all that the file holds."""
    if options.width != 1 and not options.out:
        raise UserError("The shipped study is of networks at full width.", "name another file with --out.")
    path = options.out or shipped("cifar10")
    for seed in options.seeds:
        for rate in options.rates:
            for norm in options.norms:  # side by side, so that a study that is stopped compares norms already
                blank = _blank(norm, rate, seed, options)
                trials = read(path)
                if blank.identity not in {trial.identity for trial in trials}:
                    put({path: _text((*trials, _train(blank, options)))}, FIX)
                    saved = checkpoint.at(options.work, training.working_name(_name(blank), options.holdout))
                    saved.unlink(missing_ok=True)  # there is none if it diverged in its first epoch
    return read(path)


def _blank(norm: str, rate: float, seed: int, options: argparse.Namespace) -> Trial:
    changes = {key: value for key in ("epochs", "precision") if (value := getattr(options, key))}
    asked = recipe("short", norm, peak_lr=rate, **changes)
    plan = asked if options.precision else fitting(asked, torch.device(options.device))
    return Trial(
        dataset="cifar10", architecture="resnet20", norm=norm, power=0.2 if norm == "rn" else None, peak_lr=rate,
        seed=seed, recipe=json.loads(json.dumps(asdict(plan))), n=options.holdout, correct=None, low=None, high=None,
        diverged_in=None, curve=(), made_with=versions(), code_version=code_version(),
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


def _text(trials: Sequence[Trial]) -> bytes:
    return "".join(json.dumps(asdict(trial)) + "\n" for trial in trials).encode()


def main(argv: Sequence[str] | None = None) -> None:
    with one_line_errors():
        for trial in run(arguments(argv)):
            end = f"diverged in epoch {trial.diverged_in}" if trial.correct is None else f"{trial.correct} of {trial.n}"
            print(f"{trial.norm:5} seed {trial.seed} peak learning rate {trial.peak_lr:<5g} {end}")


if __name__ == "__main__":
    main()
