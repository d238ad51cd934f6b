"""Inside RobustNorm: one layer, one channel, and the two numbers that its values can be divided by.

The learner sees the values of the channel, their standard deviation and their range, the effect of p, of an outlier, of
an attack and of the size of the batch on them, and the accuracy of networks that were trained with different p.
"""

import streamlit as st

from rnorm_core.experiments.channel import ALL, ONE
from rnorm_core.ui.accuracy.question import read_table
from rnorm_core.ui.inside import question, view
from rnorm_core.ui.settings.bar import settings_bar
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.panels import explain, page_title, sections

PAPER = "[The paper](https://arxiv.org/abs/2006.11007)"
DIVISORS, OUTLIER, SIZE, POWERS = "What p changes", "One far value", "Size of the batch", "Networks of other p"

with guard("inside"):
    settings = settings_bar()
    page_title("What does RobustNorm divide by?")
    shown, other = None, ""
    with problems():
        top = st.container()
        choice = question.choose(settings)
        other = choice.other
        with top, problems():
            shown = view.show(choice)
        parts = sections({DIVISORS: (), OUTLIER: ("outlier",), SIZE: (), POWERS: ("p_mode",)}, key="part")
        with parts[DIVISORS]:
            if parts[DIVISORS].open and shown:
                view.show_divisors(shown, choice.power)
        with parts[OUTLIER], problems():
            if parts[OUTLIER].open and shown:
                view.show_outlier(choice, shown)
        with parts[SIZE]:
            if parts[SIZE].open and shown:
                view.show_growth(shown, choice.power)
        with parts[POWERS], problems():
            if parts[POWERS].open:
                view.show_powers(choice, settings.dataset, read_table(settings.dataset))
    explain(
        "Above, all values that one channel of one layer receives from the images. Over them, to either side of their "
        "mean, the two numbers that a norm can divide by, and the whole range. Move p: only the dashed line follows. "
        "The parts below: what each divisor makes of the values; what one far value or an attack does to it; what "
        "more images in a batch do; and what became of whole networks that were trained with different p.",
        f"{PAPER} replaces the standard deviation by range^p because of Popoviciu's inequality, σ ≤ r/2: a range "
        "bounds the standard deviation, and claims that this makes networks more robust (its claim C5). But a range is "
        "made by two values alone: one outlier is enough to widen it, while it hardly counts in a standard deviation "
        "over thousands. A small p takes that back: it brings all ranges closer to 1. At p = 0 nothing is normalised "
        "but the mean, at p = 1 the widest values alone decide. How much of this is robustness, only trained networks "
        "say.",
        there=shown is not None,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        door("inside", "One image attacked, 8/255", to="parts_part", part=OUTLIER, attacked=ONE, eps=8)
        door("inside", "All images attacked, 8/255", to="parts_part", part=OUTLIER, attacked=ALL, eps=8)
        door("inside", "p = 1: the range itself", to="values", p=1.0)
        door("inside", "p = 0: nothing but the mean", to="parts_part", part=DIVISORS, p=0.0)
        door("inside", "Networks that were trained with other p", to="parts_part", part=POWERS)
        if other:
            door("inside", f"The same place in the {other} network", to="values", net=other)
        door("shift", "How far do such statistics move?")
        door("paper", "What becomes of claim C5?", claim="C5")
