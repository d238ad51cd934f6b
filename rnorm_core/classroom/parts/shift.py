"""The shift of the inputs of norm layers under an attack, from the table of layer shifts."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import torch

from rnorm_core.classroom.fields import Fields
from rnorm_core.classroom.parts.part import DATASET, Part, network, read_dataset
from rnorm_core.classroom.parts.value import Value
from rnorm_core.errors import UserError
from rnorm_core.evaluation.tables import layer_shifts
from rnorm_core.evaluation.tables.layer_shifts import Moved
from rnorm_core.zoo import Variant

MEASURE = "wasserstein"
ATTACKS = {"pgd": "attack", "noise": "random noise"}
SIZES = (0.25, 0.5, 1, 1.5, 2, 4, 8)  # k of k/255
NETWORKS = ("bn", "rn")


@dataclass(frozen=True)
class LayerShift(Part):
    """One network under attacks of one size, k of k/255.

    Values: `pgd_outside` and `noise_outside`, the share of layers outside the natural band, over all batches, and
    `clean_outside`; `pgd_right` and so on, the accuracy on the same photos; `layers`, how many there are.
    """

    NAME: ClassVar[str] = "shift"

    network: str
    attacks: tuple[str, ...]
    eps_255: float
    dataset: str = DATASET

    @classmethod
    def read(cls, fields: Fields) -> Self:
        (size,) = fields.numbers("size", SIZES, most=1)
        network, attacks = fields.one_of("network", NETWORKS, "bn"), fields.texts("attacks", ATTACKS, most=2)
        return cls(network, attacks, size, read_dataset(fields))

    def on(self, dataset: str) -> Self:
        return replace(self, dataset=dataset)

    @property
    def variant(self) -> Variant:
        return network(self.dataset, self.network)

    def row(self, attack: str) -> Moved:
        """attack: "clean" or a key of `ATTACKS`."""
        wanted = self.variant.model, attack, 0 if attack == "clean" else self.eps_255
        for row in layer_shifts.moved(self.dataset)[0]:
            if (row.model, row.attack, row.eps_255) == wanted:
                return row
        raise UserError(
            f"The layer shifts of {self.variant.title} under this attack are missing.",
            f"run `{layer_shifts.COMMAND}`.",
        )

    def values(self) -> dict[str, Value]:
        found = {"layers": Value(len(self.row("clean").layers))}
        for attack in ("clean", *self.attacks):
            row = self.row(attack)
            outside = row.beyond(MEASURE)
            # Layers of one batch move together, so an interval over them would be wrong.
            share = float(np.mean(outside))
            found[f"{attack}_outside"] = Value(share, outside.size, share, share)
            found[f"{attack}_right"] = Value.of_mask(torch.from_numpy(row.mask()), row.images)
        return found
