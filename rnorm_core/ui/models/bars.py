"""The bars at the top of the Models page, and the sentence above them. Pure functions."""

from collections.abc import Sequence

from rnorm_core.evaluation.tables.headline import WHAT
from rnorm_core.report import reproduce
from rnorm_core.rounding import percent
from rnorm_core.ui.models.entries import Entry
from rnorm_core.ui.shared.summary_bars import SummaryBars, bars_of


def accuracies(entries: Sequence[Entry], eps_255: float, note: str = "") -> SummaryBars:
    """One picture of the networks under an attack of this size, and one without."""
    norms = [entry.card.norm for entry in entries]
    pictures = [
        (title, norms, [(entry.label, entry.scores.get(eps)) for entry in entries])
        for title, eps in ((f"Right under attack at {eps_255:g}/255", eps_255), ("Right without an attack", 0))
    ]
    networks = {entry.label: (entry.card.name, entry.card.sha256) for entry in entries}
    attacks = sorted({attack for entry in entries if (score := entry.scores.get(eps_255)) for attack in score.attacks})
    template = reproduce.sweep((entry.variant.statistics for entry in entries), ("clean", *attacks), (eps_255,))
    return bars_of(pictures, networks, WHAT, template, note)


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
