"""Parts of rows."""

from collections.abc import Mapping
from typing import Any, Protocol

from torch import Tensor

from rnorm_core.evaluation import wilson
from rnorm_core.evaluation.measure.paired import Paired
from rnorm_core.report.files import Tables
from rnorm_core.zoo import Variant

EPS = "eps (k/255)"


class Counted(Protocol):
    """`evaluation.Accuracy`, `evaluation.Row`, `claims.evidence.Count` with an interval."""

    @property
    def correct(self) -> int: ...
    @property
    def n(self) -> int: ...
    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def network(variant: Variant) -> dict[str, Any]:
    return {"network": variant.label, "model": variant.model, "statistics": variant.statistics}


def share(counted: Counted) -> dict[str, Any]:
    return {
        "correct": counted.correct, "n": counted.n, "accuracy": counted.value, "low": counted.low, "high": counted.high,
    }  # fmt: skip


def of_hits(hits: Tensor) -> dict[str, Any]:
    """The same from bool (N,)."""
    correct, n = int(hits.sum()), len(hits)
    low, high = wilson(correct, n)
    return {"correct": correct, "n": n, "accuracy": correct / n, "low": low, "high": high}


def named(values: Mapping[str, Any]) -> Tables:
    """The values of a part of a lesson, a row for each; images and interval only where it is a share."""
    keys = ("value", "n", "low", "high", "unit")
    return {"values": [{"name": name, **{key: getattr(one, key) for key in keys}} for name, one in values.items()]}


def of_pair(pair: Paired) -> dict[str, Any]:
    return {
        "n": pair.n, "both right": pair.both, "left only": pair.left_only, "right only": pair.right_only,
        "neither": pair.neither, "difference": pair.difference, "low": pair.low, "high": pair.high, "p": pair.p_value,
    }  # fmt: skip
