"""Corruptions: fog, noise and JPEG files compared with an attack, and the effect of new statistics.

The learner corrupts images and compares the shift of every norm layer's input with the shift under an attack. Then the
layers get the statistics of such images. This helps against a corruption. A new attack on the network with these
statistics shows whether it helps against attacks.
"""

from functools import partial

import streamlit as st

from rnorm_core.evaluation.tables import laboratories
from rnorm_core.experiments import corruption_sweep, recalibration
from rnorm_core.experiments.corruption_sweep import NATURAL
from rnorm_core.shift import MEASURES
from rnorm_core.ui.corruptions import bars, figure_data, question, view
from rnorm_core.ui.corruptions.question import ALL, SAME
from rnorm_core.ui.settings.bar import Settings
from rnorm_core.ui.shared.growing_result import growing
from rnorm_core.ui.shared.guard import problems
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.panels import answer, explain, opens, show_summary
from rnorm_core.ui.shared.summary_bars import measured_table
from rnorm_core.zoo import networks_of

NOTHING = "Nothing was measured before for these networks: see below what is measured here."


def show(settings: Settings) -> None:
    selected = None
    with problems():
        top = st.container()  # above the controls, because the controls fill the screen of a phone
        chosen = question.ask(settings)
        networks = networks_of(*chosen.request.variants)
        rows = laboratories.rows(settings.dataset)
        with top:
            conditions = chosen.request.corruption, chosen.severity, chosen.eps_255
            answer(bars.answer(rows, networks, *conditions) or NOTHING)
            show_summary(bars.corrupted(rows, networks, *conditions, measured_table(settings.dataset)))
        pictures = st.container()
        first = {"severity": chosen.severity, "eps_255": chosen.eps_255}
        result = growing(chosen.request, partial(corruption_sweep.run, chosen.request, **first))
        with pictures:
            view.show_pictures(chosen, result)
        if result is not None and result.has((NATURAL, chosen.severity)):
            selected = figure_data.Selected(result, chosen.severity, chosen.eps_255, chosen.measure)
            with st.container(key="shifts"):
                view.show_shift(selected)
        with st.container(key="repair"), opens("Which of the two do new statistics repair?", "mend", "m", "of") as mend:
            if mend.open:
                request, m = question.ask_statistics(chosen)
                repaired = None
                if m is not None and any(map(recalibration.keeps_statistics, request.sweep.variants)):
                    repaired = growing(request, partial(recalibration.run, request, first=m), slot="repair")
                view.show_recalibration(request, m, repaired)
    explain(
        "The charts: each point is one norm layer. It says how far the corrupted batch, and the attacked one, have "
        "moved what the layer receives from what it received in training; the grey band holds 95 % of clean batches. "
        "Then the layers get the mean and the scale of m images of the same kind, and the same images are counted "
        "again.",
        "A corruption changes all images in one way. Part of its damage is that the layers normalise with numbers that "
        "are no longer right, and that part new statistics take away (Schneider et al. 2020, Benz et al. 2021). An "
        "attack is a direction for each image: see how little shift it needs. New statistics may help only because the "
        "attack was made for the old ones, so a new attack is made for the new ones: a gain that remains is due to "
        "them. Statistics of few images are poor: see what they cost clean images.",
        there=selected is not None,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        names = {name: title for title, name in question.TITLES.items()}
        repair = {"to": "repair", "severity": 5, "m": ALL, "mend": True}
        door("batch", "Contrast of severity 5", corruption=names["contrast"], **repair)
        door("batch", "Is JPEG repaired, too?", corruption=names["jpeg"], **repair)
        door("batch", "Statistics of one image", to="repair", of=SAME, m="1", mend=True)
        door("batch", "By the range", to="shifts", measure=MEASURES["log_range"].title)
        door("shift", "Into a layer and a channel")
