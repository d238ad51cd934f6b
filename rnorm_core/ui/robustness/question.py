"""The controls of the page of sanity checks: the model to examine, and the image to look around."""

import streamlit as st

from rnorm_core import data, sanity
from rnorm_core.experiments import robustness
from rnorm_core.experiments.attack_pair import FIRST
from rnorm_core.experiments.robustness import ExaminationRequest, Subject, SurfacesRequest
from rnorm_core.ui.settings import limits
from rnorm_core.ui.settings.bar import Settings
from rnorm_core.ui.shared import query_params

LEFT, RIGHT = "left model", "right model"
FAKES = {f"FAKE: {plant.title}": key for key, plant in sanity.PLANTED.items()}
COUNTS = (20, 128, 1000)
SIZES = (1, 2, 4, 8)
PART = "test"  # key of the open part, also in the address
CHECKED, EXAMINE, LOSS = "The nine checks", "Examine it here", "The loss around one image"
PARTS = {CHECKED: (), EXAMINE: ("examine", "subject", "n", "effort"), LOSS: ("image", "beside", "eps", "hills")}


def ask_examination(settings: Settings) -> tuple[ExaminationRequest, bool]:
    """The examination, and whether it is to begin."""
    columns = iter(st.columns([1.6, 0.9, 1, 1.2], gap="medium", vertical_alignment="bottom"))
    with next(columns):
        subject = query_params.choose_one(
            "Subject", [LEFT, RIGHT, *FAKES], key="subject",
            help="Left and right are chosen above the page. A fake is the left model behind a planted false defence.",
        )  # fmt: skip
    with next(columns):
        available = [n for n in COUNTS if settings.complete or n <= 20]
        counts = [n for n in available if _efforts(n)]
        count = query_params.choose_one("Images", counts, key="n", default=20)
    with next(columns):
        effort = query_params.choose_one(
            "Effort", _efforts(count), key="effort",
            help="Steps, restarts and queries. Thorough takes about ten times as long as quick, more images longer.",
        )  # fmt: skip
    with next(columns):
        begin = query_params.bound(st.toggle, "Run all nine checks", key="examine")
    limits.show(counts[-1], available[-1])
    variant, other = settings.left, settings.right
    if subject == RIGHT:
        variant, other = other, variant
    request = ExaminationRequest(
        subject=Subject(variant, FAKES.get(subject, "")),
        surrogate=other if other.weight_hash != variant.weight_hash else None,
        images=settings.images(count),
        budget=robustness.budget(effort, count),
        device=settings.device,
    )
    return request, begin


def _efforts(count: int) -> list[str]:
    return [name for name in robustness.BUDGETS if limits.allows(count * robustness.budget(name, count).work)]


def ask_surfaces(settings: Settings) -> tuple[SurfacesRequest, bool]:
    """A plane around a sample, and whether the loss is drawn in 3-D. Beside the left model: the right one or a fake."""
    samples = data.samples(settings.dataset)
    names = {samples.name(i): i for i in range(len(samples))}
    columns = iter(st.columns([1.2, 1.4, 1.2, 1.2], gap="medium", vertical_alignment="bottom"))
    with next(columns):
        default = samples.name(samples.find(FIRST))
        image = names[query_params.choose_one("Image", list(names), key="image", default=default)]
    with next(columns):
        first_beside = st.query_params.get("subject", "")
        beside = query_params.choose_one(
            "Beside the left model", [RIGHT, *FAKES], key="beside",
            default=first_beside if first_beside in FAKES else RIGHT,
        )  # fmt: skip
    with next(columns):
        eps = query_params.choose_one("1 eps is (k/255)", list(SIZES), key="eps", default=2, widget=st.select_slider)
    with next(columns):
        in_3d = query_params.bound(st.toggle, "The loss as hills, in 3-D", key="hills")
    second = Subject(settings.left, FAKES[beside]) if beside in FAKES else Subject(settings.right)
    subjects = Subject(settings.left), second
    return SurfacesRequest(subjects, settings.dataset, image, eps, settings.seed, settings.device), in_3d
