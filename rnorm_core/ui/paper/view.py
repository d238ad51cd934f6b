"""Judged claims -> the screen: the overview, one claim with its drawings and rules, and its small version."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from rnorm_core.evaluation.claims.evidence import RULES
from rnorm_core.evaluation.claims.judge import CLAIMS, Judgement, weights
from rnorm_core.evaluation.claims.shipped import Shipped
from rnorm_core.experiments.claim_check import Result
from rnorm_core.figures import claims as figures
from rnorm_core.ui.chart.component import chart, clickable
from rnorm_core.ui.paper import words
from rnorm_core.ui.shared import navigation

PGD = "PGD (L-inf)"
# Pages on which a claim can be explored, with a label and settings; left and right are norms (see
# `navigation.with_networks`). Pages that are not in the navigation are left out.
WAYS: dict[str, tuple[tuple[str, str, dict[str, Any]], ...]] = {
    "C0": (
        ("accuracy", "These two, image by image", dict(left="none", right="bn", under=PGD, at=1)),
        ("honesty", "Is what is left real?", dict()),
    ),
    "C1": (
        ("shift", "Layer by layer, at 8/255", dict(left="bn", attack=PGD, eps=8)),
        ("shift", "The same at 1/255", dict(left="bn", attack=PGD, eps=1)),
    ),
    "C2": (
        ("shift", "How far the means move", dict(left="bn", attack=PGD, eps=1, measure="Shift of the mean")),
        ("whose", "Give layers back their clean statistics", dict(part="Patched layers", left="bn", right="rn")),
    ),
    "C3": (
        ("whose", "Whose statistics?", dict(part="Craft and score", left="bn", right="rn")),
        ("accuracy", "Both modes, image by image",
         dict(left="bn", right="bn", left_mode="batch", right_mode="tracked", under=PGD, at=1)),
        ("honesty", "Is what is left real?", dict()),
    ),
    "C4": (
        ("whose", "Batch size and neighbours", dict(part="Batch size", left="bn", right="rn")),
        ("craft", "One image with the statistics of its own", dict(left="bn", left_mode="batch", right="bn")),
    ),
    "C5": (
        ("accuracy", "These two, image by image", dict(left="rn", right="bn", under=PGD, at=1)),
        ("inside", "The range instead of the deviation", dict(right="rn", net="right", p=0.2)),
        ("honesty", "Is what is left real?", dict()),
    ),
    "C6": (
        ("models", "Training curves, higher learning rates", dict()),
        ("inside", "Accuracy for other p", dict(right="rn")),
    ),
}  # fmt: skip


def show_overview(shipped: Shipped, chosen: str) -> None:
    """The map of verdicts; a click on a mark chooses the claim of its row."""
    rows = words.overview(shipped)
    if not rows:
        st.info("No claim can be judged: nothing that was measured belongs to the shipped weights.")
        return
    figure = figures.verdict_map(rows, chosen)
    clickable(figure, "verdicts", lambda row: _choose(rows[row].claim))


def _choose(claim: str) -> None:
    st.session_state["claim"] = claim


def show_claim(claim: str, shipped: Shipped) -> None:
    """The claim with its experiment, and the verdict, drawing and numbers of each reading."""
    about, judgements = CLAIMS[claim], shipped.by_claim[claim]
    st.markdown(f"#### {words.title(claim)}")
    st.caption(f"Claimed {about.source}" if about.source.startswith("from") else f"Claimed by {about.source}")
    st.markdown(f"**What was done here.** {about.experiment}")
    if not judgements:
        st.info("Nothing that was measured on the shipped weights speaks to this claim yet.")
        return
    st.markdown("\n".join(f"- {judgement.sentence}" for judgement in judgements))
    typed = " and ".join(f"`{command}`" for command in words.commands(judgements, shipped.table))
    st.caption(
        f"{words.seeds(judgements)} Measured by this project. Weights: {weights(judgements)}."
        + (f" Repeat with {typed}." if typed else "")
    )
    show_drawings(judgements, claim)
    for rule in dict.fromkeys(judgement.evidence.rule for judgement in judgements):
        st.caption(f"The rule. {RULES[rule]}")
    with st.expander("The numbers behind the verdict", icon=":material/table:"):
        for judgement in judgements:
            st.markdown(f"**{judgement.reading}**")
            st.dataframe(words.numbers(judgement), hide_index=True)


def show_drawings(judgements: Sequence[Judgement], key: str) -> None:
    """Drawings of the evidence, in two columns where there is room."""
    columns = None
    for i, judgement in enumerate(judgements):
        if i % 2 == 0:
            columns = st.columns(2 if len(judgements) > 1 else [2, 1], gap="large")
        assert columns is not None
        with columns[i % 2]:
            chart(figures.evidence(judgement.evidence), key=f"{key} {i}")


def show_small_version(result: Result) -> None:
    """The claim with the live measurement of this page."""
    if result.judgements:
        st.markdown("\n".join(f"- {judgement.sentence}" for judgement in result.judgements))
        show_drawings(result.judgements, "live")
    images = result.request.images
    st.caption(
        f"Measured here: n = {images.count} images ({images.source}), seed {images.seed}, {result.request.device}. So "
        "few images leave wide intervals: a small version can contradict a verdict only where the difference is large."
    )


def show_ways(claim: str, dataset: str) -> None:
    """Doors to the pages on which the claim can be explored."""
    with st.container(horizontal=True, vertical_alignment="center"):
        for page, label, settings in WAYS[claim]:
            if page in navigation.PAGES:
                navigation.door(page, label, **navigation.with_networks(dataset, settings))
