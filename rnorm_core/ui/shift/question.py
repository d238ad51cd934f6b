"""The controls of the page about statistic shift: two in front, the others behind a button."""

import streamlit as st

from rnorm_core import data
from rnorm_core.attacks import CATALOGUE
from rnorm_core.experiments import attack_pair, shift_sweep
from rnorm_core.experiments.shift_sweep import GRID, SIZES, Request
from rnorm_core.shift import MEASURES
from rnorm_core.ui.settings.bar import Settings
from rnorm_core.ui.shared.query_params import choose_one

ATTACKS = {CATALOGUE[name].title: name for name in shift_sweep.ATTACKS}
MEASURE_OF_TITLE = {measure.title: key for key, measure in MEASURES.items()}
BATCH = "They run through the networks together, as one batch; the seed chooses which. One image is a batch of its own."
SIZE = "How many grey levels (of 255) each colour of a pixel may move. All sizes are measured already."


def choose(settings: Settings) -> tuple[Request, float, str]:
    """The request, the attack size (k of k/255) to show, and the measure (a key of MEASURES) to show it by."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        attack = ATTACKS[choose_one("Attack", list(ATTACKS), key="attack", width=220)]
        eps = choose_one(
            "Attack size (eps, k/255)", list(GRID), key="eps", default=1, widget=st.select_slider,
            shown="{:g}".format, help=SIZE, width=320,
        )  # fmt: skip
        with st.popover("More choices", icon=":material/tune:"):
            sizes = [n for n in SIZES if settings.complete or n <= 20]
            count = choose_one("How many images", sizes, key="batch", default=20, help=BATCH)
            image = _one_image(settings.dataset) if count == 1 else ""
            measure = MEASURE_OF_TITLE[choose_one("Measure", list(MEASURE_OF_TITLE), key="measure")]
            about, entry = MEASURES[measure], CATALOGUE[attack]
            st.caption(f"**{about.title}**, in {about.unit}. {about.sentence}")
            st.caption(f"**{entry.title}.** {entry.about} {entry.source}.")
    images = settings.images(count, image)
    return Request(settings.left, settings.right, images, attack, settings.device), eps, measure


def _one_image(dataset: str) -> str:
    """The beginning of the id of the sample that the visitor chooses by its name."""
    samples = data.samples(dataset)
    names = [samples.name(i) for i in range(len(samples))]
    return choose_one("Which", names, key="image", default=names[samples.find(attack_pair.FIRST)]).rsplit(" ", 1)[1]
