"""What every page asks for beside its own questions: images, two models, seed, device."""

from dataclasses import dataclass
from functools import partial

import streamlit as st
import torch

from rnorm_core import data, zoo
from rnorm_core.errors import UserError
from rnorm_core.jobs import Job
from rnorm_core.norms import BRANCHES, modes
from rnorm_core.ui import bringing, naming, picker, run, url
from rnorm_core.ui.crafting import Side
from rnorm_core.ui.guard import show as show_error

SAMPLES, EVERYTHING = "20 samples", "full test set"


@dataclass(frozen=True)
class Settings:
    """complete: whether images come from the whole test set; source: where from, for people."""

    dataset: str
    complete: bool
    source: str
    left: Side
    right: Side
    seed: int
    device: str


def sidebar() -> Settings:
    """Draws the shared controls; never waits for a network. UserError when no model is there."""
    with st.sidebar:
        models = st.container()
        yours = bringing.yours()
        with models:
            dataset = _dataset(yours)
            norms = picker.norms_of(dataset, yours)
            picker.pairs(norms)
            left = _model("Left model", "left", norms, zoo.plain(dataset, "bn"))
            right = _model("Right model", "right", norms, zoo.plain(dataset, "rn"))
        complete, source = _images(dataset)
        seed = url.bound(st.number_input, "Seed", 0, 9999, 0, 1, key="seed", help="Random starts, noise, image choice.")
        return Settings(dataset, complete, source, left, right, int(seed), _device())


def _dataset(yours: list[str]) -> str:
    """Of the networks to choose from; a question only where they are of several."""
    known = picker.datasets(yours)
    if not known:
        raise UserError("There are no trained models.", "restore the folder pretrained/ from the repository.")
    return known[0] if len(known) == 1 else url.choose_one("Data set", known, "dataset", shown=naming.dataset)


def _model(label: str, key: str, norms: dict[str, str], default: str) -> Side:
    name = picker.one(label, key, norms, default if default in norms else next(iter(norms)))
    mode = url.choose_one(f"{label}: statistics", list(modes(norms[name])), f"{key}_mode", help=_help(norms[name]))
    return Side.of(name, mode)


def _help(norm: str) -> str:
    if modes(norm) == BRANCHES:
        return (
            "This network has two sets of norm layers. **clean-branch**: the one that saw clean images in training. "
            "**adversarial-branch**: the one that saw attacked images."
        )
    return (
        "Whose mean and scale the normalisation layers use. **tracked**: the training set's, remembered, as networks "
        "are used every day. **batch**: those of the pictures shown together, so that each answer depends on the "
        "others. **tracked-mean**: the remembered mean, the pictures' scale. A network without such statistics has no "
        "choice."
    )


def _images(dataset: str) -> tuple[bool, str]:
    wanted = url.bound(st.selectbox, "Image source", [SAMPLES, EVERYTHING], key="source")
    sources = data.available(dataset)
    complete = next((source for source in sources if source.complete), None)
    if wanted == EVERYTHING and complete is None:
        _offer_fetch(dataset)
        complete = next((source for source in data.available(dataset) if source.complete), None)
    chosen = complete if wanted == EVERYTHING and complete else next((s for s in sources if s.kind == "samples"), None)
    if chosen is None:
        raise UserError("There are no images.", "install foolbox, which brings 20 samples, or set CIFAR_ROOT.")
    st.caption(f"In use: {chosen.title}.")
    return chosen.complete, chosen.title


def _offer_fetch(dataset: str) -> None:
    """A button; once pressed, progress until the test set is there or it is known why not."""
    if st.session_state.get("_fetching") != dataset:
        st.caption(f"The full {naming.dataset(dataset)} test set is not on this computer.")
        st.button(
            "Fetch 24 MB",
            on_click=_begin,
            args=(dataset,),
            icon=":material/download:",
            help="Once, from the Hugging Face hub.",
        )
        return
    try:
        if run.run(("fetch", dataset), partial(_fetch, dataset), slot="fetch"):
            del st.session_state["_fetching"]
    except UserError as error:
        show_error(error)
        st.button("Try again", on_click=_begin, args=(dataset,), icon=":material/replay:")


def _begin(dataset: str) -> None:
    run.abandon("fetch")
    st.session_state["_fetching"] = dataset


def _fetch(dataset: str, job: Job) -> bool:
    def tell(done: int, total: int) -> None:
        job.progress(done / max(total, 1), f"{done / 1e6:.1f} of {total / 1e6:.1f} MB")

    job.progress(0, "Asking the Hugging Face hub")
    data.fetch(dataset, tell)
    return True


def _device() -> str:
    devices = ["auto", "cpu"] + (["cuda"] if torch.cuda.is_available() else [])
    chosen = st.selectbox("Device", devices, key="device", persist_state="session", help="Not part of a shared link.")
    return devices[-1] if chosen == "auto" else chosen
