"""Statistic shift: how far an attack moves the inputs of each norm layer, and how much accuracy it costs.

The learner sees which layers leave the band of clean batches, looks into a layer and into a channel, reads the formula
that the layer applies, and watches shift and accuracy while the attack grows. Random noise of the same size is the
control.
"""

import streamlit as st

from rnorm_core.attacks import CATALOGUE
from rnorm_core.norms import modes
from rnorm_core.shift import MEASURES
from rnorm_core.ui.settings.bar import settings_bar
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.panels import explain, figure, page_title
from rnorm_core.ui.shift import question, view

PAPER = "[The paper](https://arxiv.org/abs/2006.11007)"
PICTURE = "layers_left"


with guard("shift"):
    settings = settings_bar()
    page_title("Do the statistics move?")
    there, picture = False, figure()
    with problems():
        there = view.show(picture, *question.choose(settings))
    explain(
        "Each point is one norm layer: how far its input from this batch is from its input in training, over all its "
        "channels. Hollow: the clean batch. Filled: the same images, attacked. The grey band holds 95 % of clean "
        "batches; a ring marks what lies outside. More images make the band narrower.",
        f"A norm layer trusts that its input looks as it did in training. {PAPER} claims that adversarial images shift "
        "it (C1), and that this makes training's statistics wrong (C2). Both can be seen here for large attacks or "
        "large batches, and for other norms as well. Neither says that the shift is what *fools* the network. Look at "
        "1/255: how many images are lost, and how far have the layers moved? Then at noise of 8/255. An attack needs "
        "a direction, not only a distance.",
        there=there,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        pgd, noise, fgsm = (CATALOGUE[name].title for name in ("pgd", "noise", "fgsm"))
        door("shift", "The control: noise at 8/255", to=PICTURE, attack=noise, eps=8)
        door("shift", "The attack again: PGD at 8/255", to=PICTURE, attack=pgd, eps=8)
        door(
            "shift", "Does accuracy fall first: PGD at 1/255, 20 images?", to="growth",
            attack=pgd, eps=1, batch=20, more=view.GROWING,
        )  # fmt: skip
        if settings.complete:
            door("shift", "A narrower band: FGSM at 1/255, 128 images", to=PICTURE, attack=fgsm, eps=1, batch=128)
        door("shift", "One image alone, change of the range", to=PICTURE, batch=1, measure=MEASURES["log_range"].title)
        if "batch" in modes(settings.left.norm):
            door(
                "shift", f"{settings.left.title} twice: statistics of training left, the batch's own right", to=PICTURE,
                left_mode="tracked", right=settings.left.model, right_mode="batch",
            )  # fmt: skip
        door("batch", "Give layers their clean statistics back", part="Patched layers")
        door("craft", "Craft such an attack")
        door("paper", "What becomes of the paper's claims")
