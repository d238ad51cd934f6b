"""Judged claims -> sentences, rows of tables and commands. Pure functions."""

from collections.abc import Sequence
from typing import Any

from rnorm_core import citation
from rnorm_core.citation import ARXIV
from rnorm_core.evaluation import Row, Table
from rnorm_core.evaluation.claims.across_datasets import NEITHER, AcrossDatasets, main
from rnorm_core.evaluation.claims.evidence import Contest, Retention
from rnorm_core.evaluation.claims.judge import CLAIMS, Judgement
from rnorm_core.evaluation.claims.records import records
from rnorm_core.evaluation.claims.shipped import Shipped
from rnorm_core.evaluation.claims.verdict import EPS, HOLDS, listed
from rnorm_core.evaluation.tables.alike import shared
from rnorm_core.evaluation.tables.headline import by_size
from rnorm_core.figures.markup.verdict_grid import Judged
from rnorm_core.report import reproduce

# The commands that measure the evidence of rules which do not use the table of accuracies.
COMMANDS: dict[str, str] = dict.fromkeys(("moved", "more than noise", "regained", "unusable"), reproduce.EVIDENCE)
COMMANDS |= {"speed kept": ""}  # the cards of the trainings are the evidence, no command measures it


LINK = f"[arXiv {ARXIV}](https://arxiv.org/abs/{ARXIV})"
BIBTEX = f"{citation.paper()}\n\n{citation.software()}"
SIZES = (1, 8)  # of the answer; k of k/255


def answer(shipped: Shipped) -> str:
    """How many claims hold at a small and at a large attack, and how far RobustNorm is ahead."""
    by_size = [some[0] for some in shipped.by_claim.values() if some and _by_eps(some[0])]
    counts = []
    for eps in SIZES:
        states = [f.state for judgement in by_size for f in judgement.findings if f.size == eps]
        if states:
            held = states.count(HOLDS)
            verb = "" if counts else " claims holds" if held == 1 else " claims hold"
            counts.append(f"{held} of {len(states)}{verb} at {eps:g}/255")
    if not counts:
        return "No claim can be judged: nothing that was measured belongs to the shipped weights."
    ahead = shipped.by_claim["C5"][:1]
    more = f" {ahead[0].reading}: {_row(ahead[0]).verdict}." if ahead else ""
    return f"It depends on the attack size: **{', '.join(counts)}**.{more}"


def of_both(comparisons: Sequence[AcrossDatasets]) -> str:
    """How many claims hold on which data sets at a small attack; "" if none was judged on all of them."""
    eps = SIZES[0]
    judged = [
        (one.claim, where)
        for one in main(comparisons)
        for where, sizes in one.by_place.items()
        if one.axis == EPS and eps in sizes
    ]
    places = [where for _, where in judged]
    if not places:
        return ""
    if len(places) == 1:
        return f" {judged[0][0]}, which was judged on both data sets, holds {places[0]} at {eps}/255."
    in_order = sorted(set(places), key=lambda where: (where.startswith(NEITHER), where))
    counts = [f"{places.count(where)} {where}" for where in in_order]
    counts[0] = counts[0].replace(" ", " holds " if places.count(in_order[0]) == 1 else " hold ", 1)
    return f" Of the {len(places)} that were judged on both data sets, {listed(counts)} at {eps}/255."


def across_datasets(comparisons: Sequence[AcrossDatasets]) -> str:
    """A line for each reading that was judged on all data sets, then how many were not; a list in Markdown."""
    lines = [f"- **{one.claim}** {one.reading}: **{one.verdict}**" for one in comparisons if one.held]
    others: dict[str, list[str]] = {}
    for one in comparisons:
        if not one.held:
            others.setdefault(one.verdict, []).append(one.claim)
    for verdict, claims in others.items():
        many = f"{len(claims)} further readings are" if len(claims) > 1 else "one further reading is"
        lines.append(f"- {many} {verdict}: of {listed(list(dict.fromkeys(claims)))}")
    return "\n".join(lines)


def main_readings(shipped: Shipped) -> list[Judged]:
    """A row for each claim: its first reading."""
    return [_row(judgements[0]) for judgements in shipped.by_claim.values() if judgements]


def all_readings(shipped: Shipped) -> list[Judged]:
    return [_row(judgement) for judgements in shipped.by_claim.values() for judgement in judgements]


def about_grid(shipped: Shipped) -> str:
    """What the rows of the grid are."""
    rows, more = len(main_readings(shipped)), len(all_readings(shipped))
    return (
        "A row is the main reading of a claim; the sentence counts the rows with a mark at that size. "
        f"{more - rows} further readings are under “All readings”."
    )


def _row(judgement: Judgement) -> Judged:
    # Without the sizes at which the claim does not hold, and those that the grid shows anyway.
    short = judgement.verdict.partition(";")[0].partition(" measured, ")[0]
    short += " measured" if short.endswith(" size") else ""
    return Judged(judgement.claim, judgement.reading, judgement.findings, short, _by_eps(judgement))


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
        form = COMMANDS.get(judgement.evidence.rule)
        if isinstance(judgement.evidence, Contest) and judgement.evidence.under:
            form = reproduce.LABORATORIES
        if form is None:
            texts += _sweeps(judgement, table)
        elif form:
            texts.append(reproduce.command(form, names))
    return list(dict.fromkeys(texts))


def _sweeps(judgement: Judgement, table: Table) -> list[str]:
    """The commands for the rows that the evidence is made of."""
    evidence, sizes = judgement.evidence, (0.0,)
    if isinstance(evidence, Contest | Retention):
        sizes = tuple(evidence.by_eps)
    else:
        table = table.select(attack="clean")  # on the most images, as no attack has a say
    rows: list[Row] = []
    for seed in judgement.seeds:
        networks = [source for source in judgement.sources if source.seed == seed]
        same = shared(table, networks)
        rows += [row for network in networks for eps, row in by_size(same, network).items() if eps in sizes]
    return reproduce.rows_commands(rows)


def downloaded(shipped: Shipped) -> list[dict[str, Any]]:
    """The numbers behind all verdicts, each with the command that measures it again."""
    judgements = [judgement for some in shipped.by_claim.values() for judgement in some]
    return [
        record | {"command": " && ".join(commands([judgement], shipped.table))}
        for judgement in judgements
        for record in records([judgement])
    ]


def title(claim: str) -> str:
    return f"{claim}: {CLAIMS[claim].text}"
