"""The questions of the page about shifting statistics, in one row."""

import streamlit as st

from rnorm_core import data
from rnorm_core.attacks import CATALOGUE
from rnorm_core.shift import MEASURES
from rnorm_core.ui import shifting, url
from rnorm_core.ui.crafting import first
from rnorm_core.ui.shifting import GRID, SIZES, Plan, named
from rnorm_core.ui.sidebar import Settings

ATTACKS = {CATALOGUE[name].title: name for name in shifting.ATTACKS}
MEASURED = {measure.title: key for key, measure in MEASURES.items()}
BATCH = "They run through the networks together, as one batch; the seed chooses which. One image is a batch of its own."


def choose(settings: Settings) -> tuple[Plan, float, str]:
    """What is measured, at which attack size it is looked at, and by which measure."""
    columns = iter(st.columns([1.5, 1, 1.35, 1.4], gap="medium"))
    with next(columns):
        attack = ATTACKS[url.choose_one("Attack", list(ATTACKS), key="attack")]
    sizes = [n for n in SIZES if settings.complete or n <= 20]
    with next(columns):
        count = url.choose_one("How many images", sizes, key="batch", default=20, help=BATCH)
        samples = data.samples(settings.dataset)
        names = named(samples)
        default = names[first(samples.ids)]
        image = url.choose_one("Which", names, key="image", default=default) if count == 1 else None
    with next(columns):
        title = url.choose_one("Measure", list(MEASURED), key="measure")
    with next(columns):
        eps = url.choose_one(
            "eps (k/255)", list(GRID), key="eps", default=1, widget=st.select_slider, shown="{:g}".format,
            help="The attack size to look at. All of these are measured, so moving it costs nothing.",
        )  # fmt: skip
    measure, entry = MEASURED[title], CATALOGUE[attack]
    st.caption(
        f"**{title}**, in {MEASURES[measure].unit}. {MEASURES[measure].sentence} **{entry.title}.** {entry.about} "
        f"{entry.source}."
    )
    images = settings.dataset, settings.complete, settings.source, count, image
    return Plan(settings.left, settings.right, *images, attack, settings.seed, settings.device), eps, measure
