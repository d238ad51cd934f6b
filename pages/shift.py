"""Statistic shift: how far an attack moves the inputs of each norm layer, and how much accuracy it costs.

The learner sees which layers leave the band of clean batches, looks into a layer and into a channel, reads the formula
that the layer applies, and watches shift and accuracy while the attack grows. Random noise of the same size is the
control.
"""

import streamlit as st

from rnorm_core.attacks import CATALOGUE
from rnorm_core.norms import modes
from rnorm_core.shift import MEASURES
from rnorm_core.ui.settings.sidebar import sidebar
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.panels import explain
from rnorm_core.ui.shift import question, view

PAPER = "[The paper](https://arxiv.org/abs/2006.11007)"


with guard("shift"):
    settings = sidebar()
    st.title("Do the statistics move?")
    st.markdown(
        "A norm layer trusts that what arrives looks like it did in training. Does an **attack** change that, more "
        "than one batch of ordinary photos differs from another, the **grey band**? And is that when accuracy falls?"
    )
    there = False
    with problems():
        there = view.show(*question.choose(settings))
    explain(
        "Each point is one norm layer of a network: how far what it receives from this batch is from what it received "
        "from the training images, over all its channels. Hollow: the clean batch; filled: the same images, attacked; "
        "ringed: outside the band. Any batch differs from the training set by chance, a small one by more: the band is "
        "narrower for more images, and smaller shifts show. Below, the accuracy of the same images and the shift of "
        "one layer share one axis of attack sizes.",
        f"{PAPER} claims that adversarial images shift what BatchNorm layers receive (its claim C1), and that this "
        "makes the statistics estimated in training inaccurate (C2). Both can be seen here where the attack is large "
        "enough, or the batch, and for other norms as well. Neither says that the shift is what *fools* the network. "
        "Look at 1/255: how many images are lost, and how far have the layers moved? Then at random noise of 8/255: "
        "how far has it moved them, and what did that cost? An attack needs a direction, not only a distance.",
        there=there,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        pgd, noise, fgsm = (CATALOGUE[name].title for name in ("pgd", "noise", "fgsm"))
        door("shift", "The control: noise at 8/255", attack=noise, eps=8)
        door("shift", "The attack again: PGD at 8/255", attack=pgd, eps=8)
        door("shift", "Does accuracy fall first: PGD at 1/255, 20 images?", attack=pgd, eps=1, batch=20)
        if settings.complete:
            door("shift", "A narrower band: FGSM at 1/255, 128 images", attack=fgsm, eps=1, batch=128)
        door("shift", "One image alone, change of the range", batch=1, measure=MEASURES["log_range"].title)
        if "batch" in modes(settings.left.norm):
            door(
                "shift", f"{settings.left.title} twice: tracked left, the batch's own statistics right",
                left_mode="tracked", right=settings.left.model, right_mode="batch",
            )  # fmt: skip
        door("whose", "Give layers their clean statistics back", part="Patched layers")
        door("craft", "Craft such an attack")
        door("paper", "What becomes of the paper's claims")
