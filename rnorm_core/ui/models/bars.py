"""The bars at the top of the Models page, and the sentence above them. Pure functions."""

from collections.abc import Sequence

from rnorm_core.evaluation import Row
from rnorm_core.evaluation.tables.headline import WHAT
from rnorm_core.report import reproduce
from rnorm_core.rounding import percent
from rnorm_core.ui.models.entries import USUAL, Entry
from rnorm_core.ui.shared.summary_bars import SummaryBars, bars_of


def accuracies(entries: Sequence[Entry], eps_255: float, note: str = "") -> SummaryBars:
    """One picture of the networks under an attack of this size, and one without."""
    norms = [entry.card.norm for entry in entries]
    pictures = [
        (title, norms, [(entry.label, entry.scores.get(eps)) for entry in entries])
        for title, eps in ((f"Right under attack at {eps_255:g}/255", eps_255), ("Right without an attack", 0))
    ]
    networks = {entry.label: (entry.card.name, entry.card.sha256) for entry in entries}
    shown = [score for entry in entries for eps in (eps_255, 0) if (score := entry.scores.get(eps))]
    commands = reproduce.rows_commands([score.measured for score in shown if isinstance(score.measured, Row)])
    if from_cards := [score.measured[0].name for score in shown if isinstance(score.measured, tuple)]:
        commands.append(reproduce.command(reproduce.CARD, from_cards))
        titles = dict.fromkeys(entry.label for entry in entries if entry.card.name in from_cards)
        note = f"{note} Under {USUAL} alone, as their cards have it: {', '.join(titles)}.".strip()
    return bars_of(pictures, networks, WHAT, "\n".join(commands), note)


def answer(everything: Sequence[Entry], chosen: Sequence[Entry], eps_255: float) -> str:
    """How many networks there are, and which of the chosen ones keeps most and least under attack."""
    sets = ", data set" * (len({entry.card.dataset for entry in everything}) > 1)
    there = f"The zoo has **{len(everything)} networks** that differ in norm, seed, training{sets} or architecture."
    scores = {entry.label: score for entry in chosen if (score := entry.scores.get(eps_255))}
    if not scores:
        return f"{there} None of those chosen was measured at {eps_255:g}/255."
    best, worst = (pick(scores, key=lambda label: scores[label].value) for pick in (max, min))
    if len(scores) == 1:
        return f"{there} At {eps_255:g}/255 **{best} keeps {percent(scores[best].value)}**."
    most = f"**{best} keeps most, {percent(scores[best].value)}**"
    least = f"{worst} least, {percent(scores[worst].value)}"
    return f"{there} Of the {len(scores)} compared here, at {eps_255:g}/255 {most}, {least}."
