"""The parts of the page about whose statistics are used, each with its row of controls and its pictures."""

from collections.abc import Callable, Sequence

import streamlit as st

from rnorm_core import figures
from rnorm_core.evaluation import laboratories, moved
from rnorm_core.evaluation.evidence import Recovery
from rnorm_core.figures import claims
from rnorm_core.norms import modes
from rnorm_core.ui import ask_statistics as ask
from rnorm_core.ui import (
    crossing,
    crossing_view,
    exploring,
    glances,
    grouping,
    grouping_view,
    judging,
    patches,
    patches_view,
    poisoning,
    poisoning_view,
    recounting,
    recounting_view,
    sizes_view,
    whose,
)
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.panels import chart, glance, pictures
from rnorm_core.ui.shifting import nice
from rnorm_core.ui.sidebar import Settings

RECOVERED = (
    "An attack takes images from the network with tracked statistics. The same attacked batches are shown again, now "
    "normalised with their own statistics in all layers, so that no shift is left: how many of the lost images are "
    "right again?"
)
PICTURES = 8  # in a row: the image and neighbours of a draw


def show(part: str, settings: Settings) -> None:
    """One of `ask_statistics.PARTS`."""
    SHOWN[part](settings)


def beside(sides: Sequence[Side], draw: Callable[[Side], object]) -> None:
    """`draw(side)` for each, in columns."""
    for side, column in zip(sides, st.columns(2, gap="large"), strict=False):
        with column:
            draw(side)


def say_others(plan: whose.Plan, sides: Sequence[Side]) -> None:
    """Which networks are left out, and why."""
    if others := [side.title for side in plan.networks if side.name not in {one.name for one in sides}]:
        why = (
            "has no mode with statistics of a batch: its images do not know of each other, and there is nothing to see"
        )
        st.info(f"**{' and '.join(others)}** {why}.", icon=":material/info:")


def matrix(settings: Settings) -> None:
    """Each network against itself in all its modes, and left against right: measured before, and here where wanted."""
    asked, before, wanted = ask.matrix(settings)
    glance(glances.crossed(laboratories.rows(settings.dataset), asked.plan.networks, asked.eps_255))
    if before:
        crossed(settings, before, "shipped")
    if wanted:
        if before:
            st.markdown("#### Measured here")
        if (found := exploring.growing(asked, crossing.measure(asked))) is not None:
            crossed(settings, found, "live")
            st.caption(whose.measured_here(asked.plan))


def crossed(settings: Settings, found: crossing.Crossed, key: str) -> None:
    """The matrices with what they say."""

    def one(side: Side) -> None:
        chart(crossing_view.by_mode(found, side), key=f"modes {key} {side.name}")
        tracked, *batchwise = (whose.in_mode(side, mode) for mode in modes(side.norm))
        for other in batchwise[:1]:
            said = crossing_view.knowing(found, other, tracked), crossing_view.knowing(found, tracked, other)
            st.markdown("\n".join(f"- {line}" for line in said if line))

    beside(found.asked.plan.networks, one)
    if settings.left.name != settings.right.name:
        st.markdown("#### And across networks?")
        picture, words = st.columns(2, gap="large", vertical_alignment="center")
        with picture:
            chart(crossing_view.across(found, settings.left, settings.right), key=f"across {key}")
        said = [
            crossing_view.knowing(found, scorer, crafter)
            for scorer, crafter in ((settings.left, settings.right), (settings.right, settings.left))
        ]
        words.markdown("\n".join(f"- {line}" for line in said if line))


def by_size(settings: Settings) -> None:
    """What was measured before, at once; the same here and now where that is wanted."""
    asked, wanted = ask.sizes(settings)
    sides = whose.batchwise(asked.plan)
    say_others(asked.plan, sides)

    def one(course: sizes_view.Course | None, side: Side, key: str) -> None:
        if course is None or not course.clean:
            st.caption(f"Nothing was measured before of {side.label}." if course is None else "")
            return
        chart(sizes_view.by_size(course), key=f"{key} {side.name}")
        st.markdown(sizes_view.cost_of_size(course))
        st.markdown(sizes_view.attacked_by_size(course))

    known = {side: sizes_view.shipped(settings.dataset, side) for side in sides}
    glance(glances.sizes([course for course in known.values() if course is not None]))
    beside(sides, lambda side: one(known[side], side, "shipped"))
    st.caption("From the shipped measurements. " + " ".join(f"{s.title}: weights {s.weight_hash[:12]}." for s in sides))
    if wanted and sides and (found := exploring.growing(asked, grouping.measure_sizes(asked))):
        st.markdown("#### Measured here")
        beside(sides, lambda side: one(sizes_view.live(found, side), side, "live"))
        st.caption(whose.measured_here(asked.plan))


