"""The questions of the page about natural shifts: what to look at, and which statistics to take."""

from dataclasses import dataclass

import streamlit as st

from rnorm_core.data import CORRUPTIONS, SEVERITIES
from rnorm_core.shift import MEASURES
from rnorm_core.ui import corrupting, reestimating, url
from rnorm_core.ui.corrupting import Plan
from rnorm_core.ui.reestimating import Repair
from rnorm_core.ui.sidebar import Settings

TITLES = {corruption.title: name for name, corruption in CORRUPTIONS.items()}
MEASURED = {measure.title: key for key, measure in MEASURES.items()}
TRAINED, ALL = "as trained", "all"
OTHERS, SAME = "other images", "the same images"


@dataclass(frozen=True)
class Look:
    """What is measured, and where it is looked at."""

    plan: Plan
    severity: int
    eps_255: float
    measure: str


def look(settings: Settings) -> Look:
    """Corruption, severity, attack size, images and measure, in one row."""
    columns = iter(st.columns([1.3, 1.2, 1.3, 0.8, 1.4], gap="medium"))
    with next(columns):
        name = TITLES[url.choose_one("Corruption", list(TITLES), key="corruption")]
    corruption = CORRUPTIONS[name]
    with next(columns):
        severity = url.choose_one(
            "Severity", list(SEVERITIES), key="severity", default=3, widget=st.select_slider,
            help="CIFAR-10-C's: from hardly seen to severe.",
        )  # fmt: skip
    with next(columns):
        eps = url.choose_one(
            "PGD, eps (k/255)", list(corrupting.EPS_255), key="eps", default=1, widget=st.select_slider,
            shown="{:g}".format, help=f"The attack beside it, of {corrupting.STEPS} steps, made for each network.",
        )  # fmt: skip
    with next(columns):
        sizes = [n for n in corrupting.SIZES if settings.complete or n <= 20]
        default = 128 if settings.complete else 20
        count = url.choose_one("Images", sizes, key="n", default=default, help="Scored together, as one batch.")
    with next(columns):
        title = url.choose_one("Measure of the shift", list(MEASURED), key="measure")
    st.caption(
        f"**{corruption.title}**, severity {severity}: {corruption.said(severity)}. {corruption.about} "
        f"{corruption.source}."
    )
    who = settings.left, settings.right, settings.dataset, settings.complete, settings.source
    return Look(Plan(*who, count, name, settings.seed, settings.device), severity, eps, MEASURED[title])


def statistics(chosen: Look) -> tuple[Repair, int | None]:
    """What to re-estimate from, and from how many images; None: from none, the statistics stay as trained."""
    others = reestimating.others(chosen.plan)
    slider, source, button = st.columns([2, 1.2, 1.5], gap="large", vertical_alignment="bottom")
    with source:
        options = [OTHERS, SAME] if others else [SAME]
        same = url.choose_one(
            "Statistics from", options, key="of",
            help="Other images of the same kind; or the very images that are scored. Labels are not used.",
        ) == SAME  # fmt: skip
    pool = chosen.plan.count if same else others
    steps = reestimating.counts(pool)
    with slider:
        options = [TRAINED, *map(str, steps[:-1]), ALL]
        said = url.choose_one(
            "Re-estimate the statistics from m images", options, key="m", widget=st.select_slider,
            help=f"“{ALL}” is {pool} here. The weights stay as they are.",
        )  # fmt: skip
    with button:
        st.button(
            "Re-estimate the statistics", type="primary", icon=":material/healing:", disabled=said != TRAINED,
            on_click=_from_all,
        )  # fmt: skip
    m = None if said == TRAINED else pool if said == ALL else int(said)
    st.caption(_what_m_means(chosen.plan, m, pool, same))
    return Repair(chosen.plan, chosen.severity, chosen.eps_255, same), m


def _from_all() -> None:
    st.session_state["m"] = ALL


def _what_m_means(plan: Plan, m: int | None, pool: int, same: bool) -> str:
    source = (
        f"the {plan.count} images that are scored, in their order, without their labels: with all {pool} they are "
        "these images' own batch statistics"
        if same
        else f"{pool} images that are not scored"
    )
    one = m or 1
    return (
        f"The m images come from {source}. Where pictures are still 32×32, m = {one} gives {one * 1024:,} values a "
        f"channel; where they are 8×8, {one * 64:,}. For attacked images the statistics are those of m attacked ones."
    )
