"""Is it really robust? Nine sanity checks that tell robustness from attacks that fail, and the loss around one image.

The learner reads the shipped results of the checks for two models, runs all checks on a model or on a planted fake
defence, and sees the loss around one image: the function that a gradient attack climbs.
"""

from functools import partial

import streamlit as st

from rnorm_core import sanity, zoo
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.experiments import robustness
from rnorm_core.ui.accuracy.question import read_table
from rnorm_core.ui.robustness import question, view
from rnorm_core.ui.settings.sidebar import sidebar
from rnorm_core.ui.shared.growing_result import growing
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.live_job import is_stopped, run
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.panels import explain

FAKE = next(iter(question.FAKES))

with guard("honesty"):
    settings = sidebar()
    st.title("Is it really robust?")
    st.markdown(
        "An attack that fails is no proof of robustness: the **attack** may be what failed. Nine checks tell the two "
        "apart. Here is what they say of two models, then of a model, or a **planted fake**, examined before your eyes."
    )
    with problems():
        table = read_table(settings.dataset)
        view.show_shipped(table, laboratories.rows(settings.dataset), settings.left, settings.right)
    fake = ""
    with problems():
        st.markdown("#### Examine it here")
        request, begin = question.ask_examination(settings)
        if fake := request.subject.fake:
            view.show_fake(fake)
        if begin:
            result = growing(request, partial(robustness.run_examination, request), slot="examine")
            view.show_examination(request, result, stopped=is_stopped("examine"))
        else:
            st.caption("All nine checks, live: about a minute for 20 images on one core. Nothing runs until you ask.")
    with problems():
        st.markdown("#### The loss around one image")
        around, in_3d = question.ask_surfaces(settings, fake)
        surfaces = run(around, partial(robustness.run_surfaces, around), slot="plane")
        if surfaces is not None:
            view.show_surfaces(surfaces, in_3d)
    explain(
        "Each line is one check: its verdict, the number that decided with n and its 95 % interval, and, when opened, "
        "the rule and its reason. Nobody types a verdict; it follows from the rule. Below, one image stands in the "
        "middle of a plane: one way leads along the sign of the loss's gradient, the other in random directions. The "
        "dotted diamond is what an attack of 1 eps may reach: where both ways change a pixel alike, the steps add up.",
        "Many defences were believed until someone attacked them better (Athalye et al. 2018, Carlini et al. 2019). "
        "Real robustness leaves traces: stronger attacks do more harm, large ones leave nothing, the gradient helps. "
        "A defence that only hides the gradient turns these upside down. Passing all checks proves nothing either: "
        "these attacks found no other way. And honest is not robust: a network may fall at once and pass every check.",
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        door("honesty", "A planted fake", subject=FAKE, examine=True)
        for label, key in list(question.FAKES.items())[1:]:
            door("honesty", f"Another: {sanity.PLANTED[key].title}", subject=label, examine=True)
        door("honesty", "The left model, live", subject=question.LEFT, examine=True)
        bn = zoo.plain(settings.dataset, "bn")
        door(
            "honesty", "The batch's own statistics", left=bn, left_mode="batch", right=bn, right_mode="tracked",
            subject=question.LEFT, examine=True,
        )  # fmt: skip
        door("honesty", "The loss as hills", hills=True)
        door("honesty", "A fake's hills beside the left model's", subject=FAKE, hills=True)
        door("accuracy", "All attack sizes")
        door("paper", "What becomes of the paper's claims")
