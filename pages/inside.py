"""Inside RobustNorm: one layer, one channel, and the two numbers that its values can be divided by.

The learner sees the values of the channel, their standard deviation and their range, the effect of p, of an outlier, of
an attack and of the size of the batch on them, and the accuracy of networks that were trained with different p.
"""

import streamlit as st

from rnorm_core.experiments.channel import ALL, ONE
from rnorm_core.ui.accuracy.question import read_table
from rnorm_core.ui.inside import powers, question, view
from rnorm_core.ui.settings.sidebar import sidebar
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.panels import explain, show_summary

PAPER = "[The paper](https://arxiv.org/abs/2006.11007)"


with guard("inside"):
    settings = sidebar()
    st.title("What does RobustNorm divide by?")
    st.markdown(
        "BatchNorm divides each channel by its **deviation**, RobustNorm by a power of its **range**. Look at one "
        "channel: how far apart are the two, what moves either of them, and what does p change?"
    )
    there, other = False, ""
    with problems():
        top = st.container()
        choice = question.choose(settings)
        table = read_table(settings.dataset)
        with top:
            show_summary(powers.bars(settings.dataset, table, choice.eps_255))
        other = choice.other
        there = view.show(choice)
        view.show_powers(choice, settings.dataset, table)
    explain(
        "Above, all values that one channel of one layer receives from the images, with the deviation to either side "
        "of their mean and, above it, Popoviciu's bound. Then the two divisors, and what is left of the same values: "
        "move p, and only the dashed ones follow. Below, what one far value or an attack does to each divisor, what "
        "more images in a batch do, and what became of whole networks that were trained with different p.",
        f"{PAPER} replaces the deviation by range^p because of Popoviciu's inequality, σ ≤ r/2: a range bounds the "
        "deviation, and claims that this makes networks more robust (its claim C5). But a range is made by two values "
        "alone: one outlier is enough to widen it, while it hardly counts in a deviation over thousands. A small p "
        "takes that back, for it brings all ranges closer to 1, and with them the channels' scales: at p = 0 nothing "
        "is normalised but the mean, at p = 1 the widest values alone decide. How much of all this is robustness, only "
        "the last picture can say.",
        there=there,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        door("inside", "One image attacked, 8/255", attacked=ONE, eps=8)
        door("inside", "All images attacked, 8/255", attacked=ALL, eps=8)
        door("inside", "p = 1: the range itself", p=1.0)
        door("inside", "p = 0: nothing but the mean", p=0.0)
        if other:
            door("inside", f"The same place in the {other} network", net=other)
        door("shift", "How far do such statistics move?")
        door("paper", "What becomes of claim C5?", claim="C5")
