"""The paper, claim by claim: the claim, our measurements, and the attack sizes at which it holds.

The learner sees up to which attack size each claim holds, opens a claim with its experiment, numbers and rule, measures
a small version, and finds related works on a map.
"""

from functools import partial

import streamlit as st

from rnorm_core import zoo
from rnorm_core.evaluation.claims.evidence import RULES
from rnorm_core.evaluation.claims.shipped import shipped
from rnorm_core.experiments import claim_check
from rnorm_core.ui.paper import citation_map, question, view
from rnorm_core.ui.settings.sidebar import sidebar
from rnorm_core.ui.shared import summary_bars
from rnorm_core.ui.shared.growing_result import growing
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.panels import explain, show_summary
from rnorm_core.zoo import Variant

with guard("paper"):
    settings = sidebar()
    st.title("Which of the paper's claims hold, and how far?")
    st.markdown(
        "*Towards an Adversarially Robust Normalization Approach* (Awais, Shamshad, Bae 2020) says why BatchNorm is "
        "vulnerable and proposes RobustNorm. Each claim is judged here from this project's own measurements, by rules "
        "that are the same for all and written below. No verdict was typed."
    )
    judged = shipped(settings.dataset)
    for notice in judged.notices:
        st.warning(notice)
    with problems():
        names = [zoo.plain(settings.dataset, norm) for norm in ("bn", "rn")]
        variants = [Variant.of(name, mode) for mode in ("tracked", "batch") for name in names]
        show_summary(summary_bars.attacked(judged.table, variants, (("clean", 0), ("pgd", 1), ("pgd", 8))))
    top = st.container()
    claim, images, pressed = question.ask(settings)
    with top:
        view.show_overview(judged, claim)
    with problems():
        if pressed:
            request = claim_check.Request.of(claim, images, settings.device)
            st.markdown(f"#### {claim}, measured here and now")
            result = growing(request, partial(claim_check.run, request), slot="remeasure")
            if result is not None:
                view.show_small_version(result)
    view.show_claim(claim, judged)
    view.show_ways(claim, settings.dataset)
    with st.expander("All rules by which verdicts are reached", icon=":material/gavel:"):
        st.markdown("\n".join(f"- {rule}" for rule in RULES.values()))
    st.divider()
    citation_map.show()
    explain(
        "Above, one row is one reading of a claim, one place in it an attack size: a filled mark where the claim "
        "holds, an open one where it does not, a dash where these measurements cannot tell, a triangle where the "
        "opposite holds. Below, works around the paper by year and theme; solid lines are what we "
        "take for citations, dotted ones shared authors.",
        "A claim about robustness is a claim about sizes. The paper's own sizes are a fraction of one grey level up to "
        "one and a half; most work since uses 8/255. Between the two, most networks that were not trained on attacked "
        "images can no longer be told apart: they fail. And a gain that remains at large sizes may be robustness, or "
        "an attack that is too weak: a verdict here holds for the attack that it names and says nothing of stronger "
        "ones.",
        there=any(judged.by_claim.values()),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        door("paper", "Does vulnerability disappear? (C3)", claim="C3")
        door("paper", "Is RobustNorm more robust? (C5)", claim="C5")
        door("paper", "Do layers move? (C1)", claim="C1")
        door("accuracy", "All accuracies behind it")
        door("start", "Back to the start")
