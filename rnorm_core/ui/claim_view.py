"""One claim on the page: the verdicts, their drawings, the rule, and a small version measured live."""

from typing import Any

import streamlit as st

from rnorm_core.evaluation.claims import CLAIMS, Judgement
from rnorm_core.evaluation.evidence import RULES
from rnorm_core.figures import claims as drawings
from rnorm_core.ui import doors, judging, panels, remeasuring, url
from rnorm_core.ui.exploring import clickable
from rnorm_core.ui.judging import Shipped
from rnorm_core.ui.run import is_stopped, run
from rnorm_core.ui.sidebar import Settings

PGD = "PGD (L-inf)"
# Where a claim can be explored: page, label, settings; left and right by their norm (see `doors.with_networks`).
# Pages that are not there are left out.
WAYS: dict[str, tuple[tuple[str, str, dict[str, Any]], ...]] = {
    "C0": (
        ("accuracy", "These two, image by image", dict(left="none", right="bn", under=PGD, at=1)),
        ("honesty", "Is what is left real?", dict()),
    ),
    "C1": (
        ("shift", "Layer by layer, at 8/255", dict(left="bn", attack=PGD, eps=8)),
        ("shift", "The same at 1/255", dict(left="bn", attack=PGD, eps=1)),
    ),
    "C2": (
        ("shift", "How far the means move", dict(left="bn", attack=PGD, eps=1, measure="Shift of the mean")),
        ("whose", "Give layers back their clean statistics", dict(part="Patched layers", left="bn", right="rn")),
    ),
    "C3": (
        ("whose", "Whose statistics?", dict(part="Craft and score", left="bn", right="rn")),
        ("accuracy", "Both modes, image by image",
         dict(left="bn", right="bn", left_mode="batch", right_mode="tracked", under=PGD, at=1)),
        ("honesty", "Is what is left real?", dict()),
    ),
    "C4": (
        ("whose", "Batch size and neighbours", dict(part="Batch size", left="bn", right="rn")),
        ("craft", "One image with the statistics of its own", dict(left="bn", left_mode="batch", right="bn")),
    ),
    "C5": (
        ("accuracy", "These two, image by image", dict(left="rn", right="bn", under=PGD, at=1)),
        ("inside", "The range instead of the deviation", dict(right="rn", net="right", p=0.2)),
        ("honesty", "Is what is left real?", dict()),
    ),
    "C6": (
        ("models", "Training curves, higher learning rates", dict()),
        ("inside", "Accuracy for other p", dict(right="rn")),
    ),
}  # fmt: skip


def overview(found: Shipped, chosen: str) -> None:
    """The map of verdicts; a click on a mark chooses the claim of its row."""
    rows = judging.overview(found)
    if not rows:
        st.info("No claim can be judged: nothing that was measured belongs to the shipped weights.")
        return
    figure = drawings.verdict_map(rows, chosen)
    clickable(figure, "verdicts", lambda row: _choose(rows[row].claim))


def _choose(claim: str) -> None:
    st.session_state["claim"] = claim


def pick(settings: Settings) -> tuple[str, int]:
    """Which claim, and on how many images its small version is measured."""
    most = remeasuring.MOST if settings.complete else 20
    if st.session_state.get("n", 0) > most:  # chosen from another source
        st.session_state["n"] = most
    which, number, button = st.columns([3.4, 1, 1.3], gap="medium", vertical_alignment="bottom")
    with which:
        claim = url.bound(
            st.segmented_control, "Claim", list(CLAIMS), key="claim", default="C3", required=True, wrap=True
        )
    with number:
        help_ = "For the small version below. With statistics of a batch, all of them are one batch."
        count = int(url.bound(st.number_input, "Images", 8, most, min(most, 20), 1, key="n", help=help_))
    asked = _asked(claim, count, settings)
    button.button(
        "Re-measure a small version", on_click=_begin, args=(asked,), icon=":material/speed:", type="primary",
        key="remeasure",
    )  # fmt: skip
    return claim, count


def _asked(claim: str, count: int, settings: Settings) -> tuple:
    return claim, count, settings.seed, settings.dataset, settings.source, settings.device


def _begin(asked: tuple) -> None:
    st.session_state["_remeasuring"] = asked


def show(claim: str, found: Shipped) -> None:
    """The claim with its experiment, and each reading with verdict, drawing and numbers."""
    about, judgements = CLAIMS[claim], found.by_claim[claim]
    st.markdown(f"#### {judging.title(claim)}")
    st.caption(f"Claimed {about.source}" if about.source.startswith("from") else f"Claimed by {about.source}")
    st.markdown(f"**What was done here.** {about.experiment}")
    if not judgements:
        st.info("Nothing that was measured on the shipped weights speaks to this claim yet.")
        return
    st.markdown("\n".join(f"- {judging.said(judgement)}" for judgement in judgements))
    typed = " and ".join(f"`{command}`" for command in judging.again(judgements, found.table))
    st.caption(
        f"{judging.seeds(judgements)} Measured by this project. Weights: {judging.hashes(judgements)}."
        + (f" Repeat with {typed}." if typed else "")
    )
    draw(judgements, claim)
    for rule in dict.fromkeys(judgement.evidence.rule for judgement in judgements):
        st.caption(f"The rule. {RULES[rule]}")
    with st.expander("The numbers behind the verdict", icon=":material/table:"):
        for judgement in judgements:
            st.markdown(f"**{judgement.reading}**")
            st.dataframe(judging.numbers(judgement), hide_index=True)


def draw(judgements: list[Judgement], key: str) -> None:
    """Drawings of the evidence, two beside each other where there is room."""
    columns = None
    for i, judgement in enumerate(judgements):
        if i % 2 == 0:
            columns = st.columns(2 if len(judgements) > 1 else [2, 1], gap="large")
        assert columns is not None
        with columns[i % 2]:
            panels.chart(drawings.evidence(judgement.evidence), key=f"{key} {i}")


def live(claim: str, count: int, settings: Settings) -> None:
    """The small version, once it was asked for: while it is measured, when it was stopped and when it is done."""
    if st.session_state.get("_remeasuring") != _asked(claim, count, settings):
        return
    where = settings.dataset, settings.complete, settings.source
    asked = remeasuring.ask(claim, *where, count, settings.seed, settings.device)
    st.markdown(f"#### {claim}, measured here and now")

    def keep(result: Any) -> None:
        st.session_state["_remeasured"] = asked, result
        _live(asked, result)

    result = run(asked, remeasuring.work(asked), slot="remeasure", draw=keep)
    if result is None and is_stopped("remeasure"):
        whose, result = st.session_state.get("_remeasured", (None, None))
        result = result if whose == asked else None
    if result is not None:
        _live(asked, result)
        st.caption(
            f"Measured here: n = {count} images ({settings.source}), seed {settings.seed}, {settings.device}. So few "
            "images leave wide intervals: a small version can contradict a verdict only where the difference is large."
        )


def _live(asked: remeasuring.Asked, result: Any) -> None:
    if judgements := remeasuring.judgements(asked, result):
        st.markdown("\n".join(f"- {judging.said(judgement)}" for judgement in judgements))
        draw(judgements, "live")


def ways(claim: str, dataset: str) -> None:
    """Doors to where the claim can be explored."""
    with st.container(horizontal=True, vertical_alignment="center"):
        for page, label, settings in WAYS[claim]:
            if page in doors.PAGES:
                doors.door(page, label, **doors.with_networks(dataset, settings))
