"""Craft an attack: choose images and an attack, and watch what it does to two networks, step by step.

The learner sees the perturbation, the class probabilities before and after, when each network changes its mind, how
large the change is in two units, whether an attack made for one network fools the other, and what an ordinary 8-bit
file leaves of it.
"""

from dataclasses import replace

import streamlit as st

from rnorm_core import figures, ui
from rnorm_core.attacks import CATALOGUE
from rnorm_core.data import CLASSES


def look_at(crafted: ui.Crafted) -> int:
    """Which image is shown large. Of several, it is said and listed what became of all."""
    names = [ui.name(crafted.batch, i) for i in range(len(crafted.batch))]
    if len(names) == 1:
        return 0
    left, right = crafted.outcomes
    for column, outcome in zip(st.columns(2, gap="large"), crafted.outcomes, strict=True):
        column.markdown(ui.of_all(outcome, crafted.batch.classes))
    rows = [
        {"image": name, left.side.label: ui.verdict(left, i), f"{right.side.label} ": ui.verdict(right, i)}
        for i, name in enumerate(names)
    ]
    st.dataframe(rows, hide_index=True, height=min(38 + 35 * len(rows), 220))
    return names.index(ui.choose_one("Look at", names, key="look"))


def made_for(outcome: ui.Outcome, attack: str) -> str:
    if CATALOGUE[attack].family == "noise":
        return "Random noise: nothing in it was crafted for a model."
    return "The attack was crafted for this model." if outcome.crafted_here else "Crafted for the other model."


def show_side(crafted: ui.Crafted, outcome: ui.Outcome, sentence: str, index: int) -> None:
    trace, classes = outcome.trace, crafted.batch.classes
    st.markdown(f"##### {outcome.side.label}")
    st.caption(made_for(outcome, trace.spec["name"]))
    ui.before_and_after(crafted, outcome, index)
    st.markdown(sentence)
    if left := ui.after_png(outcome, index, classes):
        st.markdown(left)
    if note := ui.joint_note(outcome):
        st.caption(note)
    target = None if trace.targets is None else int(trace.targets[index])
    figure = figures.probabilities(
        trace.clean_probabilities[index], trace.adversarial_probabilities[index], classes,
        int(crafted.batch.labels[index]), label=outcome.side.label, norm=outcome.side.norm, target=target,
    )  # fmt: skip
    ui.chart(figure, key=f"probabilities {outcome.side} {outcome is crafted.outcomes[0]}")
    size = ui.sizes(trace, index, crafted.batch.dataset)
    st.markdown(
        "| size of the change | pixels | normalised |\n|---|---|---|\n"
        f"| largest (L-inf) | {255 * size.linf:.2f}/255 | {size.linf_normalised:.4f} |\n"
        f"| length (L2) | {255 * size.l2:.1f}/255 | {size.l2_normalised:.3f} |"
    )


def show(crafted: ui.Crafted) -> None:
    index = look_at(crafted)
    if (crafted.batch.labels < 0).any():
        st.caption("The label is unknown: what was attacked is the model's own clean prediction.")
    sides = zip(st.columns(2, gap="large"), crafted.outcomes, ui.what_happened(crafted, index), strict=True)
    for column, outcome, sentence in sides:
        with column:
            show_side(crafted, outcome, sentence, index)
    st.caption(
        "Pixels: values from 0 to 1, as k/255. Normalised: divided by each channel's standard deviation (about 0.25), "
        "as the paper gives eps; its authors divide by about 0.2. "
        f"Weights: {'; '.join(f'{o.side.label} `{o.side.weight_hash[:12]}`' for o in crafted.outcomes)}; seed "
        f"{crafted.plan.seed}."
    )
    if CATALOGUE[crafted.plan.attack].family == "fixed-eps":
        drawn = [outcome.drawn for outcome in crafted.outcomes]
        ui.chart(figures.confidence_by_step(drawn, index, crafted.batch.classes), key="steps chart")
    ui.downloads(crafted, index)


with ui.guard("craft"):
    settings = ui.sidebar()
    st.title("Craft an attack")
    choice, crafted = st.container(), None
    question = ui.attack(settings)
    with ui.problems():
        with choice:
            batch = ui.pick_images(settings)
        if batch is not None:
            plan, draw = question.on(batch), lambda partial: ui.live(partial, CLASSES[settings.dataset])
            crafted = ui.run(plan, ui.craft(plan, batch), draw=draw)
        if crafted is not None:
            show(replace(crafted, batch=batch))  # somebody else may have asked for it first, of a file named otherwise
    ui.explain(
        "Left and right, the same images under two networks. The third picture is the change itself, with the same "
        "magnification on both sides; grey is no change. The bars compare the probabilities before and after. Where "
        "an attack has an eps, the curve follows it: solid is the true class, dotted whichever wins; where they part, "
        "the network has changed its mind.",
        "A gradient attack walks uphill on the network's loss and is pulled back into the ball of size eps after each "
        "step. Random noise of the same size tells how much of the harm is due to the direction and how much to the "
        "size alone. A direction found on one network may work on another that learned similar features. A file with "
        "8 bits per channel rounds every value to whole grey levels, so a change below half a level is gone after "
        "saving: an attack on tensors is not yet an attack on pictures.",
        there=crafted is not None,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        pgd, noise = CATALOGUE["pgd"].title, CATALOGUE["noise"].title
        ui.door("craft", "Too small for any file: PGD at 0.25/255", attack=pgd, eps=0.25)
        ui.door("craft", "Size without direction: noise at 8/255", attack=noise, eps=8)
        ui.door("craft", "Made for the left, shown to the right", attack=pgd, eps=2, craft=ui.DIRECTIONS["left"])
        ui.door("craft", "Turn it into a frog", attack=pgd, eps=4, target="frog", craft=ui.DIRECTIONS["each"])
        ui.door(
            "craft", "How small can it be? DeepFool", attack=CATALOGUE["deepfool"].title, craft=ui.DIRECTIONS["each"]
        )
        ui.door("start", "Back to the start")
