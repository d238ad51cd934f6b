"""Trains and measures the missing networks of the zoo: `python -m rnorm_core.training.missing`; `--list` names them.

Needs torch, numpy, pyarrow, Pillow and safetensors. The networks are trained in the order of `shipped.ZOO`. A network
that has weights is not trained again, a stopped training continues, and a network without accuracies is measured.
Several of these commands may run at the same time if `--only` gives them different networks and none has `--sweep`,
since all sweeps write to one table.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from rnorm_core import zoo
from rnorm_core.errors import UserError, one_line_errors
from rnorm_core.evaluation import __main__ as sweeping
from rnorm_core.evaluation import card as evaluation_card
from rnorm_core.evaluation import read as read_table
from rnorm_core.evaluation.tables.accuracies import shipped as table_of
from rnorm_core.home import home
from rnorm_core.shift import reference
from rnorm_core.training import __main__ as training
from rnorm_core.training import checkpoint
from rnorm_core.training.shipped import ZOO


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rnorm_core.training.missing", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=ZOO, default=list(ZOO), metavar="NAME", help="only these networks of the zoo"
    )
    parser.add_argument("--list", action="store_true", help="only print the state of each network")
    parser.add_argument(
        "--population", action="store_true", help="also measure the inputs of the norm layers on the training images"
    )
    parser.add_argument("--sweep", action="store_true", help="also measure the rows of the table of accuracies")
    parser.add_argument(
        "--count",
        type=int,
        help="number of test images for the table, instead of the default of `rnorm_core.evaluation`",
    )
    parser.add_argument("--data", type=Path, help="folder with CIFAR: the hub's parquet files, or torchvision's folder")
    parser.add_argument(
        "--work", type=Path, help="folder of checkpoints and logs; default: RNORM_HOME, or ~/.cache/rnorm-lab"
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="CPU threads; default: torch's choice")
    options = parser.parse_args(argv)
    options.work = options.work or home()
    return options


def run(options: argparse.Namespace) -> list[str]:
    """Trains and measures the networks; returns one text per failure. After a failure the next network follows."""
    chosen = [name for name in ZOO if name in options.only]
    if options.list:
        for name in chosen:
            print(f"{name:32}{state(name, options.work)}")
        return []
    failures = []
    for name in chosen:
        try:
            _complete(name, options)
        except UserError as error:
            failures.append(f"{name}: {error}")
            print(f"error: {failures[-1]}", flush=True)
    if options.sweep and (present := [name for name in chosen if name in zoo.names()]):
        words = ["--models", *present, *_given(options, "data", "threads", "count")]
        sweeping.run(sweeping.arguments(words))
    return failures


def _complete(name: str, options: argparse.Namespace) -> None:
    """Trains and measures one network, unless that is done already."""
    given = _given(options, "data", "threads", "work", "device")
    if name not in zoo.names():
        training.run(training.arguments([*ZOO[name].split(), "--name", name, *given]))  # measures it as well
    elif not zoo.card(name).accuracies:
        evaluation_card.measure(name, options.data)
    if options.population and not zoo.population_path(name).exists():
        print(f"written: {reference.measure(name, options.data, options.device)}", flush=True)


def state(name: str, work: Path) -> str:
    """The state of a network as a text: "trained, 91.0 % clean, 44 rows in the table"."""
    if name not in zoo.names():
        path = checkpoint.at(work, name)
        return f"missing, trained for {_epochs(path)} epochs" if path.exists() else "missing"
    card = zoo.card(name)
    clean = card.accuracy()
    parts = [f"trained, {100 * clean['correct'] / clean['n']:.1f} % clean" if clean else "trained, not measured"]
    if not zoo.population_path(name).exists():
        parts.append("no population")
    rows = read_table(path) if (path := table_of(card.dataset)).exists() else ()
    measured = sum((row.model, row.weight_hash) == (name, card.sha256) for row in rows)
    return ", ".join([*parts, f"{measured} rows in the table"])


def _epochs(path: Path) -> str:
    _, progress = checkpoint.read(path)
    return f"{len(progress['curve'])} of {progress['identity']['recipe']['epochs']}"


def _given(options: argparse.Namespace, *names: str) -> list[str]:
    return [word for name in names if (value := getattr(options, name)) for word in (f"--{name}", str(value))]


def main(argv: Sequence[str] | None = None) -> None:
    with one_line_errors():
        failures = run(arguments(argv))
    if failures:
        sys.exit(f"{len(failures)} networks are still missing:\n" + "\n".join(failures))


if __name__ == "__main__":
    main()
