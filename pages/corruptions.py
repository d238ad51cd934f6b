"""A natural shift: fog, noise and JPEG files beside an attack, and what new statistics repair.

The learner corrupts images, sees how far that moves what every norm layer receives, next to how far an attack moves it,
and gives the layers the statistics of such images: one of the two comes back, and the attack made anew tells which.
"""

import streamlit as st

from rnorm_core import ui
from rnorm_core.evaluation import laboratories
from rnorm_core.figures import corruptions as figures
from rnorm_core.shift import MEASURES
from rnorm_core.ui import ask_corruption, corrupting, exploring, glances, reestimating, whose
from rnorm_core.ui import corruption_view as view
from rnorm_core.ui.ask_corruption import ALL, SAME, Look
from rnorm_core.ui.corrupting import ATTACK, NATURAL


def show_pictures(chosen: Look, found: corrupting.Corrupted | None) -> None:
    """One image at every severity and attacked; others at the severity looked at. The samples need no waiting."""
    if found is None and chosen.plan.complete:
        return
    strips = view.strips(chosen.plan, found, chosen.severity, chosen.eps_255)
    for column, pictures in zip(st.columns([7, 6], gap="large"), strips, strict=True):
        with column:
            ui.pictures(pictures)
    if found:
        st.caption(
            "✓ recognised, ✗ not: by the left model, then by the right one; each is attacked for itself. Below, "
            "95 % intervals in brackets."
        )


def show_shift(look: view.View) -> None:
    """Left and right: what happened, and every layer's shift under both; below, what it costs."""
    layers = [look.layers(i) for i in (0, 1)]
    drawn = [side for side in layers if side is not None]
    axis = figures.common_axis(drawn) if drawn else None
    for i, column in enumerate(st.columns(2, gap="large")):
        with column:
            st.markdown(look.happened(i))
            side, problem = layers[i], look.course(i).problem
            if side is not None:
                ui.chart(figures.natural_and_adversarial(side, look.axis, axis), key=f"layers {i}")
            elif problem is not None:
                ui.show_error(problem)
            else:
                st.info(
                    f"How far the layers of {look.course(i).side.title} move is not shown: what it was trained on is "
                    "not known here. The page “Statistic shift” counts from clean images instead."
                )
    cost, price = st.columns(2, gap="large")
    with cost:
        ui.chart(figures.by_severity(look.paths(NATURAL), look.corruption), key="by severity")
    paths = [*look.paths(NATURAL), *look.paths(ATTACK)]
    if drawn:
        with price:
            ui.chart(figures.cost_of_shift(paths, look.axis, look.corruption, "PGD"), key="cost")


def show_repair(chosen: Look) -> None:
    """New statistics: a curve over m and the numbers at the m looked at, left and right."""
    st.markdown("#### Which of the two do batch statistics repair?")
    asked, m = ask_corruption.statistics(chosen)
    result = None
    if m is not None and not all(reestimating.nothing_to_do(side) for side in chosen.plan.sides):
        result = exploring.growing(asked, reestimating.measure(asked, m), slot="repair")
    for i, column in enumerate(st.columns(2, gap="large")):
        side = chosen.plan.sides[i]
        with column:
            if why := reestimating.nothing_to_do(side):
                st.info(f"**{side.label}** {why}", icon=":material/info:")
            elif result and m and (conditions := view.mended(result, side)):
                st.markdown(view.answer(result, side, m))
                where = "of the scored images" if asked.same else "other images"
                what = side.label, side.norm, side.weight_hash, result.counts, m, where
                ui.chart(figures.by_images(conditions, *what), key=f"repair {i}")
                st.markdown(view.table(result, side, m))
    if result:
        st.caption(
            "**mended**, **made worse**, in the tables bold: the 95 % interval of the difference, image by image, lies "
            f"above or below 0; otherwise {asked.plan.count} images cannot tell. An attack made anew is compared with "
            "the one on the network as trained: each network under an attack that knows it."
        )


with ui.guard("corruptions"):
    settings = ui.sidebar()
    st.title("A natural shift: what do batch statistics repair?")
    st.markdown(
        "Noise, fog and bad files move what a network receives, too, without any intention. Do they move it further "
        "than an **attack** does? And when the norm layers may take **new statistics**: whose damage is repaired?"
    )
    with ui.problems():
        top = st.container()  # of a phone, too: the controls take much room there
        chosen = ask_corruption.look(settings)
        networks = dict.fromkeys(map(whose.everyday, chosen.plan.sides))
        rows = laboratories.rows(settings.dataset)
        with top:
            ui.glance(glances.corrupted(rows, list(networks), chosen.plan.corruption, chosen.severity, chosen.eps_255))
        strips = st.container()
        found = exploring.growing(chosen.plan, corrupting.measure(chosen.plan, chosen.severity, chosen.eps_255))
        look = None
        if found is not None and found.has((NATURAL, chosen.severity)):
            look = view.View(found, chosen.severity, chosen.eps_255, chosen.measure)
        with strips:
            show_pictures(chosen, found)
        if look is not None:
            show_shift(look)
        show_repair(chosen)
    ui.explain(
        "Each point above is one norm layer: how far the corrupted batch, and the attacked one, have moved what it "
        "receives from what it received in training; the grey band holds 95 % of clean batches. "
        "Then accuracy against that shift: two ways through the same plane. Below, the layers get the mean and the "
        "scale of m images of the same kind, nothing else changes, and the same images are counted again.",
        "A corruption changes all images in one way, and the statistics remember the clean world: part of its damage "
        "is that the layers normalise with numbers that are no longer right, and that part new statistics take away "
        "(Schneider et al. 2020, Benz et al. 2021). An attack is a direction for each image, found by gradient: see "
        "how little shift it needs. What new statistics win against it may be won only as it was made for others. "
        "So it is made anew, for them: what is left then is theirs. And few images are poor statistics: see what they "
        "cost clean images.",
        there=look is not None,
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        names = {name: title for title, name in ask_corruption.TITLES.items()}
        ui.door("corruptions", "Contrast of severity 5", corruption=names["contrast"], severity=5, m=ALL)
        ui.door("corruptions", "Is JPEG repaired, too?", corruption=names["jpeg"], severity=5, m=ALL)
        ui.door("corruptions", "And brightness?", corruption=names["brightness"], severity=5, m=ALL)
        ui.door("corruptions", "Statistics of one image", of=SAME, m="1")
        ui.door("corruptions", "By the range", measure=MEASURES["log_range"].title)
        ui.door(
            "corruptions", "Batch statistics as they are", left=settings.left.name, left_mode="tracked",
            right=settings.left.name, right_mode="batch",
        )  # fmt: skip
        ui.door("shift", "Into a layer and a channel")
