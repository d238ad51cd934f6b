"""Results of the page about natural shifts -> the screen."""

import streamlit as st

from rnorm_core.experiments import corruption_sweep, recalibration
from rnorm_core.experiments.corruption_sweep import ATTACK, NATURAL
from rnorm_core.figures import corruptions as figures
from rnorm_core.report import sources
from rnorm_core.ui.chart.component import chart
from rnorm_core.ui.corruptions import figure_data, words
from rnorm_core.ui.corruptions.figure_data import Selected
from rnorm_core.ui.corruptions.question import Question
from rnorm_core.ui.shared import panels
from rnorm_core.ui.shared.guard import show as show_error
from rnorm_core.ui.shared.provenance import how_measured


def show_pictures(chosen: Question, result: corruption_sweep.Result | None) -> None:
    """One image at every severity and attacked; others at the selected severity.

    Without a result the samples are shown, but not images of the test set, because reading it takes long.
    """
    if result is None and chosen.request.images.complete:
        return
    rows = figure_data.pictures(chosen.request, result, chosen.severity, chosen.eps_255)
    for column, pictures in zip(st.columns([7, 6], gap="large"), rows, strict=True):
        with column:
            panels.pictures(pictures)
    if result:
        st.caption(
            "✓ recognised, ✗ not: by the left model, then by the right one; each is attacked for itself. Below, "
            "95 % intervals in brackets."
        )


def show_shift(selected: Selected) -> None:
    """Accuracies and layer shifts of the left and the right network; below, accuracy against severity and shift."""
    layers, source = [selected.layers(i) for i in (0, 1)], sources.experiment("corruptions", selected.result)
    drawn = [each for each in layers if each is not None]
    axis = figures.common_axis(drawn) if drawn else None
    for i, column in enumerate(st.columns(2, gap="large")):
        with column:
            st.markdown(words.accuracies(selected, i))
            here, problem = layers[i], selected.readings(i).problem
            if here is not None:
                chart(figures.natural_and_adversarial(here, selected.axis, axis), f"layers {i}", source)
            elif problem is not None:
                show_error(problem)
            else:
                st.info(words.no_shift(selected.readings(i).variant))
    by_severity, by_shift = st.columns(2, gap="large")
    with by_severity:
        chart(figures.by_severity(selected.paths(NATURAL), selected.corruption), "by severity", source)
    if drawn:
        paths = [*selected.paths(NATURAL), *selected.paths(ATTACK)]
        with by_shift:
            chart(figures.cost_of_shift(paths, selected.axis, selected.corruption, "PGD"), "cost", source)
    request = selected.result.request
    how_measured(
        "here", "shift of every norm layer's input and accuracy, on this computer; bars: 95 % intervals",
        weights={variant.title: variant.weight_hash for variant in request.variants},
        n=f"n = {request.images.count}, {request.images.source}", seed=request.images.seed,
    )  # fmt: skip


def show_recalibration(request: recalibration.Request, m: int | None, result: recalibration.Result | None) -> None:
    """New statistics: accuracy by m, and the numbers at the selected m, of the left and the right network."""
    for i, column in enumerate(st.columns(2, gap="large")):
        variant = request.sweep.variants[i]
        with column:
            if reason := words.nothing_to_re_estimate(variant):
                st.info(f"**{variant.label}** {reason}", icon=":material/info:")
            elif result and m and (conditions := figure_data.recalibrations(result, variant)):
                st.markdown(words.answer(result, variant, m))
                where = "of the scored images" if request.same_images else "other images"
                about = variant.label, variant.norm
                figure = figures.by_images(conditions, *about, result.counts, m, where)
                chart(figure, f"repair {i}", sources.experiment("new statistics", result))
                st.markdown(words.table(result, variant, m))
    if result:
        st.caption(
            "**mended**, **made worse**, in the tables bold: the 95 % interval of the difference, image by image, lies "
            f"above or below 0; otherwise {request.sweep.images.count} images cannot tell. An attack made anew is "
            "compared with the one on the network as trained: each network under an attack that knows it."
        )
