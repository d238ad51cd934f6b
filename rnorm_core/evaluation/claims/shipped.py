"""The claims judged from the measurements that ship with the models."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from rnorm_core import zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation.claims.judge import Judgement, judge
from rnorm_core.evaluation.tables import accuracies, batch_sizes, laboratories, layer_shifts
from rnorm_core.evaluation.tables.accuracies import Table
from rnorm_core.evaluation.tables.freshness import shipped_weights
from rnorm_core.evaluation.tables.layer_shifts import Moved
from rnorm_core.evaluation.tables.row import Row

R = TypeVar("R", Row, Moved)


@dataclass(frozen=True, eq=False)
class Shipped:
    """by_claim: claim id -> its judgements; an empty list if nothing was measured.

    notices: sentences about files and rows that were left out, with the reason.
    table:   the accuracies behind the judgements; empty if the file could not be read.
    """

    by_claim: dict[str, list[Judgement]]
    notices: tuple[str, ...]
    table: Table


def shipped(dataset: str = "cifar10") -> Shipped:
    """Judges the claims from the table of accuracies, the three files beside it and the cards.

    Missing and damaged files are left out, and so are rows of other weights than the shipped ones.
    """
    notices: list[str] = []
    table = Table(())
    try:
        table = accuracies.table(dataset)
        notices += [table.notice] if table.notice else []
    except UserError as error:
        notices.append(str(error))
    moved = _beside("Measured layers", lambda: layer_shifts.moved(dataset), layer_shifts.COMMAND, notices)
    by_size = _beside("Batch sizes", lambda: batch_sizes.by_size(dataset), layer_shifts.COMMAND, notices)
    rows = _beside("The laboratories' rows", lambda: laboratories.current(dataset), laboratories.COMMAND, notices)
    cards = [card for name, _ in shipped_weights() if (card := zoo.card(name)).dataset == dataset]
    return Shipped(judge(table.rows, moved, by_size, cards, rows), tuple(notices), table)


def _beside(
    title: str, read: Callable[[], tuple[tuple[R, ...], tuple[R, ...]]], command: str, notices: list[str]
) -> tuple[R, ...]:
    """The rows of a file that are of the shipped weights; none, and a notice, if the file is damaged."""
    try:
        rows, stale = read()
    except UserError as error:
        notices.append(str(error))
        return ()
    if stale:
        names = ", ".join(sorted({row.model for row in stale}))
        notices.append(
            f"{title} of {names} are left out: they belong to other weights than the shipped ones. Measure again with "
            f"`{command}`."
        )
    return rows
