"""Claims judged from what ships with the models, and said in words. No Streamlit here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from rnorm_core import evaluation, zoo
from rnorm_core.errors import UserError
from rnorm_core.evaluation import Row, Table, laboratories, moved, sizes
from rnorm_core.evaluation.claims import CLAIMS, Judgement, judge
from rnorm_core.evaluation.current import weights
from rnorm_core.evaluation.evidence import Contest, Upkeep
from rnorm_core.evaluation.moved import Moved
from rnorm_core.evaluation.verdict import EPS
from rnorm_core.figures.claims import Judged
from rnorm_core.ui import again as commands

R = TypeVar("R", Row, Moved)
# What measures the evidence for a rule, if not the table's sweep.
FORMS = dict.fromkeys(("moved", "more than noise", "regained", "unusable"), commands.EVIDENCE) | {"speed kept": ""}


@dataclass(frozen=True, eq=False)
class Shipped:
    """by_claim: id -> its readings, none where nothing was measured. notices: what was left out, and why.

    table: of the accuracies behind them; empty where it could not be read.
    """

    by_claim: dict[str, list[Judgement]]
    notices: tuple[str, ...]
    table: Table


def shipped(dataset: str = "cifar10") -> Shipped:
    """From the table, the three files beside it and the cards, as far as they are there and of the shipped weights."""
    notices: list[str] = []
    table = Table(())
    try:
        table = evaluation.table(dataset)
        notices += [table.notice] if table.notice else []
    except UserError as error:
        notices.append(str(error))
    moves = _beside("Measured layers", lambda: moved.moved(dataset), moved.COMMAND, notices)
    by_size = _beside("Batch sizes", lambda: sizes.by_size(dataset), moved.COMMAND, notices)
    rows = _beside("The laboratories' rows", lambda: laboratories.current(dataset), laboratories.COMMAND, notices)
    cards = [card for name, _ in weights() if (card := zoo.card(name)).dataset == dataset]
    return Shipped(judge(table.rows, moves, by_size, cards, rows), tuple(notices), table)


def _beside(
    what: str, read: Callable[[], tuple[tuple[R, ...], tuple[R, ...]]], command: str, notices: list[str]
) -> tuple[R, ...]:
    """The rows of a file beside the table that are of the shipped weights; none, with a notice, if it is not sound."""
    try:
        rows, stale = read()
    except UserError as error:
        notices.append(str(error))
        return ()
    if stale:
        names = ", ".join(sorted({row.model for row in stale}))
        notices.append(
            f"{what} of {names} are left out: they belong to other weights than the shipped ones. Measure again with "
            f"`{command}`."
        )
    return rows


def overview(found: Shipped) -> list[Judged]:
    """Rows of the map of verdicts, claim by claim."""
    return [
        Judged(claim, judgement.reading, judgement.findings, _short(judgement), _by_eps(judgement))
        for claim, judgements in found.by_claim.items()
        for judgement in judgements
    ]


def _short(judgement: Judgement) -> str:
    """The verdict without the sizes at which it does not hold."""
    return judgement.verdict.partition(";")[0]


def _by_eps(judgement: Judgement) -> bool:
    return judgement.evidence.axis == EPS and all(finding.size is not None for finding in judgement.findings)


def said(judgement: Judgement) -> str:
    """The verdict in Markdown, with the numbers where it turns."""
    edge, axis = judgement.edge, judgement.evidence.axis
    where = f"{_capital(axis.word)} {axis(edge.size)}: " if edge and edge.size is not None else ""
    return f"{_capital(judgement.reading)}: **{judgement.verdict}**." + (f" {where}{edge.said}." if edge else "")


def seeds(judgements: Sequence[Judgement]) -> str:
    """How many trainings this rests on, in words; reading by reading where they differ."""
    found: dict[tuple[int, ...], list[str]] = {}
    for judgement in judgements:
        found.setdefault(judgement.seeds, []).append(f"“{judgement.reading}”")
    if len(found) == 1:
        return f"{_seeds(*found)}{': an example, not a law' * (len(next(iter(found))) == 1)}."
    each = [f"{_seeds(some)}: {', '.join(dict.fromkeys(readings))}." for some, readings in found.items()]
    return f"{' '.join(each)} One seed is an example, not a law."


def _seeds(some: tuple[int, ...]) -> str:
    return f"One seed ({some[0]})" if len(some) == 1 else f"{len(some)} seeds ({', '.join(map(str, some))})"


def hashes(judgements: Sequence[Judgement]) -> str:
    """Of the weights that entered: "cifar10-resnet20-bn d66d98175d82"."""
    known = {source.model: source.weight_hash[:12] for judgement in judgements for source in judgement.sources}
    return "; ".join(f"{model} {digest}" for model, digest in known.items())


def again(judgements: Sequence[Judgement], table: Table) -> list[str]:
    """What measures it again; of how fast networks train, the page of models says it."""
    found = []
    for judgement in judgements:
        names = [source.model for source in judgement.sources]
        evidence = judgement.evidence
        kinds = ("clean",) if isinstance(evidence, Upkeep) else ("clean", "pgd")
        sweep = commands.sweep((source.statistics for source in judgement.sources), kinds)
        form = FORMS.get(evidence.rule, sweep)
        if isinstance(evidence, Contest) and evidence.under:
            form = commands.LABORATORIES
        n = max((row.n for row in table.rows if row.model in names), default=0)
        found += [commands.command(form, names, n)] if form else []
    return list(dict.fromkeys(found))


def numbers(judgement: Judgement) -> list[dict[str, str]]:
    """The findings as rows of a table, for people and for those who cannot see the drawing."""
    axis = judgement.evidence.axis
    return [
        {"size": axis(f.size) if f.size is not None else "", "finding": f.state, "numbers": f.said}
        for f in judgement.findings
    ]


def title(claim: str) -> str:
    return f"{claim}: {CLAIMS[claim].text}"


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
