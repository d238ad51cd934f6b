"""The numbers behind the verdicts as records with equal keys, for a table or a CSV file. Shares are fractions."""

from collections.abc import Iterable, Iterator, Sequence
from statistics import fmean
from typing import Any, NamedTuple

import numpy as np

from rnorm_core.evaluation.claims.evidence import (
    BatchSizes,
    Contest,
    Count,
    Displacement,
    Evidence,
    Excess,
    KeptAccuracy,
    Recovery,
    Retention,
    Speed,
    Trainings,
)
from rnorm_core.evaluation.claims.judge import Judgement, weights
from rnorm_core.evaluation.measure.paired import Paired


def records(judgements: Iterable[Judgement]) -> list[dict[str, Any]]:
    """One record for each reading, size and training, and one for all trainings where there are several.

    value, low, high: `quantity` with its 95 % interval, or the mean, least and largest of the batches. compared: what
    the value is judged against. n: images, or batches times layers. attacks: those that an image had to withstand, by
    the names that the command line takes. weights: names and hashes of the networks.
    """
    found = []
    for judgement in judgements:
        states = {finding.size: finding.state for finding in judgement.findings}
        unit = judgement.evidence.axis.unit.strip()
        found += [
            {
                "claim": judgement.claim, "reading": judgement.reading, "rule": judgement.evidence.rule,
                "state": states.get(number.size, ""), "unit": "" if number.size is None else unit,
                **number._asdict(), "weights": weights([judgement]),
            }
            for number in _numbers(judgement.evidence)
        ]  # fmt: skip
    return found


class _Number(NamedTuple):
    """See `records`. training: the seed or the network; how many trainings; "" if there is one for all."""

    size: float | None
    training: str
    quantity: str
    n: int | None
    value: float | None
    low: float | None
    high: float | None
    compared: float | None
    attacks: str = ""


def _numbers(evidence: Evidence) -> Iterator[_Number]:
    match evidence:
        case Contest(by_eps=by_eps, attacks=attacks, trainings=trainings):
            for eps, seeds in sorted(by_eps.items()):
                for seed, pair in seeds.items():
                    yield _difference(eps, f"seed {seed}", pair, attacks[eps][seed])
                if eps in trainings:
                    yield _over_trainings(eps, trainings[eps])
        case KeptAccuracy(by_seed=by_seed, trainings=trainings):
            for seed, pair in by_seed.items():
                yield _difference(None, f"seed {seed}", pair)
            if trainings:
                yield _over_trainings(None, trainings)
        case Retention(by_eps=by_eps, attacks=attacks):
            for eps, seeds in sorted(by_eps.items()):
                for seed, (clean, attacked) in seeds.items():
                    number = _share(eps, f"seed {seed}", "accuracy under attack", attacked, clean.value)
                    yield number._replace(attacks=" ".join(attacks[eps][seed]))
        case Displacement(by_eps=by_eps) | Excess(by_eps=by_eps):
            for eps, models in sorted(by_eps.items()):
                for model, layers in models.items():
                    yield _layers(eps, model, layers)
        case Recovery(by_eps=by_eps):
            for eps, counts in sorted(by_eps.items()):
                if counts[1]:
                    yield _share(eps, "", "lost images that come back", Count(*counts), None)
        case BatchSizes(by_size=by_size, tracked=tracked):
            for size, count in sorted(by_size.items()):
                yield _share(size, "", "clean accuracy", count, tracked.value)
        case Speed(levels=levels, by_seed=by_seed):
            for seed, (left, right, _) in by_seed.items():
                for level, epoch, other in zip(levels, left, right, strict=True):
                    what = f"first epoch with training accuracy {level:g}"
                    yield _Number(None, f"seed {seed}", what, None, epoch, None, None, other)


def _difference(eps: float | None, training: str, pair: Paired, attacks: Sequence[str] = ()) -> _Number:
    numbers = pair.n, pair.difference, pair.low, pair.high, pair.right
    return _Number(eps, training, "paired difference", *numbers, " ".join(attacks))


def _over_trainings(eps: float | None, trainings: Trainings) -> _Number:
    over, attacks = trainings.difference, " ".join(trainings.attacks)
    numbers = trainings.n, over.difference, over.low, over.high, fmean(over.right)
    return _Number(eps, over.trainings, "difference over trainings (Welch's t)", *numbers, attacks)


def _share(size: float, training: str, quantity: str, count: Count, compared: float | None) -> _Number:
    return _Number(size, training, quantity, count.n, count.value, *count.interval, compared)


def _layers(eps: float, model: str, layers: np.ndarray) -> _Number:
    shares = layers.mean(1)
    ends = float(shares.min()), float(shares.max())
    return _Number(eps, model, "share of layers, by batch", layers.size, float(shares.mean()), *ends, None)
