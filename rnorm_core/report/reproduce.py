"""The commands that measure shipped numbers again. Pure functions.

A template is a command with a place for the names of networks, `{names}`. Each command writes to a new file, because it
would skip the rows that the shipped files hold already.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rnorm_core.evaluation import Row, card
from rnorm_core.evaluation.tables import accuracies, laboratories, layer_shifts
from rnorm_core.evaluation.tables.headline import attacks_of
from rnorm_core.training import learning_rates

LABORATORIES = f"{laboratories.COMMAND} {{names}} --out again.jsonl"
EVIDENCE = f"{layer_shifts.COMMAND} {{names}} --out again"
CARD = f"{card.COMMAND} {{names}}"


def command(template: str, names: Iterable[str]) -> str:
    """The template's command for these networks."""
    return template.format(names=" ".join(dict.fromkeys(names)))


class _Met(NamedTuple):
    """What one row of a table of accuracies stands for, without the network and the attack's size."""

    dataset: str
    n: int
    seed: int
    kinds: tuple[str, ...]
    queries: int | None


def rows_commands(rows: Sequence[Row]) -> list[str]:
    """The commands for rows of the tables of accuracies, also of worst cases.

    One command for networks that met the same attacks of the same sizes, on as many images: it measures no other size,
    so that its worst case is that of the row. Each measures the accuracy without an attack, too.
    """
    sizes: dict[_Met, dict[tuple[str, str], list[float]]] = {}  # by network and mode
    for row in sorted(rows, key=lambda row: not row.eps_255):  # a clean row needs no command if the network has one
        network = row.model, row.statistics
        kinds = tuple(sorted({*attacks_of(row)} - {"clean"}))
        met = _Met(row.dataset, row.n, row.seed, kinds, _queries(row))
        if kinds or not any(network in some and met[:3] == other[:3] for other, some in sizes.items()):
            sizes.setdefault(met, {}).setdefault(network, []).append(row.eps_255)
    alike: dict[tuple[_Met, tuple[float, ...]], dict[str, list[str]]] = {}
    for met, by_network in sizes.items():
        for (model, statistics), some in by_network.items():
            modes = alike.setdefault((met, tuple(sorted({*some} - {0}))), {}).setdefault(model, [])
            modes.append(statistics)
    models: dict[tuple[_Met, tuple[float, ...], tuple[str, ...]], list[str]] = {}
    for (met, some), by_model in alike.items():
        for model, modes in by_model.items():
            models.setdefault((met, some, tuple(modes)), []).append(model)
    first = next((met.dataset for met in sizes), "")
    return [
        _sweep(*key, names, "again" if key[0].dataset == first else f"again-{key[0].dataset}")
        for key, names in models.items()
    ]


def _queries(row: Row) -> int | None:
    """The queries of Square Attack, alone or in a worst case."""
    return row.settings["steps"] if row.kind == "square" else row.settings.get("queries")


def _sweep(met: _Met, sizes: Sequence[float], modes: Sequence[str], models: Sequence[str], out: str) -> str:
    """out: the name of the new file; one file holds one data set."""
    parts = [
        accuracies.COMMAND, "--models", *models, "--statistics", *modes, "--attacks", "clean", *met.kinds,
        *(["--eps", *(f"{eps:g}" for eps in sizes)] if sizes else []),
        *(["--queries", str(met.queries)] if met.queries else []), "--count", str(met.n),
        *(["--seed", str(met.seed)] if met.seed else []), "--out", f"{out}.jsonl",
    ]  # fmt: skip
    return " ".join(parts)


def study(trials: Sequence[learning_rates.Trial]) -> str:
    """The command that trains these trials again: every norm at every learning rate, from every seed."""
    values = {key: " ".join(dict.fromkeys(f"{getattr(t, key):g}" for t in trials)) for key in ("peak_lr", "seed", "n")}
    norms, plan = " ".join(dict.fromkeys(t.norm for t in trials)), trials[0].recipe
    return (
        f"{learning_rates.COMMAND} --norms {norms} --rates {values['peak_lr']} --seeds {values['seed']} "
        f"--epochs {plan['epochs']} --precision {plan['precision']} --holdout {values['n']} --out again.jsonl"
    )
