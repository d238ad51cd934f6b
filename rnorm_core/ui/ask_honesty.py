"""The questions of the honesty page: whom to examine on what, and around which image to look."""

import streamlit as st

from rnorm_core import data, honesty
from rnorm_core.ui import examining, images, url
from rnorm_core.ui.crafting import first
from rnorm_core.ui.examining import Around, Plan, Subject
from rnorm_core.ui.sidebar import Settings

LEFT, RIGHT = "left model", "right model"
FAKES = {f"FAKE: {plant.title}": key for key, plant in honesty.PLANTED.items()}
COUNTS = (20, 128, 1000)
SIZES = (1, 2, 4, 8)


def examination(settings: Settings) -> tuple[Plan, bool]:
    """What is to be examined, and whether it is wanted now."""
    columns = iter(st.columns([1.6, 0.9, 1, 1.2], gap="medium", vertical_alignment="bottom"))
    with next(columns):
        said = url.choose_one(
            "Subject", [LEFT, RIGHT, *FAKES], key="subject",
            help="Left and right are chosen in the sidebar. A fake is the left model behind a planted false defence.",
        )  # fmt: skip
    with next(columns):
        counts = [n for n in COUNTS if settings.complete or n <= 20]
        count = url.choose_one("Images", counts, key="n", default=20)
    with next(columns):
        name = url.choose_one(
            "Effort", list(examining.BUDGETS), key="effort",
            help="Steps, restarts and queries. Thorough takes about ten times as long as quick, more images longer.",
        )  # fmt: skip
    with next(columns):
        wanted = url.bound(st.toggle, "Examine it here", key="examine")
    side, other = settings.left, settings.right
    if said == RIGHT:
        side, other = other, side
    subject = Subject(side, FAKES.get(said, ""))
    surrogate = other if other.weight_hash != side.weight_hash else None
    where = settings.dataset, settings.complete, settings.source
    plan = Plan(subject, surrogate, *where, examining.budget(name, count), settings.seed, settings.device)
    return plan, wanted


def plane(settings: Settings, fake: str) -> tuple[Around, bool]:
    """Around which sample to look, how far, and whether in 3-D; the left model beside the fake, or the right one."""
    samples = data.samples(settings.dataset)
    names = {images.name(samples, i): i for i in range(len(samples))}
    columns = iter(st.columns([1.2, 1.2, 1.2], gap="medium", vertical_alignment="bottom"))
    with next(columns):
        default = images.name(samples, first(samples.ids))
        image = names[url.choose_one("Image", list(names), key="image", default=default)]
    with next(columns):
        eps = url.choose_one("1 eps is (k/255)", list(SIZES), key="eps", default=2, widget=st.select_slider)
    with next(columns):
        hills = url.bound(st.toggle, "The loss as hills, in 3-D", key="hills")
    second = Subject(settings.left, fake) if fake else Subject(settings.right)
    subjects = Subject(settings.left), second
    return Around(subjects, settings.dataset, image, eps, settings.seed, settings.device), hills
