"""Start: one image, attacked in the same way on two networks, and the predictions before and after.

The learner sees that a change too small to notice can change a prediction, and how two normalisations differ in this.
Measured accuracy at a few attack sizes shows the same over many images.
"""

from functools import partial

import streamlit as st

from rnorm_core.experiments import landscape
from rnorm_core.ui.attack_player.question import attack_size
from rnorm_core.ui.settings.sidebar import sidebar
from rnorm_core.ui.shared.growing_result import growing
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.panels import explain
from rnorm_core.ui.start import question
from rnorm_core.ui.start.view import show, show_accuracy

with guard("start"):
    settings = sidebar()
    st.title("One image, one attack, two networks")
    st.markdown(
        "Two networks each get the same photo with a change made to mislead that network: no colour of any pixel "
        "moves by more than **eps**. Do they still see what you see?"
    )
    size = attack_size("linf", in_player=True)
    photo = question.choose_photo(settings)
    request = question.request(settings, photo)
    result = growing(request, partial(landscape.run, request, batch=photo, first=size))
    if result is not None:
        show(result, photo, size)
    with problems():
        show_accuracy(settings.dataset, request.variants)
    explain(
        "For each network: the attacked photo, the change, made so strong that it can be seen (grey is none), and a "
        "map of all attack sizes and steps, coloured where the network is wrong. Below stands what it answers. Both "
        "were attacked by the same recipe (PGD, 20 steps), each with its own change. The bars count how many "
        "test images are still recognised as the attack grows. The word after a network's name says whose mean and "
        "scale it normalises with: **tracked** the training set's, remembered; **batch** those of the pictures it is "
        "shown; **tracked-mean** the remembered mean and the pictures' scale.",
        "A network learns what photos look like, not which small changes mean nothing. The attack asks the network "
        "itself, through its gradient, which way each pixel has to move to do most harm; three thousand moves too "
        "small to see add up. A normalisation layer decides how far such moves reach: BatchNorm divides by a standard "
        "deviation, RobustNorm by a power of the range. Whether that makes a network robust, or only moves the point "
        "where it breaks, is what this lab is for.",
        there=result is not None,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        door("start", "A quarter of a grey level: eps 0.25/255", eps=0.25)
        door("start", "The size most papers use: eps 8/255", eps=8)
        door("start", "Another photo", seed=(settings.seed + 1) % 100)
        door(
            "start",
            "The left model beside itself, with statistics of the batch",
            right=settings.left.model,
            right_mode="batch",
        )
        door("craft", "Craft an attack of your own")
        door("accuracy", "Not one photo but thousands")
        door("shift", "What happens inside the networks")
