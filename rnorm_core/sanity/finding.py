"""The result of one check (Finding), and all findings on one model (Report)."""

from collections.abc import Iterable
from dataclasses import dataclass

from rnorm_core.evaluation import Accuracy, wilson
from rnorm_core.evaluation.claims.evidence import signed
from rnorm_core.evaluation.measure.paired import Paired
from rnorm_core.rounding import percent
from rnorm_core.sanity.budget import Budget
from rnorm_core.sanity.rules import CHECKS, FAIL, NOT_MEASURED, PASS, VERDICTS, WARN, Rule


@dataclass(frozen=True)
class Number:
    """A number with its title, measured on n images. low, high: its 95 % interval; both None if it has none.

    percent: it is a share, written in percent. points: it is a difference of two shares, written in percentage points.
    """

    title: str
    value: float
    n: int
    low: float | None = None
    high: float | None = None
    percent: bool = True
    points: bool = False

    def __str__(self) -> str:
        """ "under PGD: 15.0 % (n = 20; 95 %: 5.2 to 36.0)"."""
        interval = ""
        if self.low is not None and self.high is not None:
            interval = f"; 95 %: {' to '.join(self._text(end).removesuffix(' %') for end in (self.low, self.high))}"
        unit = " points" if self.points else ""
        return f"{self.title}: {self._text(self.value)}{unit} (n = {self.n:,}{interval})"

    def _text(self, value: float) -> str:
        if self.points:
            return signed(100 * value)
        return percent(value) if self.percent else f"{value:.2g}"


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    check:   a key of `rules.CHECKS`.
    verdict: one of `rules.VERDICTS`.
    numbers: the measurements behind the verdict; empty where the verdict is "not measured".
    text:    one paragraph about this case.
    """

    check: str
    verdict: str
    numbers: tuple[Number, ...]
    text: str

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
    """All findings on a model, in the order in which they were made, with model, images, budget and seed.

    images: ids of the images, in the order of the batches. source: where the images come from.
    scores: every accuracy that was measured for the findings.
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
    verdicts = {finding.verdict for finding in findings}
    return next((verdict for verdict in (FAIL, WARN, PASS) if verdict in verdicts), NOT_MEASURED)


def not_measured(check: str, why: str) -> Finding:
    """A finding without numbers. why: a sentence for people."""
    return Finding(check, NOT_MEASURED, (), why)


def right(title: str, score: Accuracy) -> Number:
    """The share of images that are classified as labelled, as a Number."""
    return Number(title, score.value, score.n, score.low, score.high)


def share(title: str, count: int, n: int) -> Number:
    """The share `count` of n images, as a Number."""
    return Number(title, count / n, n, *wilson(count, n))


def difference(title: str, pair: Paired) -> Number:
    """The difference of two accuracies on the same images, as a Number."""
    return Number(title, pair.difference, pair.n, pair.low, pair.high, points=True)
