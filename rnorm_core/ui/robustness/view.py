"""Results of the page of sanity checks -> the screen."""

from collections.abc import Sequence

import streamlit as st

from rnorm_core import data, sanity
from rnorm_core.evaluation import Row, Table
from rnorm_core.experiments.robustness import ExaminationRequest, ExaminationResult, SurfacesResult
from rnorm_core.figures import sanity as figures
from rnorm_core.norms import MEDIAN, looks_at_batch
from rnorm_core.report import sources
from rnorm_core.sanity import CHECKS, FAIL, NOT_MEASURED, PASS, WARN, Finding
from rnorm_core.ui.chart.component import chart
from rnorm_core.ui.keep import shown
from rnorm_core.ui.robustness import words
from rnorm_core.ui.shared import panels, summary_bars
from rnorm_core.ui.shared.panels import pictures
from rnorm_core.ui.shared.provenance import how_measured
from rnorm_core.zoo import Variant

ICONS = {
    PASS: ":material/check_circle:", WARN: ":material/warning:", FAIL: ":material/cancel:",
    NOT_MEASURED: ":material/radio_button_unchecked:",
}  # fmt: skip


def show_findings(findings: Sequence[Finding]) -> None:
    """One line for each finding; it opens and shows all numbers, the rule and its reason."""
    for finding in words.in_order(findings):
        with st.expander(words.headline_of(finding), icon=ICONS[finding.verdict]):
            st.markdown(finding.text)
            if finding.numbers:
                st.markdown("\n".join(f"- {words.text(one)}" for one in finding.numbers))
            st.markdown(f"**The rule.** {finding.rule.rule}\n\n**The reason.** {finding.rule.why} ({finding.source})")


def shipped(table: Table, others: Sequence[Row], variants: Sequence[Variant]) -> dict[Variant, Sequence[Finding]]:
    """The findings from shipped measurements. others: see `sanity.from_table`."""
    return {variant: sanity.from_table(table, variant.model, variant.statistics, others) for variant in variants}


def show_summary(table: Table, variants: Sequence[Variant]) -> None:
    """What is left under a small and a large attack."""
    panels.show_summary(summary_bars.headlines(table, variants, (words.SMALL, words.LARGE)))


def show_shipped(findings: dict[Variant, Sequence[Finding]]) -> None:
    """The checks of the networks beside each other."""
    for (variant, found), column in zip(findings.items(), st.columns(len(findings), gap="large"), strict=True):
        with column:
            st.markdown(f"**{variant.label}**. {words.summary(found)}.")
            show_findings(found)
    if any(looks_at_batch(variant.statistics) for variant in findings):
        show_neighbours()
    shown.add("checks", None, [sources.shipped("checks", "findings", variants=tuple(findings))])
    st.caption("From the shipped measurements. Open a line for its numbers, the rule and the reason.")


def show_neighbours() -> None:
    """The reason why a check cannot pass in a mode that uses the batch."""
    st.info(words.NEIGHBOURS, icon=":material/groups:")


def show_fake(key: str) -> None:
    st.info(words.about_fake(key), icon=":material/theater_comedy:")


def show_examination(request: ExaminationRequest, result: ExaminationResult | None, *, stopped: bool) -> None:
    """The findings so far, and the images and networks behind them."""
    subject, images = request.subject, request.images
    if result is not None:
        accuracy, summary = words.robust_accuracy(result.findings), words.summary(result.findings)
        st.markdown(f"**{subject.label}**: {accuracy} {summary} ({len(result.findings)} of {len(CHECKS)} checks).")
        show_findings(result.findings)
        other = f"transferred attacks are crafted on {request.surrogate.label}" if request.surrogate else ""
        how_measured(
            "examination", ", ".join(filter(None, ["all checks, live", other])),
            weights={subject.variant.label: subject.variant.weight_hash}, n=f"n = {images.count}, {images.source}",
            seed=images.seed, sources=[sources.experiment("checks here", result)],
            more=[] if images.complete else ["So few images leave wide intervals."],
        )  # fmt: skip
    elif stopped:
        st.caption("Nothing is kept: not even the first check was made.")
    if looks_at_batch(subject.variant.statistics):
        show_neighbours()
    if subject.variant.statistics == MEDIAN:
        st.caption(words.MEDIANS)


def show_surfaces(result: SurfacesResult, in_3d: bool) -> None:
    """For two models: the predicted classes around one image and, if `in_3d`, the loss as a surface."""
    samples, index = data.samples(result.request.dataset), result.request.image
    source = sources.experiment("loss", result)
    scale = figures.common_scale(result.surfaces) if in_3d else None
    picture, *columns = st.columns([1, 4, 4], gap="medium")
    with picture:
        pictures([(samples.images[index], samples.name(index), "")])
    models = zip(columns, result.surfaces, result.request.subjects, strict=True)
    for i, (column, surface, subject) in enumerate(models):
        with column:
            if scale:
                hills = figures.loss_surface(surface, subject.short_label, samples.classes, scale)
                chart(hills, f"hills {i}", source)
            chart(figures.decision_map(surface, subject.short_label, samples.classes), f"map {i}", source)
            if surface.gradient == 0:
                st.caption("The gradient at the image is exactly zero: no step along it changes anything.")
    request = result.request
    how_measured(
        "surfaces", "loss and predicted class in a plane around one image",
        weights={subject.short_label: subject.variant.weight_hash for subject in request.subjects},
        n=f"one image, {samples.name(index)}", seed=request.seed,
    )  # fmt: skip
