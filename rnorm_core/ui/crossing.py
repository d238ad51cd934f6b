"""What "craft and score" computes: two networks in all their modes, each attacked for itself and for every other.

No Streamlit here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from torch import nn

from rnorm_core import evaluation
from rnorm_core.evaluation import Paired, Row, laboratories
from rnorm_core.evaluation.matrix import Matrix, Party, matrix
from rnorm_core.jobs import Job
from rnorm_core.norms import modes
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.whose import BATCH, Plan, Teller, attack, in_mode


@dataclass(frozen=True)
class Asked:
    plan: Plan
    eps_255: float

    @property
    def parties(self) -> tuple[Side, ...]:
        """The networks in all their modes."""
        return tuple(in_mode(side, mode) for side in self.plan.networks for mode in modes(side.norm))


@dataclass(frozen=True, eq=False)
class Crossed:
    """The matrix of all parties, or its first rows."""

    asked: Asked
    matrix: Matrix


def measure(asked: Asked) -> Callable[[Job], Crossed]:
    """Work for a job; its partial results are `Crossed` with fewer crafters."""

    def work(job: Job) -> Crossed:
        plan, told = asked.plan, Teller(job, 1 + len(asked.parties))
        told.begin("Reading images and models")
        batch = plan.images().to(plan.device)
        models = [side.load(plan.device) for side in asked.parties]
        pgd = told.of(attack(asked.eps_255))
        size = min(BATCH, len(batch))
        found = matrix([], models, batch, pgd, size, plan.seed)
        told.end(Crossed(asked, found))
        for side, model in sorted(zip(asked.parties, models, strict=True), key=_mode):
            told.begin(f"Crafting for {side.label}", runs=-(-len(batch) // size))
            row = matrix([model], models, batch, pgd, size, plan.seed)
            found = replace(found, crafters=found.crafters + row.crafters, cells=found.cells + row.cells)
            told.end(Crossed(asked, found))
        return Crossed(asked, found)

    return work


def _mode(crafter: tuple[Side, nn.Module]) -> int:
    """Left and right take turns."""
    return modes(crafter[0].norm).index(crafter[0].statistics)


def shipped(asked: Asked) -> Crossed | None:
    """The same from the shipped measurements, on more images; None unless all of it was measured."""
    rows = [row for row in laboratories.rows(asked.plan.dataset) if row.eps_255 in (0, asked.eps_255)]
    parties = tuple(Party(side.name, side.statistics, side.weight_hash) for side in asked.parties)

    def line(attack: Sequence[Row], **settings: object) -> list[Row | None]:
        return [laboratories.of(attack, party.model, party.statistics, **settings) for party in parties]

    crafted = [row for row in rows if row.attack == "pgd"]
    lines = [
        line([row for row in rows if row.attack == "clean"], crossed=True),
        line([row for row in rows if row.attack not in ("clean", "pgd")], crossed=True),
        *(line(crafted, made_for=vars(crafter)) for crafter in parties),
    ]
    found = [[row for row in one if row is not None] for one in lines]
    if any(len(one) < len(parties) for one in found):
        return None
    clean, noise, *cells = (tuple(row.accuracy for row in one) for one in found)
    (some, *_), (control, *_), *_, (attacked, *_) = found
    specs = laboratories.spec(attacked), laboratories.spec(control)
    return Crossed(
        asked, Matrix(parties, parties, tuple(cells), clean, noise, specs[0], specs[1], some.batch_size, some.seed, ())
    )


def part(whole: Matrix, crafters: Sequence[Side], scorers: Sequence[Side]) -> Matrix:
    """Of a matrix these rows and columns; KeyError for one that is not there."""
    rows = [_place(whole.crafters, side) for side in crafters]
    columns = [_place(whole.scorers, side) for side in scorers]
    return replace(
        whole, crafters=tuple(whole.crafters[i] for i in rows), scorers=tuple(whole.scorers[j] for j in columns),
        cells=tuple(tuple(whole.cells[i][j] for j in columns) for i in rows),
        clean=tuple(whole.clean[j] for j in columns), noise=tuple(whole.noise[j] for j in columns),
    )  # fmt: skip


def foreign(whole: Matrix, crafter: Side, scorer: Side) -> Paired | None:
    """The scorer on what was crafted for `crafter` (left) and for itself (right), image by image; None while missing.

    Above 0: it is better off when the attack was made for the other.
    """
    if not (has(whole, crafter) and has(whole, scorer)):
        return None
    row, own, column = _place(whole.crafters, crafter), _place(whole.crafters, scorer), _place(whole.scorers, scorer)
    return evaluation.paired(whole.cells[row][column].hits, whole.cells[own][column].hits)


def has(whole: Matrix, crafter: Side) -> bool:
    """Whether what was crafted for it has been scored."""
    return (crafter.name, crafter.statistics) in _names(whole.crafters)


def _place(parties: Sequence[Party], side: Side) -> int:
    return _names(parties)[side.name, side.statistics]


def _names(parties: Sequence[Party]) -> dict[tuple[str, str], int]:
    return {(party.model, party.statistics): i for i, party in enumerate(parties)}
