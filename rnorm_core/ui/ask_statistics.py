"""The questions of the page about whose statistics are used: which part of it, and the row of controls of each."""

import streamlit as st

from rnorm_core.evaluation.patching import EXPERIMENTS, possible
from rnorm_core.norms import STATISTICS
from rnorm_core.ui import crossing, grouping, images, patches, poisoning, recounting, url
from rnorm_core.ui.crafting import FIRST, first
from rnorm_core.ui.run import abandon
from rnorm_core.ui.sidebar import Settings
from rnorm_core.ui.whose import EPS_255, STEPS, Plan, everyday

MATRIX, SIZE, COMPANY, POISON, PATCHES, COUNTED = PARTS = (
    "Craft and score", "Batch size", "Neighbours", "Poisoned neighbours", "Patched layers", "Counted anew",
)  # fmt: skip
KEYS = ("eps", "n", "image", "size", "k", "mode", "experiment", "draw", "here")
SWAYED = "200143cf"  # the start of its id: a ship whose answer hangs on its neighbours
MORE = "more"
SLOTS = "work", MORE
SAID = {
    "restore": "clean statistics to the attacked batch",
    "spoil": "attacked statistics to the clean batch",
    "repair": "its own statistics to the attacked batch",
}
_BEFORE = "_part"  # in the session


def part() -> str:
    """Which question is in view; work for another one is left."""
    url.reserve(*KEYS)
    chosen = url.bound(
        st.segmented_control, "Question", list(PARTS), key="part", default=MATRIX, required=True, wrap=True,
        label_visibility="collapsed",
    )  # fmt: skip
    if st.session_state.get(_BEFORE) != chosen:
        for slot in SLOTS:
            abandon(slot)
        st.session_state[_BEFORE] = chosen
    return chosen


def matrix(settings: Settings) -> tuple[crossing.Asked, crossing.Crossed | None, bool]:
    """What is asked, what was measured of it before, and whether to measure it here: where nothing was, always."""
    eps, here, n = st.columns([2, 1.3, 1], gap="large", vertical_alignment="bottom")
    with eps:
        size = _eps(1)
    before = crossing.shipped(crossing.Asked(_plan(settings, 1), size))
    with here:
        wanted = before is None or url.bound(st.toggle, "Measure it here, too", key="here", help=LONG)
    if before and not wanted:  # nothing more to ask
        return before.asked, before, False
    with n:
        count = _count(settings)
    return crossing.Asked(_plan(settings, count), size), before, True


def sizes(settings: Settings) -> tuple[grouping.Sizes, bool]:
    """What to measure, and whether that is wanted."""
    here, n, eps = st.columns([1.3, 1, 2], gap="large", vertical_alignment="bottom")
    with here:
        wanted = url.bound(st.toggle, "Measure it here, too", key="here", help=LONG)
    if not wanted:  # nothing to ask
        return grouping.Sizes(_plan(settings, 1), 1), False
    with n:
        count = _count(settings)
    with eps:
        return grouping.Sizes(_plan(settings, count), _eps(1)), True


def company(settings: Settings) -> tuple[grouping.Meeting, grouping.Composition | None]:
    """One image among others; batches of other composition, where these are wanted."""
    columns = st.columns([1.2, 1, 0.8, 1.2, 1.3], gap="medium", vertical_alignment="bottom")
    image, size, n, here, eps = columns
    with n:
        count = _count(settings)
    plan = _plan(settings, count)
    with image:
        chosen = _image(plan, default=SWAYED)
    with size:
        options = [size for size in (2, 4, 8, 16, 32, 64) if size <= count]
        together = url.choose_one("In a batch", options, key="size", default=8, help="Images looked at together.")
    with here:
        wanted = url.bound(st.toggle, "Compose batches", key="here", help=LONG)
    meeting = grouping.Meeting(plan, chosen, together)
    if not wanted:
        return meeting, None
    with eps:
        return meeting, grouping.Composition(plan, _eps(1), together)


def draw() -> int:
    """Which of the draws of neighbours to show, from 0."""
    options = list(range(1, grouping.DRAWS + 1))
    return url.choose_one("Look at the neighbours of draw", options, key="draw", widget=st.select_slider) - 1


def poison(settings: Settings) -> poisoning.Asked:
    image, k, n, eps = st.columns([1.3, 1.3, 0.9, 1.5], gap="medium", vertical_alignment="bottom")
    with n:
        count = _count(settings, "All of them are one batch.")
    plan = _plan(settings, count)
    with image:
        victim = _image(plan, "Victim")
    with k:
        counts = [*(2**i for i in range(10) if 2**i < count - 1), count - 1]
        poisoned = url.choose_one(
            "Poisoned neighbours", counts, key="k", default=min(4, count - 1), widget=st.select_slider
        )  # fmt: skip
    with eps:
        size = _eps(8)
    return poisoning.Asked(plan, size, victim, poisoned)


def patch(settings: Settings) -> patches.Asked:
    mode, experiment, n, eps = st.columns([0.9, 1.8, 0.7, 1.3], gap="medium", vertical_alignment="bottom")
    with n:
        count = _count(settings)
    with mode:
        chosen = url.choose_one("Statistics of", list(STATISTICS), key="mode", default="batch", help=_MODE)
    with experiment:
        options = {SAID[key]: key for key in possible(chosen)}
        given = options[url.choose_one("Layers are given", list(options), key="experiment")]
    with eps:
        size = _eps(1)
    st.caption(f"{EXPERIMENTS[given].sentence} {CONTROL if chosen == STATISTICS[0] and given != 'repair' else ''}")
    return patches.Asked(_plan(settings, count), size, chosen, given)


def recount(settings: Settings) -> recounting.Asked:
    size, n, eps = st.columns([1, 1, 1.5], gap="large", vertical_alignment="bottom")
    with n:
        options = [128, 512] if settings.complete else [8, 12]
        count = url.choose_one("Images scored", options, key="n", help="No statistics are taken from them.")
    with size:
        options = [16, 64, 128] if settings.complete else [4, 2]
        batch = url.choose_one("Images in a batch", options, key="size", help="Of which statistics are taken.")
    with eps:
        attacked = _eps(1)
    return recounting.Asked(_plan(settings, count), attacked, batch)


LONG = "Some minutes on a slow machine; what is known is drawn as it comes, and stays when it is stopped."
_MODE = "In which the attack is made and the images are scored, before layers are given other statistics."
CONTROL = (
    "With tracked statistics, as a control: the attack could not use a batch's, so there is none to undo; what the "
    "layers are given takes the place of the training set's."
)


def _plan(settings: Settings, count: int) -> Plan:
    return Plan(
        everyday(settings.left), everyday(settings.right), settings.dataset, settings.complete, settings.source, count,
        settings.seed, settings.device,
    )  # fmt: skip


def _eps(default: float) -> float:
    return url.choose_one(
        "PGD, eps (k/255)", list(EPS_255), key="eps", default=default, widget=st.select_slider, shown="{:g}".format,
        help=f"An attack of {STEPS} steps.",
    )  # fmt: skip


def _count(settings: Settings, help_: str = "Up to 128 are one batch.") -> int:
    options, default = ([8, 20, 128], 128) if settings.complete else ([8, 20], 20)
    return url.choose_one("Images", options, key="n", default=default, help=help_)


def _image(plan: Plan, label: str = "Image", default: str = FIRST) -> str:
    """The beginning of an image's id."""
    batch = plan.images()
    names = [images.name(batch, i) for i in range(len(batch))]
    begin = names[first(batch.ids, default)]
    return url.choose_one(label, names, key="image", default=begin).rsplit(" ", 1)[-1]
