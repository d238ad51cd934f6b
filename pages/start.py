"""Start: one image, attacked in the same way under two networks, and what each of them sees before and after.

The learner sees that a change nobody would notice turns an answer, how that differs between two normalisations, and
how it looks over many images: measured accuracy at a few attack sizes.
"""

import streamlit as st

from rnorm_core import figures, ui, zoo
from rnorm_core.data import CLASSES
from rnorm_core.ui import again, naming


def show(crafted: ui.Crafted) -> None:
    """The same image under both models: clean, attacked, the difference; and what happened, in words."""
    dataset, label = crafted.batch.dataset, int(crafted.batch.labels[0])
    st.caption(f"The photo: one of {naming.dataset(dataset)}'s test images, labelled “{crafted.batch.classes[label]}”.")
    sides = zip(st.columns(2, gap="large"), crafted.outcomes, ui.what_happened(crafted), strict=True)
    for column, outcome, sentence in sides:
        with column:
            st.markdown(f"##### {outcome.side.label}")
            ui.before_and_after(crafted, outcome, 0)
            st.markdown(sentence)
            if note := ui.joint_note(outcome):
                st.caption(note)


def measured(sides: tuple[ui.Side, ...]) -> None:
    """Accuracy as the cards have it, for the modes it was measured in."""
    curves = [curve for side in sides if (curve := curve_of(side))]
    drawn = {curve.label for curve in curves}
    unknown = [side.label for side in dict.fromkeys(sides) if side.label not in drawn]
    rest = f"Not measured yet: {'; '.join(unknown)}." if unknown else ""
    if not curves:
        st.info(f"{rest} The page “Accuracy” measures it here and now.", icon=":material/speed:")
        return
    ui.chart(figures.accuracy_curve(curves, "PGD (L-inf), 20 steps", evenly=True), key="accuracy")
    weights = "; ".join(f"{c.label} {c.weight_hash[:12]}" for c in curves)
    typed = again.command(again.CARD, (side.name for side in sides if not zoo.is_brought(side.name)))
    st.caption(
        f"Measured by this project, from the models' cards; 0 is no attack. Weights: {weights}. Repeat with `{typed}`. "
        f"{rest}"
    )


def curve_of(side: ui.Side) -> figures.Curve | None:
    """Clean accuracy and that under PGD; None where the latter was not measured in this statistics mode."""
    wanted = {"statistics": side.statistics, "split": "test"}
    rows = [row for row in zoo.card(side.name).accuracies if wanted.items() <= row.items()]
    rows = sorted((row for row in rows if row["attack"] in (None, "pgd")), key=lambda row: row["eps_255"] or 0)
    if not any(row["attack"] for row in rows):
        return None
    columns = ([row[key] or 0 for row in rows] for key in ("eps_255", "correct", "n", "low", "high"))
    return figures.Curve(side.label, side.norm, side.statistics, *columns, weight_hash=side.weight_hash)


with ui.guard("start"):
    settings = ui.sidebar()
    st.title("One image, one attack, two networks")
    st.markdown(
        "Two networks each get the same photo with a change made to mislead that network: no colour of any pixel "
        "moves by more than **eps**. Do they still see what you see?"
    )
    with st.container(width=480):
        eps = ui.epsilon()
    case = settings.dataset, settings.left, settings.right, eps, settings.seed, settings.device
    crafted = ui.run(
        ("showcase", *case), ui.showcase(*case), draw=lambda partial: ui.live(partial, CLASSES[settings.dataset])
    )
    if crafted:
        show(crafted)
    measured((settings.left, settings.right))
    ui.explain(
        "Each row shows a photo as it is, the attacked photo, and their difference, made so strong that it can be "
        "seen; grey is no change. Below them stands what the network says and how sure it is. Both networks were "
        "attacked by the same recipe (PGD, 20 steps), each with a change found for itself. The curve counts how many "
        "test images are still recognised as the attack grows. The word after a network's name says whose mean and "
        "scale it normalises with: **tracked** the training set's, remembered; **batch** those of the pictures it is "
        "shown; **tracked-mean** the remembered mean and the pictures' scale.",
        "A network learns what photos look like, not which small changes mean nothing. The attack asks the network "
        "itself, through its gradient, which way each pixel has to move to do most harm; three thousand moves too "
        "small to see add up. A normalisation layer decides how far such moves reach: BatchNorm divides by a standard "
        "deviation, RobustNorm by a power of the range. Whether that makes a network robust, or only moves the point "
        "where it breaks, is what this lab is for.",
        there=crafted is not None,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        ui.door("start", "A quarter of a grey level: eps 0.25/255", eps=0.25)
        ui.door("start", "The size most papers use: eps 8/255", eps=8)
        ui.door("start", "Another photo", seed=(settings.seed + 1) % 100)
        ui.door(
            "start",
            "The left model beside itself, with statistics of the batch",
            right=settings.left.name,
            right_mode="batch",
        )
        ui.door("craft", "Craft an attack of your own")
        ui.door("accuracy", "Not one photo but thousands")
        ui.door("shift", "What happens inside the networks")