def company(settings: Settings) -> None:
    """One image in changing company; then batches of other composition, where that is wanted."""
    meeting, composition = ask.company(settings)
    sides = whose.batchwise(meeting.plan)
    glance(glances.company(laboratories.rows(settings.dataset), sides))
    say_others(meeting.plan, sides)
    found = exploring.growing(meeting, grouping.measure_company(meeting)) if sides else None
    if found is not None:

        def one(side: Side) -> None:
            if side in found.own:
                chart(figures.company(found.own[side], side.label, side.norm), key=f"company {side.name}")
                st.markdown(grouping_view.swayed(found, side))

        beside(sides, one)
        row, said = grouping_view.gathered(found, meeting.plan.images(), ask.draw())
        pictures(row[:PICTURES])
        st.caption(said)
        st.caption(whose.measured_here(meeting.plan))
    if composition and sides:
        st.markdown("#### Batches of other composition")
        composed = exploring.growing(composition, grouping.measure_composition(composition), slot=ask.MORE)
        if composed is not None:
            chart(grouping_view.composed(composed), key="composed")
            some = [side for side in sides if composed.shares[side]]
            beside(some, lambda s: chart(grouping_view.by_share(composed, s), key=f"share {s.name}"))


def poison(settings: Settings) -> None:
    """A victim that nobody touches, and what its neighbours do to it."""
    asked = ask.poison(settings)
    sides = whose.batchwise(asked.plan)
    glance(glances.poisoned(laboratories.rows(settings.dataset), sides))
    say_others(asked.plan, sides)
    found = exploring.growing(asked, poisoning.measure(asked)) if sides else None
    if found is None or not found.traces:
        pictures(poisoning_view.before_poison(asked, asked.batch()))
        return

    def told(side: Side) -> None:
        pictures(poisoning_view.after_poison(found, side))
        st.markdown(poisoning_view.victim(found, side))

    done = [side for side in sides if side in found.traces]
    beside(done, told)
    beside(done, lambda side: chart(poisoning_view.course(found, side), key=f"course {side.name}"))
    if any(found.crowds.values()):
        chart(poisoning_view.crowds(found), key="crowds")
        for side in done:
            st.markdown(poisoning_view.toll(found, side))
    st.caption(whose.measured_here(asked.plan))


def patched(settings: Settings) -> None:
    """How much comes back, layer by layer; and a related number that was measured before."""
    asked = ask.patch(settings)
    glance(glances.repaired(moved.moved(settings.dataset)[0], asked.sides, asked.eps_255))
    say_others(asked.plan, asked.sides)
    found = exploring.growing(asked, patches.measure(asked)) if asked.sides else None
    if found is not None:

        def one(side: Side) -> None:
            if (patched := found.found.get(side)) is not None:
                about = side.label, side.norm, whose.said(asked.eps_255)
                chart(figures.patched_layers(patched, *about), key=f"patched {side.name}")
                st.markdown(patches_view.share(patched, side))
                st.caption(patches_view.strongest(patched, [nice(layer) for layer in patched.layers]))

        beside(asked.sides, one)
        st.caption(whose.measured_here(asked.plan))
    recoveries = [j for j in judging.shipped(settings.dataset).by_claim["C2"] if isinstance(j.evidence, Recovery)]
    for judgement in recoveries:
        st.markdown("#### Measured before, on more images: tracked statistics against a batch's own")
        picture, words = st.columns([3, 2], gap="large", vertical_alignment="center")
        with picture:
            chart(claims.evidence(judgement.evidence), key="recovery")
        words.markdown(
            f"{RECOVERED}\n\nThis is another experiment than the one above, and the one to quote, for it saw more "
            "images: made on tracked statistics, the attack then meets those of its own batch in all layers.\n\n"
            f"The paper's claim C2. {judging.said(judgement)}"
        )
        words.caption(f"Weights: {judging.hashes([judgement])}.")


def counted(settings: Settings) -> None:
    """Statistics of k batches beside the moving average."""
    asked = ask.recount(settings)
    glance(glances.counted(laboratories.rows(settings.dataset), asked.sides))
    say_others(asked.plan, asked.sides)
    found = exploring.growing(asked, recounting.measure(asked)) if asked.sides else None
    if found is None:
        return

    def one(side: Side) -> None:
        if (precise := found.found.get(side)) is not None:
            chart(recounting_view.by_batches(precise, side, asked.eps_255), key=f"batches {side.name}")
            st.markdown(recounting_view.worth(precise, side))
            chart(recounting_view.distances(precise, side), key=f"distances {side.name}")

    beside(asked.sides, one)
    st.caption(whose.measured_here(asked.plan))


SHOWN: dict[str, Callable[[Settings], None]] = {
    ask.MATRIX: matrix, ask.SIZE: by_size, ask.COMPANY: company, ask.POISON: poison, ask.PATCHES: patched,
    ask.COUNTED: counted,
}  # fmt: skip
