"""The commands that measure shipped numbers again. Pure functions.

A template is a command with a place for the names of networks, `{names}`. Each command writes to a new file, because it
would skip the rows that the shipped files hold already.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from rnorm_core.evaluation import Row, card
from rnorm_core.evaluation.tables import accuracies, laboratories, layer_shifts
from rnorm_core.evaluation.tables.headline import attacks_of
from rnorm_core.training import learning_rates

LABORATORIES = f"{laboratories.COMMAND} {{names}} --out again.jsonl"
EVIDENCE = f"{layer_shifts.COMMAND} {{names}} --out again"
CARD = f"{card.COMMAND} {{names}}"
K = TypeVar("K")
V = TypeVar("V")


def command(template: str, names: Iterable[str]) -> str:
    """The template's command for these networks."""
    return template.format(names=" ".join(dict.fromkeys(names)))


class _Met(NamedTuple):
    """The images and attacks of a row of a table of accuracies."""

    dataset: str
    n: int
    seed: int
    kinds: tuple[str, ...]
    queries: int | None

    @classmethod
    def by(cls, row: Row) -> "_Met":
        queries = row.settings["steps"] if row.kind == "square" else row.settings.get("queries")
        return cls(row.dataset, row.n, row.seed, tuple(sorted({*attacks_of(row)} - {"clean"})), queries)


def rows_commands(rows: Sequence[Row]) -> list[str]:
    """The commands for rows of the tables of accuracies, also of worst cases.

    One command for networks that met the same attacks of the same sizes, on as many images: it measures no other size,
    so that its worst case is that of the row. Each measures the accuracy without an attack, too.
    """
    attacked = [row for row in rows if row.eps_255]
    with_clean = {(_Met.by(row)[:3], row.model, row.statistics) for row in attacked}
    rest = [row for row in rows if not row.eps_255 and (_Met.by(row)[:3], row.model, row.statistics) not in with_clean]
    sizes = _grouped(((_Met.by(row), row.model, row.statistics), row.eps_255) for row in (*attacked, *rest))
    modes = _grouped(((met, tuple(sorted(eps)), model), mode) for (met, model, mode), eps in sizes.items())
    models = _grouped(((met, eps, some), model) for (met, eps, model), some in modes.items())
    first = next((met.dataset for met, *_ in models), "")
    return [
        _sweep(*key, names, "again" if key[0].dataset == first else f"again-{key[0].dataset}")
        for key, names in models.items()
    ]


def rows_script(rows: Sequence[Row]) -> str:
    """The commands of `rows_commands`, one a line."""
    return "\n".join(rows_commands(rows))


def _grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, tuple[V, ...]]:
    """The different values of each key, in order."""
    found: dict[K, dict[V, None]] = {}
    for key, value in pairs:
        found.setdefault(key, {})[value] = None
    return {key: tuple(values) for key, values in found.items()}


def _sweep(met: _Met, sizes: Sequence[float], modes: Sequence[str], models: Sequence[str], out: str) -> str:
    """out: the name of the new file; one file holds one data set."""
    parts = [
        accuracies.COMMAND, "--models", *models, "--statistics", *modes, "--attacks", "clean", *met.kinds,
        *(["--eps", *(f"{eps:g}" for eps in sizes)] if met.kinds else []),
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
