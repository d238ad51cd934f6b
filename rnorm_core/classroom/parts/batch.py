"""Parts about the statistics of a batch, from the tables of batch sizes and of the laboratories."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

from rnorm_core import norms
from rnorm_core.classroom.fields import Fields
from rnorm_core.classroom.parts.part import DATASET, Bar, BarPart, Picture, needed, network, networks, read_dataset
from rnorm_core.classroom.parts.value import Value
from rnorm_core.evaluation.tables import batch_sizes, laboratories
from rnorm_core.evaluation.tables.laboratories import BATCH, EPS_255, STEPS
from rnorm_core.zoo import Variant

MODES = {"tracked": "memory", "batch": "batch"}  # whose statistics, in a word


@dataclass(frozen=True)
class _Networks(BarPart):
    """networks: words as in `part.network`; each has a picture."""

    SIZES: ClassVar[tuple[float, ...]]

    networks: tuple[str, ...]
    dataset: str = DATASET

    @classmethod
    def read(cls, fields: Fields) -> Self:
        dataset = read_dataset(fields)
        networks = fields.texts("networks", _batched(dataset), most=3)
        return cls(fields.numbers("sizes", cls.SIZES), networks, dataset)

    def on(self, dataset: str) -> Self:
        return replace(self, dataset=dataset)

    def options(self) -> tuple[float, ...]:
        return self.SIZES

    def variants(self) -> list[Variant]:
        return [network(self.dataset, word) for word in self.networks]

    def values(self) -> dict[str, Value]:
        return {name: value for word in self.networks for name, _, value in self.lines(word)}

    def pictures(self) -> list[Picture]:
        return [
            Picture(self.title(one), tuple(Bar(label, one.norm, value) for _, label, value in self.lines(word)))
            for word, one in zip(self.networks, self.variants(), strict=True)
        ]

    def title(self, variant: Variant) -> str:
        raise NotImplementedError

    def lines(self, word: str) -> list[tuple[str, str, Value]]:
        """(name, label, value) of each bar of a network."""
        raise NotImplementedError


@dataclass(frozen=True)
class ByBatchSize(_Networks):
    """Clean photos with the statistics of batches of `numbers` photos. Values: `bn_in_4`, `bn_as_trained`."""

    NAME: ClassVar[str] = "batch size"
    SIZES: ClassVar[tuple[float, ...]] = tuple(2**k for k in range(9))
    ASKS: ClassVar[str] = "Photos in a batch"

    def title(self, variant: Variant) -> str:
        return f"{variant.title}: photos recognised"

    def lines(self, word: str) -> list[tuple[str, str, Value]]:
        variant, rows = network(self.dataset, word), batch_sizes.by_size(self.dataset)[0]
        rows = [row for row in rows if row.model == variant.model and row.attack == "clean"]
        by_size = {int(row.batch_size): row for row in rows if row.statistics == "batch"}
        usual = next((row for row in rows if row.statistics == "tracked"), None)
        found = []
        for k in map(int, self.numbers):
            label = "1 photo alone" if k == 1 else f"{k} photos together"
            row = by_size.get(k)
            found.append((f"{word}_in_{k}", label, needed(row and Value.of_row(row), label)))
        trained = needed(usual and Value.of_row(usual), "as trained")
        return [*found, (f"{word}_as_trained", "as trained, with its memory", trained)]

    def measured(self) -> str:
        return "accuracy on clean images, with the statistics of batches of this size"


@dataclass(frozen=True)
class Neighbours(_Networks):
    """Photos whose answer depends on their neighbours, in batches of `numbers`. Values: `bn_in_8`."""

    NAME: ClassVar[str] = "neighbours"
    SIZES: ClassVar[tuple[float, ...]] = (2, 4, 8, 16, 32, 64, 128)
    ASKS: ClassVar[str] = "Photos in a batch"

    def options(self) -> tuple[float, ...]:
        rows = laboratories.rows(self.dataset)
        return tuple(
            k for k in self.SIZES
            if all(laboratories.sensitive(rows, one.in_mode("batch"), int(k)) is not None for one in self.variants())
        )  # fmt: skip

    def title(self, variant: Variant) -> str:
        return f"{variant.title}: right or wrong by its neighbours"

    def lines(self, word: str) -> list[tuple[str, str, Value]]:
        variant, rows, found = network(self.dataset, word, "batch"), laboratories.rows(self.dataset), []
        for k in map(int, self.numbers):
            share = laboratories.sensitive(rows, variant, k)
            value = needed(None if share is None else Value.of_mask(share.hits), f"neighbours in batches of {k}")
            found.append((f"{word}_in_{k}", f"in batches of {k}", value))
        return found

    def measured(self) -> str:
        return "share of clean images that are right in some of 8 draws of neighbours and wrong in others"


@dataclass(frozen=True)
class Transfer(_Networks):
    """Attacks of the sizes `numbers`, made for one statistics mode and scored in the same or the other one.

    Values: `rn_batch_from_tracked_at_4`: scored with batch statistics, made for the network as trained.
    """

    NAME: ClassVar[str] = "transfer"
    SIZES: ClassVar[tuple[float, ...]] = EPS_255
    ASKS: ClassVar[str] = "Attack sizes (eps, k/255)"
    UNIT: ClassVar[str] = "/255"

    def title(self, variant: Variant) -> str:
        return f"{variant.title}: still right under PGD"

    def lines(self, word: str) -> list[tuple[str, str, Value]]:
        variant, rows, found = network(self.dataset, word), laboratories.rows(self.dataset), []
        for eps in self.numbers:
            for scorer, other in (("batch", "tracked"), ("tracked", "batch")):
                for crafter in (scorer, other):
                    label = f"{eps:g}/255: answers by {MODES[scorer]}, attack for {MODES[crafter]}"
                    row = laboratories.made_for(rows, variant, scorer, crafter, eps)
                    value = needed(row and Value.of_row(row), label)
                    found.append((f"{word}_{scorer}_from_{crafter}_at_{eps:g}", label, value))
        return found

    def measured(self) -> str:
        return f"accuracy under PGD of {STEPS} steps, batches of {BATCH}"


def _batched(dataset: str) -> list[str]:
    """The words of the networks that have batch statistics."""
    return [word for word in networks(dataset) if "batch" in norms.modes(network(dataset, word).norm)]
