"""What several seeds and several learning rates say, each training shown; nothing where there are none."""

from collections.abc import Sequence

import streamlit as st

from rnorm_core import figures
from rnorm_core.evaluation.benefits import LEVELS, Benefit, benefits
from rnorm_core.training.learning_rates import Trial, read, shipped
from rnorm_core.ui import again, naming
from rnorm_core.ui.guard import problems
from rnorm_core.ui.panels import chart
from rnorm_core.zoo import Card

FILLS = (("hollow", "-open"), ("dotted", "-open-dot"), ("filled", ""))  # of `LEVELS`
HEADING = "#### Does each norm train as well and as fast? (the paper's claim C6)"


def show(cards: Sequence[Card]) -> None:
    """Of every group of trainings that differ only in norm and seed: how accurate, and how soon. Then the study."""
    for number, group in enumerate(benefits(cards)):
        if number == 0:
            st.markdown(HEADING)
        left, right = st.columns(2, gap="large")
        with left:
            if rows := accuracy(group):
                figure = figures.by_seed(rows, "How accurate, seed by seed?", "test accuracy (%)", about(group))
                chart(figure, key=f"seeds accuracy {number}")
        with right:
            chart(
                figures.by_seed(speed(group), "How soon, seed by seed?", "epochs", about_speed(group)),
                key=f"seeds speed {number}",
            )
    for dataset in dict.fromkeys(card.dataset for card in cards):
        with problems():
            if trials := read(shipped(dataset)):
                st.markdown("#### And at higher learning rates?")
                for number, alike in enumerate(_alike(trials)):
                    lines = rates(alike)
                    chart(figures.learning_rates(lines, about_study(alike[0])), key=f"rates {dataset} {number}")
                    st.caption(f"{diverged(lines)} Train them again with `{again.study(alike)}`.".lstrip())


def about(group: Sequence[Benefit]) -> str:
    counts = sorted({b.n for b in group if b.n})
    return f"n = {' to '.join(f'{n:,}' for n in counts[:: max(1, len(counts) - 1)])} test images; bars: 95 % interval"


def about_speed(group: Sequence[Benefit]) -> str:
    said = ", ".join(f"{100 * level:.0f} % ({how})" for level, (how, _) in zip(LEVELS, FILLS, strict=True))
    small = sorted({b.small for b in group} - {0})
    said = f"epochs until the training accuracy was first {said}"
    return said + (f"; small crops until epoch {' or '.join(map(str, small))}" if small else "")


def accuracy(group: Sequence[Benefit]) -> list[figures.Dots]:
    """Clean accuracy (%) by norm; trainings that were not measured are left out."""
    rows = []
    for label, alike in _by_norm([b for b in group if b.n]).items():
        values = [100 * (b.correct or 0) / (b.n or 1) for b in alike]
        low, high = ([100 * (getattr(b, end) or 0) for b in alike] for end in ("low", "high"))
        rows.append(figures.Dots(label, alike[0].norm, [b.seed for b in alike], values, low, high))
    return rows


def speed(group: Sequence[Benefit]) -> list[figures.Dots]:
    """Epochs to each of the levels, by norm."""
    return [
        figures.Dots(
            label,
            alike[0].norm,
            [b.seed for b in alike],
            [b.epochs[i] for b in alike],
            what=f"{100 * level:.0f} %",
            fill=FILLS[i][1],
        )
        for label, alike in _by_norm(group).items()
        for i, level in enumerate(LEVELS)
    ]


def _by_norm(group: Sequence[Benefit]) -> dict[str, list[Benefit]]:
    """By what they are called without their seed, with the length of the training where lengths differ."""
    lengths, found = {b.trained for b in group}, dict[str, list[Benefit]]()
    for b in group:
        label = naming.title(b.model, b.norm).removesuffix(f", seed {b.seed}")
        found.setdefault(label + (f" ({b.trained} epochs)" if len(lengths) > 1 else ""), []).append(b)
    return found


def rates(trials: Sequence[Trial]) -> list[figures.Rates]:
    """Held-out accuracy by norm and seed, by learning rate."""
    several = len({trial.seed for trial in trials}) > 1
    lines: dict[tuple, list[Trial]] = {}
    for trial in sorted(trials, key=lambda trial: trial.peak_lr):
        lines.setdefault((list(figures.LOOKS).index(trial.norm), trial.power, trial.seed), []).append(trial)
    found = []
    for (_, power, seed), line in sorted(lines.items(), key=lambda item: (item[0][0], item[0][1] or 0, item[0][2])):
        label = figures.LOOKS[line[0].norm].name + (f" p={power:g}" if power not in (None, naming.POWER) else "")
        done = [trial for trial in line if trial.correct is not None]
        columns = ([getattr(trial, key) for trial in done] for key in ("peak_lr", "correct", "n", "low", "high"))
        diverged = [trial.peak_lr for trial in line if trial.correct is None]
        label += f", seed {seed}" if several else ""
        found.append(figures.Rates(label, line[0].norm, *columns, diverged=diverged))
    return found


def diverged(lines: Sequence[figures.Rates]) -> str:
    """Which learning rates were too high, in words; empty if none was."""
    found = [(line.label, sorted(line.diverged)) for line in lines if line.diverged]
    said = "; ".join(f"{label} at {' and '.join(f'{rate:g}' for rate in some)}" for label, some in found)
    return said and f"Diverged: {said}."


def about_study(trial: Trial) -> str:
    """What all trials have in common, in a few words."""
    numbers = {"bf16": "bfloat16", "fp32": "float32"}[trial.recipe["precision"]]
    architecture, epochs = naming.architecture(trial.architecture), trial.recipe["epochs"]
    return f"{architecture}, {epochs} epochs each, one training a point; {numbers}"


def _alike(trials: Sequence[Trial]) -> list[list[Trial]]:
    """Groups that differ in norm, seed and learning rate alone."""
    groups: dict[tuple, list[Trial]] = {}
    for trial in trials:
        key = trial.architecture, trial.n, *(trial.recipe.get(part) for part in ("name", "epochs", "precision"))
        groups.setdefault(key, []).append(trial)
    return list(groups.values())
