"""The settings that all pages share: image source, two networks, seed, device."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from html import escape

import streamlit as st
import torch
from streamlit.delta_generator import DeltaGenerator

from rnorm_core import data, model_names, zoo
from rnorm_core.data import ImageChoice
from rnorm_core.errors import UserError
from rnorm_core.figures.style import LOOKS
from rnorm_core.norms import BRANCHES, all_modes, modes
from rnorm_core.progress import Progress
from rnorm_core.ui.keep import shown
from rnorm_core.ui.settings import model_picker, upload_weights
from rnorm_core.ui.shared import live_job, query_params
from rnorm_core.ui.shared.guard import show as show_error
from rnorm_core.ui.shared.stage import copy_link
from rnorm_core.zoo import Variant

SAMPLES, EVERYTHING = "20 samples", "full test set"


@dataclass(frozen=True)
class Settings:
    """The visitor's settings.

    complete: whether images come from the whole test set (otherwise from the 20 samples).
    source:   a title of the place the images are read from.
    """

    dataset: str
    complete: bool
    source: str
    left: Variant
    right: Variant
    seed: int
    device: str

    def images(self, count: int, image: str = "") -> ImageChoice:
        """`count` images by these settings, or the one sample whose id begins with `image`."""
        return ImageChoice(self.dataset, self.complete, self.source, count, self.seed, image)


def settings_bar() -> Settings:
    """Draws the networks in use above the page, and the controls behind a button; never waits for the internet.

    UserError when there are no models or no images.
    """
    with st.container(horizontal=True, vertical_alignment="center", key="settings_bar"):
        in_use = st.container(width="stretch")
        pairs = st.container(width="content")
        with st.popover("Settings", icon=":material/tune:", key="settings"):
            chosen = _controls(pairs)
        copy_link.button()
    with in_use:
        st.html(_in_use(chosen))
    shown.now().settings = asdict(chosen)
    return chosen


def _controls(pairs: DeltaGenerator) -> Settings:
    models = st.container()  # drawn above the upload, but run after it: the upload adds models to choose from
    uploaded = upload_weights.upload()
    with models:
        dataset = _dataset(uploaded)
        cards = model_picker.cards_of(dataset, uploaded)
        with pairs:
            model_picker.pairs(cards)
        left = _model("Left model", "left", cards, zoo.plain(dataset, "bn"))
        right = _model("Right model", "right", cards, zoo.plain(dataset, "rn"))
    complete, source = _images(dataset)
    seed = query_params.bound(
        st.number_input, "Seed", 0, 9999, 0, 1, key="seed", help="Random starts, noise, image choice."
    )
    return Settings(dataset, complete, source, left, right, int(seed), _device())


def _in_use(settings: Settings) -> str:
    """The pair, the images and the seed in one line, as HTML. The data set is named once: a phone has little room."""
    dataset = model_names.dataset(settings.dataset)
    sides = [
        f'<b style="--norm: {LOOKS[variant.norm].colour}"><small>{side}</small> '
        f"{escape(variant.label.removeprefix(f'{dataset} '))}</b>"
        for side, variant in (("left", settings.left), ("right", settings.right))
    ]
    images = EVERYTHING if settings.complete else SAMPLES
    about = f"<span>{dataset}, {images}, seed {settings.seed}</span>"
    return f'<div class="in-use">{"".join(sides)}{about}</div>'


def _dataset(uploaded: list[str]) -> str:
    """The data set; a control only where the networks are for several."""
    known = model_picker.datasets(uploaded)
    if not known:
        raise UserError("There are no trained models.", "restore the folder pretrained/ from the repository.")
    return (
        known[0]
        if len(known) == 1
        else query_params.choose_one("Data set", known, "dataset", shown=model_names.dataset)
    )


def _model(label: str, key: str, cards: Sequence[zoo.Card], default: str) -> Variant:
    norms = {card.name: card.norm for card in cards}
    name = model_picker.one(label, key, cards, default if default in norms else cards[0].name)
    mode = query_params.choose_one(
        f"{label}: statistics", list(all_modes(norms[name])), f"{key}_mode", help=_help(norms[name])
    )
    return Variant.of(name, mode)


def _help(norm: str) -> str:
    if modes(norm) == BRANCHES:
        return (
            "This network has two sets of norm layers. **clean-branch**: the one that saw clean images in training. "
            "**adversarial-branch**: the one that saw attacked images."
        )
    return (
        "Whose mean and scale the normalisation layers use. **tracked**: the training set's, remembered, as networks "
        "are used every day. **batch**: those of the pictures shown together, so that each answer depends on the "
        "others. **tracked-mean**: the remembered mean, the pictures' scale. **batch-median**: the pictures' median in "
        "the place of their mean, a proposed defence (MedBN) of which no table of accuracies was measured. A network "
        "without such statistics has no choice."
    )


def _images(dataset: str) -> tuple[bool, str]:
    """Whether the complete test set is in use, and the source's title. Offers to fetch a test set that is missing."""
    choice = query_params.bound(st.selectbox, "Image source", [SAMPLES, EVERYTHING], key="source")
    sources = data.available(dataset)
    complete = next((source for source in sources if source.complete), None)
    if choice == EVERYTHING and complete is None:
        _offer_fetch(dataset)
        complete = next((source for source in data.available(dataset) if source.complete), None)
    samples = next((source for source in sources if source.kind == "samples"), None)
    in_use = complete if choice == EVERYTHING and complete else samples
    if in_use is None:
        raise UserError("There are no images.", "install foolbox, which contains 20 sample images, or set CIFAR_ROOT.")
    st.caption(f"In use: {in_use.title}.")
    return in_use.complete, in_use.title


def _offer_fetch(dataset: str) -> None:
    """A button; after a click, progress, and in the end the test set or an error."""
    if st.session_state.get("_fetching") != dataset:
        st.caption(f"The full {model_names.dataset(dataset)} test set is not on this computer.")
        st.button(
            "Fetch 24 MB",
            on_click=_begin,
            args=(dataset,),
            icon=":material/download:",
            help="Once, from the Hugging Face hub.",
        )
        return
    try:
        if live_job.run(("fetch", dataset), partial(_fetch, dataset), slot="fetch"):
            del st.session_state["_fetching"]
    except UserError as error:
        show_error(error)
        st.button("Try again", on_click=_begin, args=(dataset,), icon=":material/replay:")


def _begin(dataset: str) -> None:
    live_job.abandon("fetch")
    st.session_state["_fetching"] = dataset


def _fetch(dataset: str, progress: Progress) -> bool:
    def on_progress(done: int, total: int) -> None:
        progress(done / max(total, 1), f"{done / 1e6:.1f} of {total / 1e6:.1f} MB")

    progress(0, "Asking the Hugging Face hub")
    data.fetch(dataset, on_progress)
    return True


def _device() -> str:
    devices = ["auto", "cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    chosen = st.selectbox("Device", devices, key="device", persist_state="session", help="Not part of a shared link.")
    return devices[-1] if chosen == "auto" else chosen
