"""The start page's result: one image under both networks, and their measured accuracy."""

import streamlit as st

from rnorm_core import evaluation, model_names
from rnorm_core.data import Batch
from rnorm_core.evaluation.tables import accuracies
from rnorm_core.experiments.landscape import Result
from rnorm_core.ui import attack_player
from rnorm_core.ui.shared import summary_bars
from rnorm_core.ui.shared.panels import show_summary
from rnorm_core.zoo import Variant

SIZES = (("clean", 0), ("pgd", 0.5), ("pgd", 1), ("pgd", 2), ("pgd", 8))  # attacks, and eps in grey levels


def show(result: Result, photo: Batch, size: float) -> None:
    """The photo under both networks, at every attack size and step."""
    st.caption(
        f"The photo: one of {model_names.dataset(photo.dataset)}'s test images, labelled "
        f"“{photo.classes[int(photo.labels[0])]}”."
    )
    attack_player.show(result, 0, photo.dataset, chosen=size, key="player")


def show_accuracy(dataset: str, variants: tuple[Variant, ...]) -> None:
    """Measured accuracy at a few attack sizes, as small pictures: for a chart the browser would have to load plotly."""
    # For networks that somebody brings there may be no table of their data set.
    table = evaluation.table(dataset) if accuracies.shipped(dataset).exists() else evaluation.Table(())
    variants = tuple(dict.fromkeys(variants))
    show_summary(summary_bars.attacked(table, variants, SIZES))
    if unknown := [variant.label for variant in variants if not table.curve(variant.model, variant.statistics, "pgd")]:
        rest = f"Not measured yet: {'; '.join(unknown)}. The page “Accuracy” measures it here and now."
        st.info(rest, icon=":material/speed:")
