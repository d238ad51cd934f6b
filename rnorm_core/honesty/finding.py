"""What a check found (Finding), and all findings on one model (Report)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rnorm_core.evaluation import Accuracy, wilson
from rnorm_core.evaluation.evidence import signed
from rnorm_core.evaluation.paired import Paired
from rnorm_core.honesty.budget import Budget
from rnorm_core.honesty.rules import CHECKS, FAIL, NOT_MEASURED, PASS, VERDICTS, WARN, Rule


@dataclass(frozen=True)
class Number:
    """value of n images; low and high bound its 95 % interval, None where it has none. percent: write it as such.

    points: it is a difference of two shares, written in percentage points.
    """

    what: str
    value: float
    n: int
    low: float | None = None
    high: float | None = None
    percent: bool = True
    points: bool = False

    def __str__(self) -> str:
        """ "under PGD: 15.0 % (n = 20; 95 %: 5.2 to 36.0)"."""
        unit, interval = " points" if self.points else " %" if self.percent else "", ""
        if self.low is not None and self.high is not None:
            interval = f"; 95 %: {self._said(self.low)} to {self._said(self.high)}"
        return f"{self.what}: {self._said(self.value)}{unit} (n = {self.n:,}{interval})"

    def _said(self, value: float) -> str:
        if self.points:
            return signed(100 * value)
        return f"{100 * value:.1f}" if self.percent else f"{value:.2g}"


@dataclass(frozen=True)
class Finding:
    """check: a key of `rules.CHECKS`. verdict: one of `rules.VERDICTS`. said: one paragraph on this very case.

    numbers: what decided; none where the verdict is "not measured".
    """

    check: str
    verdict: str
    numbers: tuple[Number, ...]
    said: str

    def __post_init__(self) -> None:
        if self.check not in CHECKS or self.verdict not in VERDICTS:
            raise ValueError(f"there is no check {self.check!r} or no verdict {self.verdict!r}")

    @property
    def rule(self) -> Rule:
        return CHECKS[self.check]

    @property
    def title(self) -> str:
        return self.rule.title

    @property
    def source(self) -> str:
        return self.rule.source


@dataclass(frozen=True)
class Report:
    """Findings on a model, in the order in which they were made, with what made them.

    scores: every accuracy that was measured on the way. images: their ids, in the order of the batches.
    """

    model: str
    statistics: str
    weight_hash: str
    images: tuple[str, ...]
    budget: Budget
    seed: int
    source: str
    findings: tuple[Finding, ...]
    scores: tuple[Accuracy, ...]

    @property
    def n(self) -> int:
        return len(self.images)

    @property
    def verdict(self) -> str:
        return overall(self.findings)


def overall(findings: Iterable[Finding]) -> str:
    """The worst verdict among those that were measured; "not measured" if none was."""
    found = Counter(finding.verdict for finding in findings)
    return next((verdict for verdict in (FAIL, WARN, PASS) if found[verdict]), NOT_MEASURED)


def not_measured(check: str, why: str) -> Finding:
    return Finding(check, NOT_MEASURED, (), why)


def right(what: str, score: Accuracy) -> Number:
    """The share of images that stay right."""
    return Number(what, score.value, score.n, score.low, score.high)


def share(what: str, count: int, n: int) -> Number:
    return Number(what, count / n, n, *wilson(count, n))


def difference(what: str, pair: Paired) -> Number:
    return Number(what, pair.difference, pair.n, pair.low, pair.high, points=True)
