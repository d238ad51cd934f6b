"""Judged claims -> the screen: the grid of verdicts, one claim with its drawings, and its small version."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from rnorm_core.evaluation.claims.across_datasets import AcrossDatasets
from rnorm_core.evaluation.claims.evidence import RULES
from rnorm_core.evaluation.claims.judge import CLAIMS, Judgement
from rnorm_core.evaluation.claims.records import records
from rnorm_core.evaluation.claims.shipped import Shipped
from rnorm_core.experiments.claim_check import Result
from rnorm_core.figures import claims as figures
from rnorm_core.figures.markup.verdict_grid import verdict_grid
from rnorm_core.report import Source, as_csv, sources
from rnorm_core.ui.chart.component import chart
from rnorm_core.ui.keep.button import keep_this
from rnorm_core.ui.keep.shown import Part
from rnorm_core.ui.paper import words
from rnorm_core.ui.shared import navigation
from rnorm_core.ui.shared.panels import figure, opens
from rnorm_core.ui.shared.provenance import how_measured

PGD = "PGD (L-inf)"
FRONT, MORE = 2, "drawings"  # drawings that a claim shows at once; key of the part with the others
NOTHING = "Nothing that was measured on the shipped weights speaks to this claim yet."
# Pages on which a claim can be explored, with a label and settings; left and right are norms (see
# `navigation.with_networks`). Pages that are not in the navigation are left out.
WAYS: dict[str, tuple[tuple[str, str, dict[str, Any]], ...]] = {
    "C0": (
        ("accuracy", "These two, image by image", dict(left="none", right="bn", at=1)),
        ("honesty", "Is what is left real?", dict()),
    ),
    "C1": (
        ("shift", "Layer by layer, at 8/255", dict(left="bn", attack=PGD, eps=8)),
        ("shift", "The same at 1/255", dict(left="bn", attack=PGD, eps=1)),
    ),
    "C2": (
        ("shift", "How far the means move", dict(left="bn", attack=PGD, eps=1, measure="Shift of the mean")),
        ("batch", "Give layers back their clean statistics", dict(part="Patched layers", left="bn", right="rn")),
    ),
    "C3": (
        ("batch", "Craft in one mode, score in another", dict(part="Craft and score", left="bn", right="rn")),
        ("accuracy", "Both modes, image by image",
         dict(left="bn", right="bn", left_mode="batch", right_mode="tracked", at=1)),
        ("honesty", "Is what is left real?", dict()),
    ),
    "C4": (
        ("batch", "Batch size and neighbours", dict(part="Batch size", left="bn", right="rn")),
        ("craft", "One image with the statistics of its own", dict(left="bn", left_mode="batch", right="bn")),
    ),
    "C5": (
        ("accuracy", "These two, image by image", dict(left="rn", right="bn", at=1)),
        ("inside", "The range instead of the standard deviation", dict(right="rn", net="right", p=0.2)),
        ("honesty", "Is what is left real?", dict()),
    ),
    "C6": (
        ("models", "Higher learning rates, on CIFAR-10", dict(about="Learning rates")),
        ("inside", "Accuracy for other p", dict(right="rn")),
    ),
}  # fmt: skip


def show_overview(shipped: Shipped, dataset: str) -> None:
    """A row for each claim, and how the verdicts are reached."""
    rows = words.main_readings(shipped)
    if not rows:
        return
    grid = verdict_grid(rows)
    with figure(), st.container(key="verdicts", gap="small"):
        st.html(grid)
    judgements = [judgement for some in shipped.by_claim.values() for judgement in some]
    with st.container(horizontal=True, vertical_alignment="center"):
        _how_measured("verdicts", judgements, shipped, "each claim by its own rule; the rules are under “Rules”")
        keep_this("verdicts", [Part("Do the paper's claims hold?", grid)], [_source(dataset, "all claims")])
        with st.popover("Data and BibTeX", icon=":material/download:", type="tertiary"):
            st.download_button(
                "Numbers behind all verdicts (CSV)", lambda: as_csv(words.downloaded(shipped)), "claims.csv",
                "text/csv", on_click="ignore", icon=":material/download:", key="claims_csv",
            )  # fmt: skip
            st.code(words.BIBTEX, language="bibtex", wrap_lines=True)
        st.caption(f"{words.about_grid(shipped)} The paper: {words.LINK}.")


def _source(dataset: str, name: str, claims: Sequence[str] = ()) -> Source:
    return sources.shipped(name, "claims", dataset=dataset, only=tuple(claims))


def show_readings(shipped: Shipped) -> None:
    """A row for each reading, and the numbers behind them."""
    if rows := words.all_readings(shipped):
        st.html(verdict_grid(rows))
        judgements = [judgement for some in shipped.by_claim.values() for judgement in some]
        st.dataframe(
            records(judgements), hide_index=True, height=300, alt="The numbers behind all verdicts",
            column_order=("claim", "reading", "state", "size", "attacks", "training", "n", "value", "low", "high"),
        )  # fmt: skip
    else:
        st.info(NOTHING)


def show_across_datasets(comparisons: Sequence[AcrossDatasets]) -> None:
    """On which data sets each reading holds."""
    st.markdown(words.across_datasets(comparisons) or NOTHING)
    st.caption(
        "By the same rules on each data set, each under the attacks that were measured there. What is open does not "
        "count as holding. Where networks were trained once, nothing is known over trainings."
    )


def show_rules() -> None:
    st.markdown("\n".join(f"- {rule}" for rule in RULES.values()))


def show_claim(claim: str, shipped: Shipped, dataset: str) -> None:
    """The claim with its experiment, and the verdict and drawing of each reading."""
    about, judgements = CLAIMS[claim], shipped.by_claim[claim]
    st.markdown(f"#### {words.title(claim)}")
    source = about.source.replace(f"arXiv {words.ARXIV}", words.LINK)
    st.markdown(f"Claimed {'' if source.startswith('from') else 'by '}{source}. {about.experiment}")
    if not judgements:
        st.info(NOTHING)
        return
    st.markdown("\n".join(f"- {judgement.sentence}" for judgement in judgements))
    source = _source(dataset, f"claim {claim}", [claim])
    show_drawings(judgements[:FRONT], claim, source)
    if len(judgements) > FRONT:
        with opens(f"{len(judgements) - FRONT} more drawings", MORE) as more:
            if more.open:
                show_drawings(judgements[FRONT:], f"{claim} more", source)
    rules = dict.fromkeys(RULES[judgement.evidence.rule] for judgement in judgements)
    _how_measured(f"claim {claim}", judgements, shipped, about.experiment, [f"**The rule.** {rule}" for rule in rules])


def _how_measured(
    key: str, judgements: Sequence[Judgement], shipped: Shipped, what: str, more: Sequence[str] = ()
) -> None:
    how_measured(
        key, what, weights={source.label: source.weight_hash for j in judgements for source in j.sources}, seed=None,
        command="\n".join(words.commands(judgements, shipped.table)), more=[words.seeds(judgements), *more],
    )  # fmt: skip


def show_drawings(judgements: Sequence[Judgement], key: str, source: Source) -> None:
    """Drawings of the evidence, in two columns where there is room."""
    columns = None
    for i, judgement in enumerate(judgements):
        if i % 2 == 0:
            columns = st.columns(2 if len(judgements) > 1 else [2, 1], gap="large")
        assert columns is not None
        with columns[i % 2]:
            chart(figures.evidence(judgement.evidence), f"{key} {i}", source)


def show_small_version(result: Result) -> None:
    """The claim with the live measurement of this page."""
    if result.judgements:
        st.markdown("\n".join(f"- {judgement.sentence}" for judgement in result.judgements))
        show_drawings(result.judgements, "live", sources.experiment("claim here", result))
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
