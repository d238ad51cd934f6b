"""Trainings from several seeds and at several learning rates; each training is shown."""

from collections.abc import Sequence

import streamlit as st

from rnorm_core.evaluation.claims.benefits import LEVELS, Benefit, benefits
from rnorm_core.figures.models import Dots, Rates, by_seed, learning_rates
from rnorm_core.figures.style import LOOKS
from rnorm_core.norms import DEFAULT_POWER
from rnorm_core.report import reproduce, sources
from rnorm_core.training.learning_rates import Trial, read, shipped
from rnorm_core.ui.chart.component import chart
from rnorm_core.ui.models import words
from rnorm_core.ui.shared.guard import problems
from rnorm_core.ui.shared.provenance import how_measured
from rnorm_core.zoo import Card


def show(cards: Sequence[Card]) -> None:
    """For each group of trainings that differ only in norm and seed: accuracy and speed."""
    groups = benefits(cards)
    if not groups:
        st.info("No network has been trained with several seeds yet.")
    source = sources.shipped("seeds", "seeds", models=tuple(card.name for card in cards))
    for number, group in enumerate(groups):
        left, right = st.columns(2, gap="large")
        with left:
            if rows := accuracy(group):
                about = words.about_accuracy(group)
                figure = by_seed(rows, "How accurate, seed by seed?", "test accuracy (%)", about)
                chart(figure, f"seeds accuracy {number}", source)
                if text := words.differences(rows):
                    st.caption(text)
        with right:
            figure = by_seed(speed(group), "How soon, seed by seed?", "epochs", words.about_speed(group))
            chart(figure, f"seeds speed {number}", source)


def show_rates(cards: Sequence[Card]) -> None:
    """The studies of learning rates, for each data set that has one."""
    datasets = dict.fromkeys(card.dataset for card in cards)
    for dataset in datasets:
        with problems():
            _show_studies(dataset, read(shipped(dataset)))
    if not any(shipped(dataset).exists() for dataset in datasets):
        st.info("No learning rates have been tried yet.")


def _show_studies(dataset: str, trials: Sequence[Trial]) -> None:
    for number, alike in enumerate(studies(trials)):
        lines = rates(alike)
        figure, command = learning_rates(lines, words.about_study(alike[0])), reproduce.study(alike)
        source = sources.shipped(f"rates {dataset}", "rates", command=command, dataset=dataset)
        chart(figure, f"rates {dataset} {number}", source)
        more = list(filter(None, [words.diverged(lines)]))
        how_measured(
            f"rates {dataset} {number}", "accuracy on held-out training images after a short training", weights={},
            n=f"n = {alike[0].n:,}", seed=None, command=command, more=more,
        )  # fmt: skip


def accuracy(group: Sequence[Benefit]) -> list[Dots]:
    """Clean accuracy (%) by norm; trainings that were not measured are left out."""
    rows = []
    for label, alike in _by_norm([b for b in group if b.n]).items():
        values = [100 * (b.correct or 0) / (b.n or 1) for b in alike]
        low, high = ([100 * (getattr(b, end) or 0) for b in alike] for end in ("low", "high"))
        rows.append(Dots(label, alike[0].norm, [b.seed for b in alike], values, low, high))
    return rows


def speed(group: Sequence[Benefit]) -> list[Dots]:
    """Epochs until each of `LEVELS`, by norm."""
    return [
        Dots(
            label,
            alike[0].norm,
            [b.seed for b in alike],
            [b.epochs[i] for b in alike],
            what=f"{100 * level:.0f} %",
            fill=words.FILLS[i][1],
        )
        for label, alike in _by_norm(group).items()
        for i, level in enumerate(LEVELS)
    ]


def _by_norm(group: Sequence[Benefit]) -> dict[str, list[Benefit]]:
    """By title, with the length of the training where lengths differ."""
    lengths, by_title = {b.trained for b in group}, dict[str, list[Benefit]]()
    for b in group:
        label = b.title + (f" ({b.trained} epochs)" if len(lengths) > 1 else "")
        by_title.setdefault(label, []).append(b)
    return by_title


def rates(trials: Sequence[Trial]) -> list[Rates]:
    """Held-out accuracy over the learning rate, a line for each norm, p and seed."""
    several = len({trial.seed for trial in trials}) > 1
    lines: dict[tuple[int, float, int], list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: trial.peak_lr):
        lines.setdefault((list(LOOKS).index(trial.norm), trial.power or 0, trial.seed), []).append(trial)
    return [_rates(line, with_seed=several) for _, line in sorted(lines.items(), key=lambda item: item[0])]


def _rates(line: Sequence[Trial], *, with_seed: bool) -> Rates:
    """line: trials of one norm, p and seed, by learning rate."""
    norm, power, seed = line[0].norm, line[0].power, line[0].seed
    label = LOOKS[norm].name + (f" p={power:g}" if power not in (None, DEFAULT_POWER) else "")
    done = [trial for trial in line if trial.correct is not None]
    columns = ([getattr(trial, key) for trial in done] for key in ("peak_lr", "correct", "n", "low", "high"))
    diverged = [trial.peak_lr for trial in line if trial.correct is None]
    return Rates(label + (f", seed {seed}" if with_seed else ""), norm, *columns, diverged=diverged)


def studies(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Groups of trials that differ in norm, seed and learning rate alone."""
    groups: dict[tuple, list[Trial]] = {}
    for trial in trials:
        key = trial.architecture, trial.n, *(trial.recipe.get(part) for part in ("name", "epochs", "precision"))
        groups.setdefault(key, []).append(trial)
    return list(groups.values())
