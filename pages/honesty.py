"""Is it really robust? What is left under attack, and nine sanity checks that say whether that number can be believed.

The learner reads the shipped results of the checks for two models, runs all checks on a model or on a planted fake
defence, and sees the loss around one image: the function that a gradient attack climbs.
"""

from functools import partial

import streamlit as st

from rnorm_core import sanity, zoo
from rnorm_core.evaluation.tables import laboratories
from rnorm_core.experiments import robustness
from rnorm_core.ui.accuracy.question import read_table
from rnorm_core.ui.robustness import question, view, words
from rnorm_core.ui.robustness.question import CHECKED, EXAMINE, LOSS, PART
from rnorm_core.ui.settings.bar import settings_bar
from rnorm_core.ui.shared.growing_result import growing
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.live_job import is_stopped, run
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.panels import answer, explain, page_title, sections

FAKE = next(iter(question.FAKES))
HERE = f"parts_{PART}"  # where a door of this page leads

with guard("honesty"):
    settings = settings_bar()
    page_title("Is it really robust?")
    variants, findings = list(dict.fromkeys((settings.left, settings.right))), {}
    with problems():
        table = read_table(settings.dataset)
        findings = view.shipped(table, laboratories.rows(settings.dataset), variants)
        answer(words.answer(table, findings))
        view.show_summary(table, variants)
    parts = sections(question.PARTS, PART)
    with parts[CHECKED]:
        if parts[CHECKED].open and findings:
            view.show_shipped(findings)
    with parts[EXAMINE]:
        if parts[EXAMINE].open:
            with problems():
                request, begin = question.ask_examination(settings)
                if fake := request.subject.fake:
                    view.show_fake(fake)
                if begin:
                    result = growing(request, partial(robustness.run_examination, request), slot="examine")
                    view.show_examination(request, result, stopped=is_stopped("examine"))
                else:
                    st.caption("About a minute for 20 images on one core. Nothing runs until you ask.")
    with parts[LOSS]:
        if parts[LOSS].open:
            with problems():
                around, in_3d = question.ask_surfaces(settings)
                surfaces = run(around, partial(robustness.run_surfaces, around), slot="plane")
                if surfaces is not None:
                    view.show_surfaces(surfaces, in_3d)
    explain(
        "The bars count the images that are still right under attack. Each line is one check of that number: whether "
        "it can be believed, what decided, and, when opened, the rule and its reason. Nobody types a verdict. In the "
        "plane around one image one way follows the sign of the loss's gradient, the other random signs; the dotted "
        "diamond is what an attack of 1 eps may reach.",
        "An attack that fails is no proof of robustness: the attack may be what failed (Athalye et al. 2018, Carlini "
        "et al. 2019). Real robustness leaves traces: stronger attacks do more harm, large ones leave nothing, the "
        "gradient helps. A defence that only hides the gradient turns these upside down. A believable number need not "
        "be a high one: a network may fall at once and pass every check.",
        there=bool(findings),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        door("honesty", "A planted fake", to=HERE, test=EXAMINE, subject=FAKE, examine=True)
        for label, key in list(question.FAKES.items())[1:]:
            door("honesty", f"Another: {sanity.PLANTED[key].title}", to=HERE, test=EXAMINE, subject=label, examine=True)
        bn = zoo.plain(settings.dataset, "bn")
        door(
            "honesty", "The batch's own statistics, live", to=HERE, left=bn, left_mode="batch", right=bn,
            right_mode="tracked", test=EXAMINE, subject=question.LEFT, examine=True,
        )  # fmt: skip
        door("honesty", "The loss as hills", to=HERE, test=LOSS, hills=True)
        door("honesty", "A fake's hills beside the left model's", to=HERE, test=LOSS, beside=FAKE, hills=True)
        door("accuracy", "All attack sizes")
