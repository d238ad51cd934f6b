"""The controls of the page about batch statistics: which part is shown, and the row of controls of each part."""

from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from rnorm_core.data import ImageChoice
from rnorm_core.evaluation.measure.patching import EXPERIMENTS, possible
from rnorm_core.evaluation.tables.laboratories import EPS_255, STEPS
from rnorm_core.experiments import batch_composition, layer_patching, poisoning, precise_bn, transfer_matrix
from rnorm_core.experiments.attack_pair import FIRST
from rnorm_core.experiments.poisoning import VICTIM
from rnorm_core.norms import MEDIAN, STATISTICS, all_modes
from rnorm_core.ui.settings.bar import Settings
from rnorm_core.ui.shared import query_params
from rnorm_core.ui.shared.live_job import abandon
from rnorm_core.ui.shared.panels import opens
from rnorm_core.ui.shared.stage import address
from rnorm_core.zoo import Variant

SIZE, NEIGHBOURS, POISONING, TRANSFER, CORRUPTIONS, PATCHING, PRECISE_BN = PARTS = (
    "Batch size", "Neighbours", "Poisoned neighbours", "Craft and score", "Corruptions", "Patched layers", "PreciseBN",
)  # fmt: skip
ADVANCED = PATCHING, PRECISE_BN
KEYS = (
    "eps", "n", "image", "size", "k", "side", "statistics", "mode", "experiment", "draw", "draws", "here", "course",
    "crowds",
)  # fmt: skip
NETWORKS, DEFENCE = SIDES = "two networks", "mean and median"  # what the attack player shows side by side
SENSITIVE = "200143cf"  # the beginning of the id of a ship: its prediction changes with its neighbours
COMPOSITION = "more"  # the slot of the second job of a part
SLOTS = "work", COMPOSITION
EXPERIMENT_TITLES = {
    "restore": "clean statistics to the attacked batch",
    "spoil": "attacked statistics to the clean batch",
    "repair": "its own statistics to the attacked batch",
}
LONG = "Some minutes on a slow machine; what is known is drawn as it comes, and stays when it is stopped."
MODE = "In which the attack is made and the images are scored, before layers are given other statistics."
CONTROL = (
    "With the statistics as trained this is a control: the attack cannot change the statistics, so there is no such "
    "damage to repair. The layers use the given statistics in place of the training set's."
)
MEDIANS = (
    "With the median, the batch's median takes the place of its mean (MedBN, Park et al. 2024). Every attack is made "
    "anew, by an attacker who knows."
)
_LAST_PART = "_part"  # in the session


def part() -> str:
    """The part that is shown. When the visitor changes it, the running work of the last part is left."""
    query_params.reserve(*KEYS)
    with st.container(horizontal=True, vertical_alignment="center", key="parts"):
        # Of the advanced parts the theme shows only the chosen one. They are options, so that an address can hold them.
        chosen = query_params.bound(
            st.segmented_control, "Question", list(PARTS), key="part", default=SIZE, required=True, wrap=True,
            label_visibility="collapsed",
        )  # fmt: skip
        locked = address.is_locked()
        st.menu_button("Advanced", list(ADVANCED), key="advanced", on_click=_take_part, disabled=locked)
    if st.session_state.get(_LAST_PART) != chosen:
        for slot in SLOTS:
            abandon(slot)
        query_params.forget_defaults(*KEYS)
        st.session_state[_LAST_PART] = chosen
    return chosen


def _take_part() -> None:
    if (chosen := st.session_state["advanced"]) in ADVANCED:
        st.session_state["part"] = chosen


def more() -> DeltaGenerator:
    """A button that opens the choices that are seldom changed."""
    return st.popover("More choices", icon=":material/tune:", width="stretch", key="more_choices")


def transfer(settings: Settings) -> tuple[transfer_matrix.Request, transfer_matrix.Result | None, bool]:
    """(request, shipped result, whether to measure live). It is always measured live if nothing was shipped."""

    left, right = (one if one.statistics == MEDIAN else one.usual for one in (settings.left, settings.right))

    def request(count: int) -> transfer_matrix.Request:
        return transfer_matrix.Request(left, right, settings.images(count), size, settings.device)

    eps, here, n = st.columns([2, 1.3, 1], gap="large", vertical_alignment="bottom")
    with eps:
        size = _eps(1)
    shipped = transfer_matrix.shipped(request(1))
    with here:
        live = shipped is None or query_params.bound(st.toggle, "Measure it here, too", key="here", help=LONG)
    if shipped and not live:  # the shipped result fixes the images
        return shipped.request, shipped, False
    with n:
        return request(_count(settings)), shipped, True


def sizes(settings: Settings) -> batch_composition.SizesRequest | None:
    """The request of a live measurement; None if the visitor wants none."""
    here, n, statistics, eps = st.columns([1.9, 1, 1.3, 1.8], gap="medium", vertical_alignment="bottom")
    with here:
        if not query_params.bound(st.toggle, "Measure it here, too", key="here", help=LONG):
            return None
    with n:
        images = settings.images(_count(settings))
    with statistics:
        mode = _mode()
    with eps:
        return batch_composition.SizesRequest(*_networks(settings), images, _eps(1), settings.device, mode)


