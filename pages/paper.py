"""The paper, claim by claim: the claim, our measurements, and the attack sizes at which it holds.

The learner sees up to which attack size each claim holds, opens a claim with its experiment, numbers and rule, measures
a small version, and finds related works on a map.
"""

from functools import partial

import streamlit as st

from rnorm_core.evaluation.claims.across_datasets import compare_datasets, datasets
from rnorm_core.evaluation.claims.shipped import shipped
from rnorm_core.experiments import claim_check
from rnorm_core.ui.paper import citation_map, question, view, words
from rnorm_core.ui.paper.question import BOTH, CLAIM, MAP, READINGS, RULES_PART
from rnorm_core.ui.settings.bar import settings_bar
from rnorm_core.ui.shared.growing_result import growing
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.panels import answer, explain, page_title, sections

with guard("paper"):
    settings = settings_bar()
    page_title("Do the paper's claims hold?")
    judged = shipped(settings.dataset)
    for notice in judged.notices:
        st.warning(notice)
    several = {one: (judged if one == settings.dataset else shipped(one)).by_claim for one in datasets()}
    compared = compare_datasets(several) if len(several) > 1 else []
    answer(words.answer(judged) + words.of_both(compared))
    view.show_overview(judged, settings.dataset)
    offered = {title: keys for title, keys in question.PARTS.items() if compared or title != BOTH}
    parts = sections(offered, question.PART)
    with parts[CLAIM]:
        if parts[CLAIM].open:
            claim = question.choose_claim()
            view.show_claim(claim, judged, settings.dataset)
            view.show_ways(claim, settings.dataset)
            images, pressed = question.small_version(settings, claim)
            with problems():
                if pressed:
                    request = claim_check.Request.of(claim, images, settings.device)
                    st.markdown(f"#### {claim}, measured here and now")
                    result = growing(request, partial(claim_check.run, request), slot="remeasure")
                    if result is not None:
                        view.show_small_version(result)
    with parts[READINGS]:
        if parts[READINGS].open:
            view.show_readings(judged)
    if BOTH in parts:
        with parts[BOTH]:
            if parts[BOTH].open:
                view.show_across_datasets(compared)
    with parts[RULES_PART]:
        if parts[RULES_PART].open:
            view.show_rules()
    with parts[MAP]:
        if parts[MAP].open:
            citation_map.show()
    explain(
        "One row is one claim of *Towards an Adversarially Robust Normalization Approach* (Awais, Shamshad, Bae 2020, "
        f"{words.LINK}), one mark an attack size: filled where the claim "
        "holds, open where it does not, a dash where these measurements cannot tell, a triangle where the opposite "
        "holds; half a mark where every training says so, but the trainings differ so much that another one may not. "
        "The verdicts follow from this project's own measurements, by rules that are the same for all claims.",
        "A claim about robustness is a claim about sizes. The paper's own sizes are a fraction of one grey level up to "
        "one and a half; most work since uses 8/255. There, most networks that were not trained on attacked images "
        "fail, and can no longer be told apart. A gain that remains may be robustness, or an attack that is too weak: "
        "a verdict holds for the attack that it names.",
        there=any(judged.by_claim.values()),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        for label, chosen in (
            ("Does vulnerability disappear? (C3)", "C3"), ("Is RobustNorm more robust? (C5)", "C5"),
            ("Do layers move? (C1)", "C1"),
        ):  # fmt: skip
            door("paper", label, to=f"parts_{question.PART}", claim=chosen, section=CLAIM)
        door("paper", "The works around the paper", to=f"parts_{question.PART}", section=MAP)
        door("accuracy", "All accuracies behind it")
