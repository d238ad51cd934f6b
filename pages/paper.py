"""The paper, claim by claim: what it says, what was measured here, and how far it holds.

The learner sees at one glance up to which attack size each claim holds, opens a claim to see experiment, numbers and
rule, measures a small version again, and finds the works around the paper on a map.
"""

import streamlit as st

from rnorm_core import ui, zoo
from rnorm_core.evaluation.evidence import RULES
from rnorm_core.ui import citing, claim_view, glances, judging
from rnorm_core.ui.crafting import Side

with ui.guard("paper"):
    settings = ui.sidebar()
    st.title("Which of the paper's claims hold, and how far?")
    st.markdown(
        "*Towards an Adversarially Robust Normalization Approach* (Awais, Shamshad, Bae 2020) says why BatchNorm is "
        "vulnerable and proposes RobustNorm. Each claim is judged here from this project's own measurements, by rules "
        "that are the same for all and written below. No verdict was typed."
    )
    found = judging.shipped(settings.dataset)
    for notice in found.notices:
        st.warning(notice)
    with ui.problems():
        names = [zoo.plain(settings.dataset, norm) for norm in ("bn", "rn")]
        sides = [Side.of(name, mode) for mode in ("tracked", "batch") for name in names]
        ui.glance(glances.attacked(found.table, sides, (("clean", 0), ("pgd", 1), ("pgd", 8))))
    top = st.container()
    claim, count = claim_view.pick(settings)
    with top:
        claim_view.overview(found, claim)
    with ui.problems():
        claim_view.live(claim, count, settings)
    claim_view.show(claim, found)
    claim_view.ways(claim, settings.dataset)
    with st.expander("All rules by which verdicts are reached", icon=":material/gavel:"):
        st.markdown("\n".join(f"- {rule}" for rule in RULES.values()))
    st.divider()
    citing.show()
    ui.explain(
        "Above, one row is one reading of a claim, one place in it an attack size: a filled mark where the claim "
        "holds, an open one where it does not, a dash where these measurements cannot tell, a triangle where the "
        "opposite holds. Below, works around the paper by year and theme; solid lines are what we "
        "take for citations, dotted ones shared authors.",
        "A claim about robustness is a claim about sizes. The paper's own sizes are a fraction of one grey level up to "
        "one and a half; most work since uses 8/255. Between the two, most networks that were not trained on attacked "
        "images can no longer be told apart: they fail. And a gain that remains at large sizes may be robustness, or "
        "an attack that is too weak: a verdict here holds for the attack that it names and says nothing of stronger "
        "ones.",
        there=bool(judging.overview(found)),
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        ui.door("paper", "Does vulnerability disappear? (C3)", claim="C3")
        ui.door("paper", "Is RobustNorm more robust? (C5)", claim="C5")
        ui.door("paper", "Do layers move? (C1)", claim="C1")
        ui.door("accuracy", "All accuracies behind it")
        ui.door("start", "Back to the start")
