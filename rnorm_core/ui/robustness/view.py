"""Results of the page of sanity checks -> the screen."""

from collections.abc import Sequence

import streamlit as st

from rnorm_core import data, sanity
from rnorm_core.evaluation import Row, Table
from rnorm_core.experiments.robustness import ExaminationRequest, ExaminationResult, SurfacesResult
from rnorm_core.figures import sanity as figures
from rnorm_core.norms import looks_at_batch
from rnorm_core.sanity import CHECKS, FAIL, NOT_MEASURED, PASS, WARN, Finding
from rnorm_core.ui.chart.component import chart
from rnorm_core.ui.robustness import words
from rnorm_core.ui.shared import summary_bars
from rnorm_core.ui.shared.panels import pictures, show_summary
from rnorm_core.zoo import Variant

ICONS = {
    PASS: ":material/check_circle:", WARN: ":material/warning:", FAIL: ":material/cancel:",
    NOT_MEASURED: ":material/radio_button_unchecked:",
}  # fmt: skip
SUMMARY = (("clean", 0), ("noise", 8), ("fgsm", 8), ("pgd", 8), ("pgd", 1))


def show_findings(findings: Sequence[Finding]) -> None:
    """One line for each finding; it opens and shows all numbers, the rule and its reason."""
    for finding in words.in_order(findings):
        number = words.main_number(finding)
        head = f"**{finding.verdict}** · {finding.title}" + (f" · {number}" if number else "")
        with st.expander(head, icon=ICONS[finding.verdict]):
            st.markdown(finding.text)
            if finding.numbers:
                st.markdown("\n".join(f"- {one}" for one in finding.numbers))
            st.markdown(f"**The rule.** {finding.rule.rule}\n\n**The reason.** {finding.rule.why} ({finding.source})")


def show_shipped(table: Table, others: Sequence[Row], left: Variant, right: Variant) -> None:
    """Findings from shipped measurements, of the left and the right network. others: see `sanity.from_table`."""
    show_summary(summary_bars.attacked(table, list(dict.fromkeys((left, right))), SUMMARY))
    for variant, column in zip((left, right), st.columns(2, gap="large"), strict=True):
        with column:
            findings = sanity.from_table(table, variant.model, variant.statistics, others)
            st.markdown(
                f"**{variant.label}**: {words.robust_accuracy(findings)}\n\n"
                f"Can that be believed? {words.summary(findings)}"
            )
            show_findings(findings)
            st.caption(
                f"From the shipped measurements; weights {variant.weight_hash[:8]}. Open a line for the reasons."
            )
    if any(looks_at_batch(variant.statistics) for variant in (left, right)):
        show_neighbours()


def show_neighbours() -> None:
    """The reason why a check cannot pass in a mode that uses the batch."""
    st.info(words.NEIGHBOURS, icon=":material/groups:")


def show_fake(key: str) -> None:
    st.info(words.about_fake(key), icon=":material/theater_comedy:")


def show_examination(request: ExaminationRequest, result: ExaminationResult | None, *, stopped: bool) -> None:
    """The findings so far, and the images and networks behind them."""
    subject, images = request.subject, request.images
    if result is not None:
        source = "the 20 samples: few, so the intervals are wide" if not images.complete else images.source
        checks = f"{len(result.findings)} of {len(CHECKS)} checks"
        st.markdown(f"**{subject.label}**: {words.summary(result.findings)} ({checks})")
        show_findings(result.findings)
        other = f"; transferred attacks are crafted on {request.surrogate.label}" if request.surrogate else ""
        st.caption(
            f"{images.count} images, {source}; seed {images.seed}; weights {subject.variant.weight_hash[:8]}{other}."
        )
    elif stopped:
        st.caption("Nothing is kept: not even the first check was made.")
    if looks_at_batch(subject.variant.statistics):
        show_neighbours()


def show_surfaces(result: SurfacesResult, in_3d: bool) -> None:
    """For two models: the predicted classes around one image and, if `in_3d`, the loss as a surface."""
    samples, index = data.samples(result.request.dataset), result.request.image
    scale = figures.common_scale(result.surfaces) if in_3d else None
    picture, *columns = st.columns([1, 4, 4], gap="medium")
    with picture:
        pictures([(samples.images[index], samples.name(index), "")])
    models = zip(columns, result.surfaces, result.request.subjects, strict=True)
    for i, (column, surface, subject) in enumerate(models):
        with column:
            if scale:
                chart(figures.loss_surface(surface, subject.short_label, samples.classes, scale), key=f"hills {i}")
            chart(figures.decision_map(surface, subject.short_label, samples.classes), key=f"map {i}")
            if surface.gradient == 0:
                st.caption("The gradient at the image is exactly zero: no step along it changes anything.")
