"""Who an attack was made for against who is asked: the same images, crafted with one model, scored by another.

The models may be the same weights with other statistics, or other networks altogether. Attacks and scores are of one
fixed partition into batches, since where predictions depend on the batch another partition is another classifier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from rnorm_core import attacks
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation.accuracy import Accuracy, accuracy
from rnorm_core.evaluation.craft import craft, score

if TYPE_CHECKING:
    from rnorm_core.attacks import Attack


@dataclass(frozen=True)
class Party:
    """A model that crafts or scores."""

    model: str
    statistics: str
    weight_hash: str


@dataclass(frozen=True, eq=False)
class Matrix:
    """cells[i][j]: accuracy of scorers[j] on what was crafted for crafters[i].

    clean, noise: of each scorer, on the clean images and on noise of the attack's size, the same for all of them.
    spec, noise_spec: `attacks.make(**spec)` makes the attack and its control again. ids: of the images, in order;
    none where they are not known one by one.
    """

    crafters: tuple[Party, ...]
    scorers: tuple[Party, ...]
    cells: tuple[tuple[Accuracy, ...], ...]
    clean: tuple[Accuracy, ...]
    noise: tuple[Accuracy, ...]
    spec: dict[str, Any]
    noise_spec: dict[str, Any]
    batch_size: int
    seed: int
    ids: tuple[str, ...]

    @property
    def n(self) -> int:
        return self.clean[0].n

    @property
    def rows(self) -> tuple[tuple[Accuracy, ...], ...]:
        """All that is drawn, from the top: clean, noise, then one row per crafter."""
        return (self.clean, self.noise, *self.cells)


def matrix(
    crafters: Sequence[nn.Module],
    scorers: Sequence[nn.Module],
    batch: Batch,
    attack: "Attack",
    batch_size: int = 128,
    seed: int = 0,
) -> Matrix:
    """Every crafter against every scorer. Where both are one module the cell is `evaluation.accuracy`'s, exactly.

    For the three modes of one network: `models = [zoo.load(name, mode) for mode in modes]`, `matrix(models, models,
    ...)`. UserError for an attack without an eps: noise could not be as large.
    """
    control, cells = noise_like(attack), []
    for crafter in crafters:
        made = craft(crafter, batch, attack, batch_size, seed)
        cells.append(
            tuple(
                # The attack's last look was at these very images in these batches: there is nothing to ask again.
                made.accuracy if scorer is crafter else score(scorer, made.images, batch, attack, batch_size)
                for scorer in scorers
            )
        )
    return Matrix(
        tuple(map(_party, crafters)), tuple(map(_party, scorers)), tuple(cells),
        tuple(accuracy(scorer, batch, None, batch_size) for scorer in scorers),
        tuple(accuracy(scorer, batch, control, batch_size, seed=seed) for scorer in scorers),
        attack.spec, control.spec, batch_size, seed, tuple(batch.ids),
    )  # fmt: skip


def noise_like(attack: "Attack") -> "Attack":
    """Noise of an attack's size, in its norm; UserError for an attack without an eps."""
    entry = attacks.CATALOGUE[attack.spec["name"]]
    if not entry.takes_eps:
        raise UserError(f"{entry.title} has no eps that noise could have too.", "choose an attack with an eps.")
    name = next(e.name for e in attacks.CATALOGUE.values() if e.family == "noise" and e.norm == entry.norm)
    return attacks.make(name, eps=attack.spec["eps"])


def _party(model: nn.Module) -> Party:
    return Party(getattr(model, "name", "unnamed"), attacks.statistics_of(model), getattr(model, "weight_hash", ""))
