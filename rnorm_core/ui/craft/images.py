"""The choice of images: thumbnails from the data set, or an uploaded picture."""

from functools import lru_cache

import streamlit as st
import torch

from rnorm_core import data, jobs
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.experiments.attack_pair import FIRST
from rnorm_core.progress import Progress
from rnorm_core.ui.attack_player.photos import photo_pills
from rnorm_core.ui.settings import limits, uploads
from rnorm_core.ui.settings.bar import Settings
from rnorm_core.ui.shared import live_job, panels, query_params
from rnorm_core.ui.shared.guard import show as show_error
from rnorm_core.ui.shared.plain_text import escaped

SHOWN = 20  # thumbnails
ANY = "any class"
UNKNOWN = "unknown"
_TURN, _REJECTED = "_upload_turn", "_upload_rejected"  # in the session


def pick_images(settings: Settings) -> Batch | None:
    """The chosen images; None while the test set is being read. UserError when no image is chosen."""
    query_params.reserve("images", "shown")
    own = _upload(settings)
    if own is not None:
        return own
    everything = _everything(settings)
    if everything is None:
        return None
    most = limits.craft_images(len(everything))
    query_params.keep_first("images", most)
    index_of = {everything.name(i): i for i in _offered(everything, settings)}
    default = [everything.name(everything.find(FIRST))]
    chosen = st.session_state.get("images", [])
    if any(name not in index_of for name in chosen):  # chosen from another source
        st.session_state["images"] = [name for name in chosen if name in index_of] or default
    label = "Click pictures to add or remove them; several are attacked as one batch."
    limits.show(most, len(everything))
    offered = everything.select(list(index_of.values()))
    picked = photo_pills(offered, label, list(index_of), key="images", selection_mode="multi", default=default)
    if not picked:
        raise UserError("No image is chosen.", "click one or more of the pictures.")
    if len(picked) > most:
        raise UserError(limits.bound_text(most, len(everything)), "click some of the chosen pictures to remove them.")
    return everything.select([i for name, i in index_of.items() if name in picked])


def _everything(settings: Settings) -> Batch | None:
    """The samples, or the test set; None while it is being read."""
    if not settings.complete:
        return data.samples(settings.dataset)

    def read(progress: Progress) -> bool:
        progress(0.1, "Reading 10,000 images")
        return len(_test_set(settings.dataset, settings.source)) > 0

    ready = live_job.run(("read", settings.dataset, settings.source), read, slot="read")
    return _test_set(settings.dataset, settings.source) if ready else None


@lru_cache(maxsize=len(data.CLASSES))
def _test_set(dataset: str, source: str) -> Batch:
    """One batch (123 MB) for all sessions, which only read it. `source` is part of the cache key."""
    return data.load(dataset)


def _offered(everything: Batch, settings: Settings) -> list[int]:
    """Indices of the thumbnails: the chosen images, then `SHOWN` of the class that is chosen, drawn by the seed."""
    if not settings.complete:
        return list(range(len(everything)))
    in_use = [*st.query_params.get_all("images"), *st.session_state.get("images", [])]
    shown = query_params.choose_one("Class", [ANY, *everything.classes], key="shown", width=240)
    index_of = {full_id[:8]: i for i, full_id in enumerate(everything.ids)}
    short_ids = {name.rsplit(" ", 1)[-1] for name in in_use}
    begin = sorted({index_of[short] for short in short_ids if short in index_of} | {everything.find(FIRST)})
    indices = torch.arange(len(everything))
    if shown != ANY:
        indices = indices[everything.labels == everything.classes.index(shown)]
    order = torch.randperm(len(indices), generator=torch.Generator().manual_seed(settings.seed))
    some = indices[order[:SHOWN]].tolist()
    return begin + [i for i in some if i not in begin]


def _upload(settings: Settings) -> Batch | None:
    """An uploaded picture, until it is removed; it is not part of the address."""
    key = f"upload {st.session_state.get(_TURN, 0)}"
    # A rerun closes an expander that the visitor opened, so the code opens it while it holds a file or an error.
    expanded = bool(st.session_state.get(key) or st.session_state.get(_REJECTED))
    with st.expander("Use a picture of your own", expanded, icon=":material/upload:"):
        file = st.file_uploader(
            "Picture", key=key, on_change=_check, args=(key, settings.dataset),
            help="It stays on the server this page comes from, for this visit.",
        )  # fmt: skip
        if rejected := st.session_state.get(_REJECTED):
            show_error(rejected)
        classes = data.CLASSES[settings.dataset]
        answer = st.selectbox("What it shows", [UNKNOWN, *classes], key="upload_label", persist_state="session")
        if file is None:
            _own.clear()
            return None
        label = None if answer == UNKNOWN else classes.index(answer)
        batch = data.upload(file.getvalue(), file.name, label, settings.dataset)
    _own(batch.ids[0])
    picture, text = st.columns([1, 4], vertical_alignment="center")
    with picture:
        panels.pictures([(batch.images[0], "32×32 pixels", "")])
    unknown = " Its label is unknown: the attack is against the model's own clean prediction."
    text.markdown(
        f"**{escaped(file.name)}** as the network sees it, at 32×32 pixels.{unknown if label is None else ''}"
        f" A network of {len(classes)} classes must call it one of these, whatever it shows. Remove the file to choose"
        " from the data set again."
    )
    return batch


@st.cache_resource(scope="session", max_entries=1, on_release=jobs.forget, show_spinner=False)
def _own(image_id: str) -> str:
    """The picture in use. When it is removed, or the browser is gone, the results of it are dropped, too."""
    return image_id


def _check(key: str, dataset: str) -> None:
    """If the file is no picture: empties the uploader and keeps the error on the page until the next file."""
    st.session_state.pop(_REJECTED, None)
    if (file := uploads.arrived(key)) is None:
        return
    try:
        data.upload(file.getvalue(), file.name, None, dataset)
    except UserError as error:
        st.session_state[_REJECTED] = error
        st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1  # a new key is a new widget
        uploads.drop(file)
