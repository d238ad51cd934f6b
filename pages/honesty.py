"""Is it really robust? Nine checks that tell robustness from attacks that fail, and the loss around one image.

The learner reads what the shipped measurements say of two models, puts a model, or a planted fake defence, through all
checks here and now, and looks at the ground on which an attack by gradient walks.
"""

import streamlit as st

from rnorm_core import data, honesty, ui, zoo
from rnorm_core.evaluation import laboratories
from rnorm_core.figures import honesty as figures
from rnorm_core.norms import looks_at_batch
from rnorm_core.ui import ask_accuracy, ask_honesty, examining, exploring, findings, glances

FAKE = next(iter(ask_honesty.FAKES))


def show_shipped(settings: ui.Settings) -> None:
    """What was measured before says of the left and the right model."""
    table = ask_accuracy.read_table(settings.dataset)
    sides, others = dict.fromkeys((settings.left, settings.right)), laboratories.rows(settings.dataset)
    ui.glance(glances.attacked(table, list(sides), (("clean", 0), ("noise", 8), ("fgsm", 8), ("pgd", 8), ("pgd", 1))))
    for side, column in zip((settings.left, settings.right), st.columns(2, gap="large"), strict=True):
        with column:
            found = honesty.from_table(table, side.name, side.statistics, others)
            st.markdown(f"**{side.label}**: {findings.left(found)}\n\nCan that be believed? {findings.summary(found)}")
            findings.show(found)
            st.caption(f"From the shipped measurements; weights {side.weight_hash[:8]}. Open a line for the reasons.")
    if any(looks_at_batch(side.statistics) for side in (settings.left, settings.right)):
        say_neighbours()


def say_neighbours() -> None:
    check = honesty.CHECKS["neighbours"].title
    st.info(findings.NEIGHBOURS.format(check=check), icon=":material/groups:")


def examine_here(settings: ui.Settings) -> examining.Plan:
    """All checks on one subject, as they come."""
    st.markdown("#### Examine it here")
    plan, wanted = ask_honesty.examination(settings)
    subject = plan.subject
    if subject.fake:
        fake = honesty.PLANTED[subject.fake]
        checks = ", ".join(f"“{honesty.CHECKS[key].title}”" for key in fake.caught_by)
        st.info(f"**FAKE: {fake.title}.** {fake.about} There to catch it: {checks}.", icon=":material/theater_comedy:")
    if not wanted:
        st.caption("All nine checks, live: about a minute for 20 images on one core. Nothing runs until you ask.")
        return plan
    found = exploring.growing(plan, examining.measure(plan), slot="examine")
    if found is not None:
        source = "the 20 samples: few, so the intervals are wide" if not plan.complete else plan.source
        of = f"{len(found.findings)} of {len(honesty.CHECKS)} checks"
        st.markdown(f"**{subject.label}**: {findings.summary(found.findings)} ({of})")
        findings.show(found.findings)
        other = f"; transferred attacks are crafted on {plan.other.label}" if plan.other else ""
        st.caption(
            f"{plan.budget.count} images, {source}; seed {plan.seed}; weights {subject.side.weight_hash[:8]}{other}."
        )
    elif ui.is_stopped("examine"):
        st.caption("Nothing is kept: not even the first check was made.")
    if looks_at_batch(subject.side.statistics):
        say_neighbours()
    return plan


def show_plane(settings: ui.Settings, fake: str) -> None:
    """The decisions around one image, and the loss as hills where that is asked for, two models beside each other."""
    st.markdown("#### The ground an attack walks on")
    around, hills = ask_honesty.plane(settings, fake)
    found = ui.run(around, examining.surfaces(around), slot="plane")
    if found is None:
        return
    samples = data.samples(settings.dataset)
    scale = figures.common_scale(found) if hills else None
    classes, image = samples.classes, samples.images[around.image]
    picture, *columns = st.columns([1, 4, 4], gap="medium")
    with picture:
        ui.pictures([(image, ui.name(samples, around.image), "")])
    for i, (column, surface, subject) in enumerate(zip(columns, found, around.subjects, strict=True)):
        with column:
            if scale:
                ui.chart(figures.loss_surface(surface, subject.short, classes, scale), key=f"hills {i}")
            ui.chart(figures.decision_map(surface, subject.short, classes), key=f"map {i}")
            if surface.gradient == 0:
                st.caption("The gradient at the image is exactly zero: no step along it changes anything.")


with ui.guard("honesty"):
    settings = ui.sidebar()
    st.title("Is it really robust?")
    st.markdown(
        "An attack that fails is no proof of robustness: the **attack** may be what failed. Nine checks tell the two "
        "apart. Here is what they say of two models, then of a model, or a **planted fake**, examined before your eyes."
    )
    with ui.problems():
        show_shipped(settings)
    fake = ""
    with ui.problems():
        fake = examine_here(settings).subject.fake
    with ui.problems():
        show_plane(settings, fake)
    ui.explain(
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
        ui.door("honesty", "A planted fake", subject=FAKE, examine=True)
        for label, key in list(ask_honesty.FAKES.items())[1:]:
            ui.door("honesty", f"Another: {honesty.PLANTED[key].title}", subject=label, examine=True)
        ui.door("honesty", "The left model, live", subject=ask_honesty.LEFT, examine=True)
        bn = zoo.plain(settings.dataset, "bn")
        ui.door(
            "honesty", "The batch's own statistics", left=bn, left_mode="batch", right=bn, right_mode="tracked",
            subject=ask_honesty.LEFT, examine=True,
        )  # fmt: skip
        ui.door("honesty", "The loss as hills", hills=True)
        ui.door("honesty", "A fake's hills beside the left model's", subject=FAKE, hills=True)
        ui.door("accuracy", "All attack sizes")
        ui.door("paper", "What becomes of the paper's claims")
