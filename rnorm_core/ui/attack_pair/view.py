"""An attacked image under two networks, drawn: while the attack runs, and before and after it."""

from collections.abc import Sequence

import streamlit as st

from rnorm_core import pixels
from rnorm_core.experiments.attack_pair import Outcome, Result
from rnorm_core.figures.trace import TracedModel, confidence_by_step
from rnorm_core.ui.attack_pair import words
from rnorm_core.ui.shared.panels import chart, pictures


def traced(outcomes: Sequence) -> list[TracedModel]:
    """Finished or running outcomes -> the input of figures."""
    return [TracedModel(each.variant.label, each.variant.norm, each.trace) for each in outcomes]


def show_running(result: Result) -> None:
    """A partial result: the first image at the current step, and the probabilities so far."""
    shown = [*result.outcomes, *result.running]
    left, right = st.columns([1, 3], gap="large")
    with left:
        pictures([(outcome.trace.adversarial[0], outcome.variant.label, "") for outcome in shown])
    if len(shown[-1].trace.sizes) > 1:
        with right:
            chart(confidence_by_step(traced(shown), 0, result.batch.classes), key="live")


def before_and_after(result: Result, outcome: Outcome, index: int) -> None:
    """Image `index` clean, attacked, and the difference, magnified by one factor for both networks."""
    factor = pixels.magnification(*(o.trace.adversarial[index] - o.trace.clean[index] for o in result.outcomes))
    trace, classes = outcome.trace, result.batch.classes
    difference = pixels.magnified(trace.adversarial[index] - trace.clean[index], factor)
    pictures(
        [
            (trace.clean[index], "clean:", words.best_guess(trace.clean_probabilities[index], classes)),
            (trace.adversarial[index], "attacked:", words.best_guess(trace.adversarial_probabilities[index], classes)),
            (difference, "difference", f"× {factor:,}"),
        ]
    )
