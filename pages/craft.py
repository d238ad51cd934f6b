"""Craft an attack: choose images and an attack, and watch what it does to two networks, step by step.

The learner sees the perturbation, the class probabilities before and after, at which step each network changes its
answer, how large the change is in two units, whether an attack crafted for one network fools the other, and what
remains of it in an ordinary 8-bit file.
"""

import streamlit as st

from rnorm_core.attacks import CATALOGUE
from rnorm_core.experiments.attack_pair import DIRECTIONS
from rnorm_core.ui.craft.images import pick_images
from rnorm_core.ui.craft.question import UNTARGETED, choose_attack
from rnorm_core.ui.craft.view import show
from rnorm_core.ui.settings.bar import settings_bar
from rnorm_core.ui.shared.guard import guard, problems
from rnorm_core.ui.shared.navigation import door
from rnorm_core.ui.shared.panels import explain, page_title

# By data set: a sample that fools BatchNorm and RobustNorm at 0.25/255, but not as a file; and a class to aim at.
SUBTLE = {"cifar10": "ship f3f92ec7"}
AIM = {"cifar10": "frog", "cifar100": "turtle"}

with guard("craft"):
    settings = settings_bar()
    page_title("Craft an attack: what do networks see?")
    above, batch, there = st.container(), None, False
    with st.container(horizontal=True, vertical_alignment="bottom"):
        with problems(), st.popover("Pictures", icon=":material/image:", key="pictures"):
            batch = pick_images(settings)
        one_image = batch is None or len(batch) == 1
        question = choose_attack(settings.dataset, one_image=one_image)
    with problems():
        there = batch is not None and show(question, settings, batch, above)
    explain(
        "Left and right, the same image under two networks, at the size and the step that the sliders show. The second "
        "picture is the change itself, with the same magnification on both sides; grey is no change. The map shows all "
        "sizes and steps at once: where it is filled, the network is wrong. The bars are what the network answers.",
        "A gradient attack walks uphill on the network's loss and is pulled back into the ball of size eps after each "
        "step. Random noise of the same size tells how much of the harm is due to the direction and how much to the "
        "size alone. A file with 8 bits per channel rounds every value to whole grey levels, so a change below half a "
        "level is gone after saving: an attack on tensors is not yet an attack on pictures.",
        there=there,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        pgd, noise, deepfool = (CATALOGUE[name].title for name in ("pgd", "noise", "deepfool"))
        each, to = DIRECTIONS["each"], "player" if one_image else "of_batch"
        if sample := SUBTLE.get(settings.dataset):
            door(
                "craft", f"Too small for any file: a {sample.split()[0]} at 0.25/255", to="player", images=[sample],
                attack=pgd, eps=0.25, steps=CATALOGUE["pgd"].default_steps, target=UNTARGETED, craft=each,
            )  # fmt: skip
        door("craft", "Size without direction: noise at 8/255", to=to, attack=noise, eps=8)
        door("craft", "Made for the left, shown to the right", to=to, attack=pgd, eps=2, craft=DIRECTIONS["left"])
        aim = AIM[settings.dataset]
        door("craft", f"Turn it into a {aim}", to=to, attack=pgd, eps=4, target=aim, craft=each)
        door("craft", "How small can it be? DeepFool", to=to, attack=deepfool, craft=each)
        door("start", "Back to the start")
