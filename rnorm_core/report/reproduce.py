"""The commands that measure shipped numbers again. Pure functions.

A template is a command with places for the networks' names, `{names}`, and the number of images, `{n}`. Each command
writes to a new file, because it would skip the rows that the shipped files hold already.
"""

from collections.abc import Iterable, Sequence

from rnorm_core.evaluation import Row, card
from rnorm_core.evaluation.tables import accuracies, laboratories, layer_shifts
from rnorm_core.evaluation.tables.headline import attacks_of
from rnorm_core.training import learning_rates

LABORATORIES = f"{laboratories.COMMAND} {{names}} --out again.jsonl"
EVIDENCE = f"{layer_shifts.COMMAND} {{names}} --out again"
CARD = f"{card.COMMAND} {{names}}"


def sweep(statistics: Iterable[str], attacks: Iterable[str], eps_255: Iterable[float] = ()) -> str:
    """A template for the table of accuracies: these statistics modes and attacks, all planned sizes unless given."""
    sizes = " ".join(f"{eps:g}" for eps in dict.fromkeys(eps_255) if eps)
    what = f"--statistics {' '.join(dict.fromkeys(statistics))} --attacks {' '.join(dict.fromkeys(attacks))}"
    what += f" --eps {sizes}" if sizes else ""
    return f"{accuracies.COMMAND} --models {{names}} {what} --count {{n}} --out again.jsonl"


def command(template: str, names: Iterable[str], n: int = 0) -> str:
    """The template's command for these networks and, where the template has a place for them, n images."""
    return template.format(names=" ".join(dict.fromkeys(names)), n=n)


def rows_commands(rows: Sequence[Row]) -> str:
    """The commands for rows of the tables of accuracies, also of worst cases: a line for each data set and number of
    images.
    """
    by_images: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        by_images.setdefault((row.dataset, row.n), []).append(row)
    lines = []
    for (_, n), some in by_images.items():
        kinds = sorted({kind for row in some for kind in attacks_of(row)} - {"clean"})
        form = sweep((row.statistics for row in some), ("clean", *kinds), sorted({row.eps_255 for row in some}))
        lines.append(command(form, (row.model for row in some), n))
    return "\n".join(lines)


def row_command(row: Row) -> str:
    """The command for one row of the table of accuracies; for a worst case, the attacks that it is made of."""
    kinds = " ".join(attacks_of(row))
    size = f" --eps {row.eps_255:g}" if row.eps_255 else ""
    queries = f" --queries {row.settings['steps']}" if row.kind == "square" else ""
    return (
        f"{accuracies.COMMAND} --models {row.model} --statistics {row.statistics} --attacks {kinds}"
        f"{size}{queries} --count {row.n} --seed {row.seed} --out again.jsonl"
    )


def study(trials: Sequence[learning_rates.Trial]) -> str:
    """The command that trains these trials again: every norm at every learning rate, from every seed."""
    values = {key: " ".join(dict.fromkeys(f"{getattr(t, key):g}" for t in trials)) for key in ("peak_lr", "seed", "n")}
    norms, plan = " ".join(dict.fromkeys(t.norm for t in trials)), trials[0].recipe
    return (
        f"{learning_rates.COMMAND} --norms {norms} --rates {values['peak_lr']} --seeds {values['seed']} "
        f"--epochs {plan['epochs']} --precision {plan['precision']} --holdout {values['n']} --out again.jsonl"
    )
