"""The transfer matrix: images are attacked for one model (the crafter) and scored by another (the scorer).

The two may be the same weights in two statistics modes, or two networks. Attacks and scores use the same fixed batches:
where predictions depend on the batch, other batches make another classifier.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from torch import nn

from rnorm_core import attacks
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.evaluation.measure.accuracy import Accuracy, accuracy
from rnorm_core.evaluation.measure.craft import craft, score
from rnorm_core.evaluation.measure.paired import Paired, paired
from rnorm_core.zoo import Variant

if TYPE_CHECKING:
    from rnorm_core.attacks import Attack


@dataclass(frozen=True, eq=False)
class Matrix:
    """cells[i][j]: accuracy of scorers[j] on the images that were attacked for crafters[i].

    clean, noise: accuracies of each scorer on the clean images, and on noise with the attack's norm and eps.
    spec, noise_spec: `attacks.make(**spec)` makes the attack and the noise again. ids: of the images, in order; empty
    if they are not known.
    """

    crafters: tuple[Variant, ...]
    scorers: tuple[Variant, ...]
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
        """From top to bottom: clean images, noise, then one row per crafter."""
        return (self.clean, self.noise, *self.cells)

    def with_row(self, crafter: Variant, cells: tuple[Accuracy, ...]) -> "Matrix":
        return replace(self, crafters=(*self.crafters, crafter), cells=(*self.cells, cells))

    def part(self, crafters: Sequence[Variant], scorers: Sequence[Variant]) -> "Matrix":
        """The matrix of these crafters and scorers only; ValueError if one of them is missing."""
        rows, columns = [self.crafters.index(one) for one in crafters], [self.scorers.index(one) for one in scorers]
        return replace(
            self, crafters=tuple(crafters), scorers=tuple(scorers),
            cells=tuple(tuple(self.cells[i][j] for j in columns) for i in rows),
            clean=tuple(self.clean[j] for j in columns), noise=tuple(self.noise[j] for j in columns),
        )  # fmt: skip

    def transfer(self, crafter: Variant, scorer: Variant) -> Paired | None:
        """The scorer on images attacked for `crafter` against images attacked for the scorer itself, image by image.

        A difference above 0 means that the attack for `crafter` does less harm than the scorer's own. None while one of
        the two rows is missing.
        """
        if not {crafter, scorer} <= {*self.crafters}:
            return None
        column = self.scorers.index(scorer)
        foreign, own = (self.cells[self.crafters.index(one)][column] for one in (crafter, scorer))
        return paired(foreign.hits, own.hits)


def matrix(
    crafters: Sequence[nn.Module],
    scorers: Sequence[nn.Module],
    batch: Batch,
    attack: "Attack",
    batch_size: int = 128,
    seed: int = 0,
) -> Matrix:
    """Every crafter with every scorer. If both are the same module, the cell equals `evaluation.accuracy`.

    For the three modes of one network: `models = [zoo.load(name, mode) for mode in modes]`, `matrix(models, models,
    ...)`. UserError for an attack without an eps, because there is no noise of the same size.
    """
    noise = noise_like(attack)
    return Matrix(
        tuple(map(Variant.of_network, crafters)), tuple(map(Variant.of_network, scorers)),
        tuple(transfer_row(crafter, scorers, batch, attack, batch_size, seed) for crafter in crafters),
        accuracy_row(scorers, batch, None, batch_size, seed), accuracy_row(scorers, batch, noise, batch_size, seed),
        attack.spec, noise.spec, batch_size, seed, tuple(batch.ids),
    )  # fmt: skip


def accuracy_row(
    scorers: Sequence[nn.Module], batch: Batch, attack: "Attack | None", batch_size: int = 128, seed: int = 0
) -> tuple[Accuracy, ...]:
    """Each scorer on clean images or, with an attack, on images attacked for the scorer itself."""
    return tuple(accuracy(scorer, batch, attack, batch_size, seed=seed) for scorer in scorers)


def transfer_row(
    crafter: nn.Module,
    scorers: Sequence[nn.Module],
    batch: Batch,
    attack: "Attack",
    batch_size: int = 128,
    seed: int = 0,
) -> tuple[Accuracy, ...]:
    """Each scorer on the images that are attacked for `crafter`."""
    made = craft(crafter, batch, attack, batch_size, seed)
    return tuple(
        # The attack has already scored the crafter on these images in these batches.
        made.accuracy if scorer is crafter else score(scorer, made.images, batch, attack, batch_size)
        for scorer in scorers
    )


def noise_like(attack: "Attack") -> "Attack":
    """Noise of an attack's size, in its norm; UserError for an attack without an eps."""
    entry = attacks.CATALOGUE[attack.spec["name"]]
    if not entry.takes_eps:
        raise UserError(f"{entry.title} has no eps, so there is no noise of the same size.", "choose another attack.")
    name = next(e.name for e in attacks.CATALOGUE.values() if e.family == "noise" and e.norm == entry.norm)
    return attacks.make(name, eps=attack.spec["eps"])
