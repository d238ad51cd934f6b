"""Judged claims -> sentences, rows of a table and commands. Pure functions."""

from collections.abc import Sequence

from rnorm_core.evaluation import Table
from rnorm_core.evaluation.claims.evidence import Contest, KeptAccuracy
from rnorm_core.evaluation.claims.judge import CLAIMS, Judgement
from rnorm_core.evaluation.claims.shipped import Shipped
from rnorm_core.evaluation.claims.verdict import EPS
from rnorm_core.figures.claims import Judged
from rnorm_core.ui.shared import reproduce

# The commands that measure the evidence of rules which do not use the table of accuracies.
COMMANDS: dict[str, str] = dict.fromkeys(("moved", "more than noise", "regained", "unusable"), reproduce.EVIDENCE)
COMMANDS |= {"speed kept": ""}  # the cards of the trainings are the evidence, no command measures it


def overview(shipped: Shipped) -> list[Judged]:
    """Rows of the map of verdicts, claim by claim."""
    return [
        Judged(claim, judgement.reading, judgement.findings, _short(judgement), _by_eps(judgement))
        for claim, judgements in shipped.by_claim.items()
        for judgement in judgements
    ]


def _short(judgement: Judgement) -> str:
    """The verdict without the sizes at which the claim does not hold."""
    return judgement.verdict.partition(";")[0]


def _by_eps(judgement: Judgement) -> bool:
    return judgement.evidence.axis == EPS and all(finding.size is not None for finding in judgement.findings)


def seeds(judgements: Sequence[Judgement]) -> str:
    """The seeds of the judged trainings; for each reading if they differ."""
    readings: dict[tuple[int, ...], list[str]] = {}
    for judgement in judgements:
        readings.setdefault(judgement.seeds, []).append(f"“{judgement.reading}”")
    if len(readings) == 1:
        return f"{_seeds(*readings)}{': an example, not a law' * (len(next(iter(readings))) == 1)}."
    each = [f"{_seeds(some)}: {', '.join(dict.fromkeys(titles))}." for some, titles in readings.items()]
    return f"{' '.join(each)} One seed is an example, not a law."


def _seeds(some: tuple[int, ...]) -> str:
    return f"One seed ({some[0]})" if len(some) == 1 else f"{len(some)} seeds ({', '.join(map(str, some))})"


def commands(judgements: Sequence[Judgement], table: Table) -> list[str]:
    """The commands that measure the evidence once more; none for the speed of training."""
    texts = []
    for judgement in judgements:
        names = [source.model for source in judgement.sources]
        evidence = judgement.evidence
        attacks = ("clean",) if isinstance(evidence, KeptAccuracy) else ("clean", "pgd")
        sweep = reproduce.sweep((source.statistics for source in judgement.sources), attacks)
        form = COMMANDS.get(evidence.rule, sweep)
        if isinstance(evidence, Contest) and evidence.under:
            form = reproduce.LABORATORIES
        n = max((row.n for row in table.rows if row.model in names), default=0)
        texts += [reproduce.command(form, names, n)] if form else []
    return list(dict.fromkeys(texts))


def numbers(judgement: Judgement) -> list[dict[str, str]]:
    """The findings as rows of a table."""
    axis = judgement.evidence.axis
    return [
        {"size": axis(f.size) if f.size is not None else "", "finding": f.state, "numbers": f.text}
        for f in judgement.findings
    ]


def title(claim: str) -> str:
    return f"{claim}: {CLAIMS[claim].text}"
