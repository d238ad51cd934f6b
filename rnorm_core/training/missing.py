"""Trains and measures what the zoo lacks: `python -m rnorm_core.training.missing`; `--list` says what that is.

Needs torch, numpy, pyarrow, Pillow and safetensors. Networks come in the order of `shipped.ZOO`; one that has weights
is not trained again, one whose training was stopped goes on, one that was not measured is. Several of these commands
may run side by side if `--only` gives them different networks and none has `--sweep`: there is one table.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from rnorm_core import zoo
from rnorm_core.errors import UserError, one_line_errors
from rnorm_core.evaluation import __main__ as sweeping
from rnorm_core.evaluation import read as read_table
from rnorm_core.evaluation.table import shipped as table_of
from rnorm_core.training import __main__ as training
from rnorm_core.training import checkpoint, measure, population
from rnorm_core.training.shipped import ZOO


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rnorm_core.training.missing", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=ZOO, default=list(ZOO), metavar="NAME", help="of the zoo")
    parser.add_argument("--list", action="store_true", help="say what is there, and do nothing")
    parser.add_argument("--population", action="store_true", help="also what arrives at the norm layers in training")
    parser.add_argument("--sweep", action="store_true", help="also the table of accuracies, on the images planned")
    parser.add_argument("--count", type=int, help="images of the table instead")
    parser.add_argument("--data", type=Path, help="folder with parquet parts or torchvision's CIFAR folder")
    parser.add_argument("--work", type=Path, default=training.CACHE, help="folder of checkpoints and logs")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, help="CPU threads")
    return parser.parse_args(argv)


def run(options: argparse.Namespace) -> list[str]:
    """Does what is asked for, and returns what went wrong: a network that fails does not keep the others waiting."""
    wanted = [name for name in ZOO if name in options.only]
    if options.list:
        for name in wanted:
            print(f"{name:32}{state(name, options.work)}")
        return []
    failures = []
    for name in wanted:
        try:
            _complete(name, options)
        except UserError as error:
            failures.append(f"{name}: {error}")
            print(f"error: {failures[-1]}", flush=True)
    if options.sweep and (there := [name for name in wanted if name in zoo.names()]):
        words = ["--models", *there, *_given(options, "data", "threads", "count")]
        sweeping.run(sweeping.arguments(words))
    return failures


def _complete(name: str, options: argparse.Namespace) -> None:
    """Trains and measures one network, as far as it is not yet."""
    given = _given(options, "data", "threads", "work", "device")
    if name not in zoo.names():
        training.run(training.arguments([*ZOO[name].split(), "--name", name, *given]))  # measures it as well
    elif not zoo.card(name).accuracies:
        measure.measure(name, options.data)
    if options.population and not zoo.population_path(name).exists():
        print(f"written: {population.measure(name, options.data, options.device)}", flush=True)


def state(name: str, work: Path) -> str:
    """What there is of a network, in words."""
    if name not in zoo.names():
        path = checkpoint.at(work, name)
        return f"missing, trained for {_epochs(path)} epochs" if path.exists() else "missing"
    card = zoo.card(name)
    clean = card.accuracy()
    said = [f"trained, {100 * clean['correct'] / clean['n']:.1f} % clean" if clean else "trained, not measured"]
    if not zoo.population_path(name).exists():
        said.append("no population")
    rows = read_table(path) if (path := table_of(card.dataset)).exists() else ()
    found = sum((row.model, row.weight_hash) == (name, card.sha256) for row in rows)
    return ", ".join([*said, f"{found} rows in the table"])


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
