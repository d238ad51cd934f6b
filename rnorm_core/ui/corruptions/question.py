"""The controls of the page about natural shifts: the measurement, its shown part, and the statistics."""

from dataclasses import dataclass

import streamlit as st

from rnorm_core.data import CORRUPTIONS, SEVERITIES
from rnorm_core.experiments import corruption_sweep, recalibration
from rnorm_core.shift import MEASURES
from rnorm_core.ui.settings.bar import Settings
from rnorm_core.ui.shared import query_params

TITLES = {corruption.title: name for name, corruption in CORRUPTIONS.items()}
MEASURED = {measure.title: key for key, measure in MEASURES.items()}
TRAINED, ALL = "as trained", "all"
OTHERS, SAME = "other images", "the same images"


@dataclass(frozen=True)
class Question:
    """What is measured, and the part of it that is shown. measure: a key of MEASURES."""

    request: corruption_sweep.Request
    severity: int
    eps_255: float
    measure: str


def ask(settings: Settings) -> Question:
    """Corruption and severity; the attack's size, the number of images and the measure behind a button."""
    columns = iter(st.columns([1.3, 1.3, 1], gap="medium", vertical_alignment="bottom"))
    with next(columns):
        name = TITLES[query_params.choose_one("Corruption", list(TITLES), key="corruption")]
    corruption = CORRUPTIONS[name]
    with next(columns):
        severity = query_params.choose_one(
            "Severity", list(SEVERITIES), key="severity", default=3, widget=st.select_slider,
            help="CIFAR-10-C's: from hardly seen to severe.",
        )  # fmt: skip
    with next(columns), st.popover("More choices", icon=":material/tune:", width="stretch", key="more_choices"):
        eps = query_params.choose_one(
            "Attack size (eps, k/255)", list(corruption_sweep.EPS_255), key="eps", default=1, widget=st.select_slider,
            shown="{:g}".format,
            help="How many grey levels, of 255, each colour may move. The attack beside the corruption is PGD of "
            f"{corruption_sweep.STEPS} steps, made for each network.",
        )  # fmt: skip
        sizes = [n for n in corruption_sweep.SIZES if settings.complete or n <= 20]
        default = 128 if settings.complete else 20
        count = query_params.choose_one(
            "Images", sizes, key="n", default=default, help="Scored together, as one batch."
        )
        title = query_params.choose_one("Measure of the shift", list(MEASURED), key="measure")
    st.caption(
        f"**{corruption.title}**, severity {severity}: {corruption.strength_text(severity)}. {corruption.about} "
        f"{corruption.source}."
    )
    pair = settings.left, settings.right
    request = corruption_sweep.Request(
        *pair, settings.images(count), name, settings.device, corruption_sweep.problems(*pair)
    )
    return Question(request, severity, eps, MEASURED[title])


def ask_statistics(chosen: Question) -> tuple[recalibration.Request, int | None]:
    """The images to take statistics from, and their number m; None if the statistics stay as trained."""
    others = recalibration.others(chosen.request)
    slider, source, button = st.columns([2, 1.2, 1.5], gap="large", vertical_alignment="bottom")
    with source:
        options = [OTHERS, SAME] if others else [SAME]
        same = query_params.choose_one(
            "Statistics from", options, key="of",
            help="Other images of the same kind; or the very images that are scored. Labels are not used.",
        ) == SAME  # fmt: skip
    pool = chosen.request.images.count if same else others
    steps = recalibration.counts(pool)
    with slider:
        options = [TRAINED, *map(str, steps[:-1]), ALL]
        option = query_params.choose_one(
            "Re-estimate the statistics from m images", options, key="m", widget=st.select_slider,
            help=f"“{ALL}” is {pool} here. The weights stay as they are.",
        )  # fmt: skip
    with button:
        st.button(
            "Re-estimate the statistics", type="primary", icon=":material/healing:", disabled=option != TRAINED,
            on_click=_take_all,
        )  # fmt: skip
    m = None if option == TRAINED else pool if option == ALL else int(option)
    st.caption(_about_m(chosen.request, m, pool, same))
    return recalibration.Request(chosen.request, chosen.severity, chosen.eps_255, same), m


def _take_all() -> None:
    st.session_state["m"] = ALL


def _about_m(request: corruption_sweep.Request, m: int | None, pool: int, same: bool) -> str:
    source = (
        f"the {request.images.count} images that are scored, in their order, without their labels: with all {pool} "
        "they are these images' own batch statistics"
        if same
        else f"{pool} images that are not scored"
    )
    number = m or 1
    return (
        f"The m images come from {source}. Where pictures are still 32×32, m = {number} gives {number * 1024:,} values "
        f"a channel; where they are 8×8, {number * 64:,}. For attacked images the statistics are those of m attacked "
        "ones."
    )