def neighbours(
    settings: Settings,
) -> tuple[batch_composition.NeighboursRequest, batch_composition.CompositionRequest | None]:
    """One image and its neighbours; batches of different composition, None if they are not to be measured."""
    image, size, rest = st.columns([1.2, 1, 1], gap="medium", vertical_alignment="bottom")
    with rest, more():
        compose = query_params.bound(st.toggle, "Compose batches", key="here", help=LONG)
        count, attack_size = _count(settings), _eps(1)
        mode = _mode()
    images = settings.images(count)
    with image:
        chosen = _image(images, default=SENSITIVE)
    with size:
        options = [size for size in (2, 4, 8, 16, 32, 64) if size <= count]
        batch_size = query_params.choose_one(
            "In a batch", options, key="size", default=8, help="Images looked at together."
        )
    left, right = _networks(settings)
    request = batch_composition.NeighboursRequest(left, right, images, chosen, batch_size, settings.device, mode)
    if not compose:
        return request, None
    return request, batch_composition.CompositionRequest(
        left, right, images, attack_size, batch_size, chosen, settings.device, mode
    )


def draw() -> int:
    """Which of the draws of neighbours to show, from 0."""
    options = list(range(1, batch_composition.DRAWS + 1))
    return query_params.choose_one("Look at the neighbours of draw", options, key="draw", widget=st.select_slider) - 1


def poison(settings: Settings) -> tuple[poisoning.Request, str]:
    """(request, one of `SIDES`). The request begins with a victim whose answer changes."""
    image, k, rest = st.columns([1.2, 1.5, 1], gap="medium", vertical_alignment="bottom")
    with rest, more():
        side = query_params.choose_one("Side by side", list(SIDES), key="side", help=MEDIANS)
        count, size = _count(settings, "All of them are one batch."), _eps(8)
    images = settings.images(count)
    with image:
        victim = _image(images, "Victim", VICTIM)
    with k:
        counts = [*(2**i for i in range(10) if 2**i < count - 1), count - 1]
        poisoned = query_params.choose_one(
            f"Photos of the attacker, of {count}", counts, key="k", default=min(4, count - 1), widget=st.select_slider,
            help="One participant changes these photos, and no other.",
        )  # fmt: skip
    return poisoning.Request(*_networks(settings), images, size, victim, poisoned, settings.device), side


def rest_of_poison() -> tuple[Any, Any]:
    """What opens on demand: the victim's answer by step, and all untouched images as victims."""
    return opens("The victim's answer, step by step", "course"), opens("All untouched images as victims", "crowds")


def patch(settings: Settings) -> layer_patching.Request:
    experiment, eps, rest = st.columns([1.8, 1.3, 1], gap="medium", vertical_alignment="bottom")
    with rest, more():
        chosen = query_params.choose_one(
            "Statistics of", list(all_modes("bn")), key="mode", default="batch", help=f"{MODE} {MEDIANS}"
        )
        images = settings.images(_count(settings))
    with experiment:
        options = {EXPERIMENT_TITLES[key]: key for key in possible(chosen)}
        given = options[query_params.choose_one("Layers are given", list(options), key="experiment")]
    with eps:
        size = _eps(1)
    st.caption(f"{EXPERIMENTS[given].sentence} {CONTROL if chosen == STATISTICS[0] and given != 'repair' else ''}")
    return layer_patching.Request(*_networks(settings), images, size, chosen, given, settings.device)


def estimate(settings: Settings) -> precise_bn.Request:
    size, eps, rest = st.columns([1, 1.5, 1], gap="large", vertical_alignment="bottom")
    with rest, more():
        options = [128, 512] if settings.complete else [8, 12]
        count = query_params.choose_one("Images scored", options, key="n", help="No statistics are taken from them.")
    with size:
        options = [16, 64, 128] if settings.complete else [4, 2]
        batch = query_params.choose_one("Images in a batch", options, key="size", help="Of which statistics are taken.")
    with eps:
        return precise_bn.Request(*_networks(settings), settings.images(count), _eps(1), batch, settings.device)


def _networks(settings: Settings) -> tuple[Variant, Variant]:
    """Left and right in their usual modes: the parts choose modes, so a mode in the settings makes no new request."""
    return settings.left.usual, settings.right.usual


def _mode() -> str:
    return query_params.choose_one("Statistics", list(poisoning.MODES), key="statistics", help=MEDIANS)


def _eps(default: float) -> float:
    return query_params.choose_one(
        "Attack size (eps, k/255)", list(EPS_255), key="eps", default=default, widget=st.select_slider,
        shown="{:g}".format, help=f"How many grey levels, of 255, each colour may move. PGD of {STEPS} steps.",
    )  # fmt: skip


def _count(settings: Settings, help_: str = "Up to 128 are one batch.") -> int:
    options, default = ([8, 20, 128], 128) if settings.complete else ([8, 20], 20)
    return query_params.choose_one("Images", options, key="n", default=default, help=help_)


def _image(images: ImageChoice, label: str = "Image", default: str = FIRST) -> str:
    """The beginning of an image's id."""
    batch = images.load()
    names = [batch.name(i) for i in range(len(batch))]
    begin = names[batch.find(default)]
    return query_params.choose_one(label, names, key="image", default=begin).rsplit(" ", 1)[-1]
