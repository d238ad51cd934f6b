"""Accuracy: how many images networks still recognise as an attack grows, and whether two of them differ by more than
chance.

The learner sees measured curves with intervals, in two units, and the attack sizes of the paper. Left and right can be
compared image by image, and some points can be measured live.
"""

from functools import partial

import streamlit as st

from rnorm_core.attacks import CATALOGUE
from rnorm_core.evaluation.tables import curves
from rnorm_core.experiments import accuracy_sweep
from rnorm_core.ui.accuracy import question, view
from rnorm_core.ui.settings.sidebar import sidebar
from rnorm_core.ui.shared import summary_bars
from rnorm_core.ui.shared.growing_result import growing
from rnorm_core.ui.shared.guard import guard
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.panels import explain, show_summary

PGD, NOISE = CATALOGUE["pgd"].title, CATALOGUE["noise"].title

with guard("accuracy"):
    settings = sidebar()
    st.title("How much accuracy is left?")
    st.markdown(
        "Each network is attacked anew at every size, and the images it still recognises are counted. Where do the "
        "curves of two norms part, and where does every one of them end?"
    )
    table, variants = question.read_table(settings.dataset), (settings.left, settings.right)
    show_summary(summary_bars.attacked(table, variants, [("clean", 0), ("pgd", 1), ("pgd", 8)]))
    choice = question.choose_curves(settings.dataset, table)
    view.show_curves(table, choice)
    attack = (*choice.attacks, "pgd")[0]
    if powers := question.choose_power(settings.dataset, table, attack, choice.pixels):
        view.show_powers(table, choice, powers, attack)
    attack, eps = question.attack_and_size()
    view.show_comparison(curves.compare(table, variants, attack, eps, choice.pixels), variants)
    request = question.measurement(settings, attack, eps, choice.pixels)
    view.show_precision(request.images.count)
    if question.is_begun(request):
        result = growing(request, partial(accuracy_sweep.run, request), slot="measure")
        if result is not None:
            view.show_measured(result, table, choice, eps)
    explain(
        "Each point counts the images that a network still recognises when they are attacked at that size; the bar "
        "through it says how far the choice of images may have moved it. Left against right, the same images are "
        "counted once for each side: two networks may be equally good and yet fail on different images, and only "
        "images on which they differ can tell which one is better.",
        "A gradient attack adds up many small pushes, all in the worst direction, so networks fall at sizes at which "
        "random noise does nothing. What a norm can change is how far a push reaches: that may shift a curve, to "
        "the right or to the left; where the paper looked, a shift to the right is a gain. A shifted curve is not a "
        "flat one: look where it ends. "
        "With the batch's own statistics the attacked images also move the mean and the scale that all are normalised "
        "with; whether what is left then is robustness or only a weaker attack, these curves alone cannot say.",
        there=bool(table.rows),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        door("accuracy", "The batch's own statistics", modes=["tracked", "batch"])
        door("accuracy", "Noise of the same size, as a control", attacks=[PGD, NOISE])
        door("accuracy", "Rounded to what a file can hold", pixels="8-bit")
        door("accuracy", "Only images all of them get right", counted="right when clean")
        door("accuracy", "The sizes to scale", axis="to scale")
        door("paper", "What becomes of the paper's claims?")
        door("craft", "Look at such an attack", attack=PGD, eps=1)
        door("start", "Back to the start")
