"""One reading of a claim on several data sets: on which of them does it hold?"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rnorm_core import model_names, zoo
from rnorm_core.data import CLASSES
from rnorm_core.evaluation.claims.judge import Judgement
from rnorm_core.evaluation.claims.verdict import EPS, HOLDS, ONLY, PER_IMAGE, Axis, listed

NEITHER = "on neither"
ByClaim = Mapping[str, Sequence[Judgement]]


@dataclass(frozen=True)
class AcrossDatasets:
    """A reading on several data sets.

    verdicts:  data set -> the sizes at which the reading holds there, in words; only data sets on which it was judged.
    held:      size -> the data sets on which it holds at that size. Only sizes that were judged on all data sets.
    per_image: size -> those on which it holds per image, but not over trainings.
    """

    claim: str
    reading: str
    datasets: tuple[str, ...]
    verdicts: dict[str, str]
    held: dict[float | None, tuple[str, ...]]
    per_image: dict[float | None, tuple[str, ...]]
    axis: Axis = EPS

    @property
    def verdict(self) -> str:
        """ "holds on both at 0.5 and 1/255; only on CIFAR-10 at 2/255; on neither at 8/255"."""
        if missing := [model_names.dataset(one) for one in self.datasets if one not in self.verdicts]:
            return f"not measured on {listed(missing)}"
        if not self.held:
            return "not measured at the same sizes"
        return f"holds {'; '.join(f'{where}{self._at(sizes)}' for where, sizes in self.by_place.items())}"

    @property
    def by_place(self) -> dict[str, list[float | None]]:
        """ "on both", "only on CIFAR-10" or "on neither" -> the sizes at which the reading holds there.

        Where it holds on some only per image, in brackets: "on neither (on both per image, not over trainings)".
        """
        sizes: dict[str, list[float | None]] = {}
        for size, some in sorted(self.held.items(), key=lambda item: (-len(item[1]), _number(item[0]))):
            place = f"{'only ' * (0 < len(some) < len(self.datasets))}{self._place(some)}" if some else NEITHER
            if also := self.per_image[size]:
                place += f" ({self._place(also)} {ONLY})"
            sizes.setdefault(place, []).append(size)
        return sizes

    def _place(self, some: Sequence[str]) -> str:
        if len(some) == len(self.datasets):
            return "on both" if len(some) == 2 else f"on all {len(some)}"
        return f"on {listed([model_names.dataset(one) for one in some])}"

    def _at(self, sizes: Sequence[float | None]) -> str:
        known = [size for size in sizes if size is not None]
        return f" {self.axis.word} {self.axis(*known)}" if known else ""


def datasets() -> list[str]:
    """The data sets with a plain BatchNorm network, on which claims can be judged."""
    return [dataset for dataset in CLASSES if zoo.plain(dataset, "bn") in zoo.names()]


def compare_datasets(found: Mapping[str, ByClaim]) -> list[AcrossDatasets]:
    """Each reading that was judged on at least one data set. found: data set -> claim id -> judgements."""
    by_reading: dict[tuple, dict[str, Judgement]] = {}
    for dataset, by_claim in found.items():
        for judgement in (one for some in by_claim.values() for one in some):
            by_reading.setdefault(_key(judgement), {})[dataset] = judgement
    ids = list(dict.fromkeys(claim for by_claim in found.values() for claim in by_claim))
    pairs = [_compared(tuple(found), judged) for judged in by_reading.values()]
    return sorted(pairs, key=lambda one: ids.index(one.claim))


def main(comparisons: Iterable[AcrossDatasets]) -> list[AcrossDatasets]:
    """The first reading of each claim."""
    by_claim: dict[str, AcrossDatasets] = {}
    for one in comparisons:
        by_claim.setdefault(one.claim, one)
    return list(by_claim.values())


def _key(judgement: Judgement) -> tuple:
    """What a reading has in common on all data sets: two readings of a claim may have the same words."""
    networks = (getattr(judgement.evidence, side, "") for side in ("left", "right"))
    return judgement.claim, judgement.reading, *networks


def _compared(names: tuple[str, ...], judged: Mapping[str, Judgement]) -> AcrossDatasets:
    first = next(iter(judged.values()))
    states = {name: {f.size: f.state for f in judgement.findings} for name, judgement in judged.items()}
    common = set.intersection(*map(set, states.values())) if len(judged) == len(names) else set()
    held, per_image = (
        {size: tuple(name for name in names if states[name][size] == state) for size in sorted(common, key=_number)}
        for state in (HOLDS, PER_IMAGE)
    )
    verdicts = {name: judgement.verdict for name, judgement in judged.items()}
    return AcrossDatasets(first.claim, first.reading, names, verdicts, held, per_image, first.evidence.axis)


def _number(size: float | None) -> float:
    return size or 0
