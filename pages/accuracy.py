"""Accuracy: how many images networks still recognise as an attack grows, and whether two of them differ by more than
chance.

The learner sees what is left at two attack sizes, then measured curves with intervals, in two units. On demand, left
and right are compared image by image, some points are measured live, and p of RobustNorm is varied.
"""

from functools import partial

import streamlit as st

from rnorm_core.attacks import CATALOGUE
from rnorm_core.evaluation.tables.alike import compare, left_out, to_compare
from rnorm_core.experiments import accuracy_sweep
from rnorm_core.ui.accuracy import question, view, words
from rnorm_core.ui.accuracy.question import COMPARE, MEASURE, NUMBERS, POWER
from rnorm_core.ui.settings.bar import settings_bar
from rnorm_core.ui.shared import summary_bars
from rnorm_core.ui.shared.growing_result import growing
from rnorm_core.ui.shared.guard import guard
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.panels import answer, explain, page_title, show_summary

PGD, NOISE = CATALOGUE["pgd"].title, CATALOGUE["noise"].title

with guard("accuracy"):
    settings = settings_bar()
    page_title("How much accuracy is left?")
    table, variants = question.read_table(settings.dataset), (settings.left, settings.right)
    alike = to_compare(table, variants)
    answer(words.answer(alike, variants))
    show_summary(summary_bars.headlines(alike, variants, (0, 1, 8), left_out(table, variants, (1, 8))))
    choice = question.choose_curves(settings, table)
    drawn = view.measured_lines(table, choice)
    view.show_curves(drawn, choice)
    attack = (*choice.attacks, "pgd")[0]
    parts = question.rest(settings.dataset, table, attack, choice.pixels)
    with parts[COMPARE]:
        if parts[COMPARE].open:
            case, eps = question.case_and_size(table)
            compared = compare(table, variants, case, eps, choice.pixels)
            view.show_comparison(table, compared, variants, choice.pixels)
    with parts[MEASURE]:
        if parts[MEASURE].open:
            under, eps = question.attack_and_size()
            request = question.measurement(settings, under, eps, choice.pixels)
            view.show_precision(request.images.count)
            if question.is_begun(request):
                result = growing(request, partial(accuracy_sweep.run, request), slot="measure")
                if result is not None:
                    view.show_measured(result, table, choice, eps)
    if POWER in parts:
        with parts[POWER]:
            if parts[POWER].open:
                powers = question.choose_power(settings.dataset, table, attack, choice.pixels)
                view.show_powers(table, choice, powers, attack)
    with parts[NUMBERS]:
        if parts[NUMBERS].open:
            view.show_numbers(drawn)
    explain(
        "Each point counts the images that a network still recognises when they are attacked at that size. The bar "
        "through it says how far the choice of images may have moved it. An image counts in the worst case if the "
        "network is right under every attack that was measured.",
        "An attack adds up many small pushes, all in the worst direction, so networks fall at sizes at which random "
        "noise does nothing. A norm can change how far a push reaches, and so shift a curve. A shifted curve is not a "
        "flat one: look where it ends. With the statistics of the batch the attacked images also move the mean and "
        "the scale; whether that is robustness or only a weaker attack, these curves alone cannot say.",
        there=bool(table.rows),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        door("accuracy", "The batch's own statistics", to="curves", modes=["tracked", "batch"])
        door("accuracy", "Noise of the same size, as a control", to="curves", attacks=[PGD, NOISE])
        door("accuracy", "Only images all of them get right", to="curves", counted="right when clean")
        door("accuracy", "Measure left and right here", to="parts_rest", rest=MEASURE)
        door("paper", "What becomes of the paper's claims?")
        door("craft", "Look at such an attack", attack=PGD, eps=1)
