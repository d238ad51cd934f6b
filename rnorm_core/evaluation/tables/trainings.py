"""Two networks, each with the trainings that differ from it in their seed alone, compared over seeds."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from rnorm_core import zoo
from rnorm_core.evaluation.measure.over_seeds import OverSeeds, over_seeds
from rnorm_core.evaluation.tables import curves
from rnorm_core.evaluation.tables.accuracies import Table
from rnorm_core.evaluation.tables.alike import shared
from rnorm_core.evaluation.tables.row import Row
from rnorm_core.model_names import siblings
from rnorm_core.zoo import Card, Variant


@dataclass(frozen=True, eq=False)
class OverTrainings(OverSeeds):
    """attacks: titles of those that all these trainings met, as of `curves.titles`."""

    attacks: tuple[str, ...]


def over_trainings(
    table: Table, left: Variant, right: Variant, row: Callable[[Table, Variant], Row | None], pixels: str = "float"
) -> OverTrainings | None:
    """The difference of mean accuracies on the same images and under attacks that all these trainings have.

    row: picks the row of a network that counts, from a table. None if one of the two has a single training, or if both
    are trainings of one kind.
    """
    cards = [zoo.card(name) for name in zoo.names()]
    groups = [_measured(table, variant, cards) for variant in (left, right)]
    models = [{one.model for one in group} for group in groups]
    if not all(groups) or models[0] & models[1]:
        return None
    alike = shared(table, [one for group in groups for one in group], pixels)
    rows = [[found for one in group if (found := row(alike, one))] for group in groups]
    over = over_seeds(*([one.value for one in group] for group in rows))
    return over and OverTrainings(**asdict(over), attacks=curves.titles(rows[0][0]))


def _measured(table: Table, variant: Variant, cards: Sequence[Card]) -> list[Variant]:
    """The network and its other seeds, in its mode; only those with rows in the table."""
    own = zoo.card(variant.model)
    known = {(row.model, row.statistics) for row in table.rows}
    names = [card.name for card in (own, *siblings(own, cards)) if (card.name, variant.statistics) in known]
    return [Variant.of(name, variant.statistics) for name in names]
