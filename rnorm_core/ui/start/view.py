"""The start page's results: twenty photos, one of them under each network, and their measured accuracy."""

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rnorm_core import evaluation
from rnorm_core.data import Batch
from rnorm_core.evaluation import Row, Table
from rnorm_core.evaluation.tables import accuracies
from rnorm_core.evaluation.tables.alike import left_out, to_compare
from rnorm_core.evaluation.tables.headline import WHAT, headline
from rnorm_core.experiments.landscape import photos
from rnorm_core.report import reproduce
from rnorm_core.rounding import percent
from rnorm_core.ui.attack_player.photos import Marks, legend, mark, photo_pills
from rnorm_core.ui.shared import summary_bars
from rnorm_core.ui.shared.panels import show_summary
from rnorm_core.ui.start import words
from rnorm_core.zoo import Variant

ROOM = 44  # letters of a bar's label


def choose_photo(samples: Batch) -> int:
    """The index of the chosen sample."""
    names = [samples.name(i) for i in range(len(samples))]
    default = names[samples.find(photos.FIRST[samples.dataset])]
    if st.session_state.get("photo", default) not in names:  # chosen for another data set
        st.session_state["photo"] = default
    chosen = photo_pills(
        samples, "Choose a photo", names, key="photo", marked=True, default=default, required=True,
        label_visibility="collapsed",
    )  # fmt: skip
    return names.index(chosen)


def mark_photos(samples: Batch, found: photos.Result, size: float, above: DeltaGenerator) -> None:
    """Marks below the photos which networks are right on each; what the marks mean stands in `above`."""
    marks = Marks(found.request.variants, found.at(size).tolist())
    with above:
        legend(samples, marks)
    mark(samples, "photo", marks)


def another(samples: Batch, found: photos.Result, size: float, index: int) -> int | None:
    """The next photo on which the networks differ at this size; None if there is no other."""
    right = found.at(size)
    order = [(index + k) % len(samples) for k in range(1, len(samples))]
    return next((i for i in order if right[:, i].any() and not right[:, i].all()), None)


def table(dataset: str) -> Table:
    """For networks that somebody brings there may be no table of their data set."""
    return evaluation.table(dataset) if accuracies.shipped(dataset).exists() else Table(())


def show_accuracy(measured: Table, variants: Sequence[Variant], size: float) -> None:
    """Measured accuracy at the chosen size and at the papers', as small pictures: a chart would have to load plotly."""
    table, measured = measured, to_compare(measured, variants)
    known = [v for v in variants if headline(measured, v, 0)]
    sizes = words.sizes_of(measured, variants, size) or words.sizes_of(measured, known, size)
    pictures = []
    for eps in sizes:
        title = f"Still right at {eps:g}/255" + ", the size above" * (eps == size)
        pictures.append((title, [v.norm for v in variants], [_bar(measured, v, eps) for v in variants]))
    networks = {v.label: (v.model, v.weight_hash) for v in variants}
    rows = [row for eps in sizes for v in variants if (row := headline(measured, v, eps))]
    note = left_out(table, variants, sizes)
    show_summary(summary_bars.bars_of(pictures, networks, WHAT, reproduce.rows_script(rows), note))
    if unknown := [v.label for v in variants if headline(measured, v, 0) is None]:
        rest = f"Not measured yet: {'; '.join(unknown)}. The page “Accuracy” measures it here and now."
        st.info(rest, icon=":material/speed:")


def _bar(measured: Table, variant: Variant, eps: float) -> tuple[str, Row | None]:
    """A bar of the headline row, labelled with the accuracy without an attack where there is room for it."""
    clean = headline(measured, variant, 0)
    both = f"{variant.label} (no attack: {percent(clean.value)})" if clean else variant.label
    return both if len(both) <= ROOM else variant.label, headline(measured, variant, eps)
