"""Choosing images: thumbnails of real ones, or a picture of one's own."""

import base64
from functools import lru_cache

import streamlit as st
import torch

from rnorm_core import data, report
from rnorm_core.data import Batch
from rnorm_core.errors import UserError
from rnorm_core.jobs import Job
from rnorm_core.ui import panels, run, url
from rnorm_core.ui.crafting import first
from rnorm_core.ui.guard import show
from rnorm_core.ui.sidebar import Settings

SHOWN = 20  # thumbnails
ANY = "any class"
UNKNOWN = "unknown"
_TURN, _REJECTED = "_upload_turn", "_upload_rejected"  # in the session


def pick_images(settings: Settings) -> Batch | None:
    """The images chosen, or None while they are still being read. UserError when none is chosen."""
    url.reserve("images", "shown")
    own = _upload(settings)
    if own is not None:
        return own
    everything = _everything(settings)
    if everything is None:
        return None
    names = {name(everything, i): i for i in _offered(everything, settings)}
    default = [name(everything, first(everything.ids))]
    chosen = st.session_state.get("images", [])
    if any(one not in names for one in chosen):  # chosen from another source
        st.session_state["images"] = [one for one in chosen if one in names] or default
    _thumbnails(everything.select(list(names.values())))
    label = "Click pictures to add or remove them; several are attacked as one batch."
    picked = url.bound(st.pills, label, list(names), key="images", selection_mode="multi", default=default)
    if not picked:
        raise UserError("No image is chosen.", "click one or more of the pictures.")
    return everything.select([names[one] for one in names if one in picked])


def name(batch: Batch, index: int) -> str:
    """How an image is called in the address, whatever the source: class and the first digits of its id."""
    return f"{batch.classes[int(batch.labels[index])]} {batch.ids[index][:8]}"


def _everything(settings: Settings) -> Batch | None:
    if not settings.complete:
        return data.samples(settings.dataset)

    def read(job: Job) -> bool:
        job.progress(0.1, "Reading 10,000 images")
        return len(_whole(settings.dataset, settings.source)) > 0

    ready = run.run(("read", settings.dataset, settings.source), read, slot="read")
    return _whole(settings.dataset, settings.source) if ready else None


@lru_cache(maxsize=len(data.CLASSES))
def _whole(dataset: str, source: str) -> Batch:
    """The test set, once for all sessions, which only select from it: 123 MB each."""
    return data.load(dataset)


def _offered(everything: Batch, settings: Settings) -> list[int]:
    """Indices of the thumbnails: some of the class asked for, by the seed, after those that are chosen already."""
    if not settings.complete:
        return list(range(len(everything)))
    wanted = [*st.query_params.get_all("images"), *st.session_state.get("images", [])]
    shown = url.bound(st.selectbox, "Class", [ANY, *everything.classes], key="shown", width=240)
    digits = {one.rsplit(" ", 1)[-1] for one in wanted}
    known = {i[:8]: at for at, i in enumerate(everything.ids)}
    begin = sorted({known[d] for d in digits if d in known} | {first(everything.ids)})
    indices = torch.arange(len(everything))
    if shown != ANY:
        indices = indices[everything.labels == everything.classes.index(shown)]
    order = torch.randperm(len(indices), generator=torch.Generator().manual_seed(settings.seed))
    some = indices[order[:SHOWN]].tolist()
    return begin + [i for i in some if i not in begin]


def _thumbnails(batch: Batch) -> None:
    """Gives each pill of the choice below its picture."""
    rules = [
        """
        .st-key-images [role=group], .st-key-images [data-testid=stButtonGroup] > div { gap: 8px; }
        .st-key-images button {
            width: 78px; height: 106px; padding: 76px 2px 2px; border-radius: 8px; white-space: normal;
            background: no-repeat 6px 6px / 64px 64px; image-rendering: pixelated; align-items: start;
        }
        .st-key-images button p { font-size: 11px; line-height: 1.2; word-spacing: 100vw; }
        .st-key-images button[aria-checked=true], .st-key-images button[aria-pressed=true] {
            outline: 3px solid #3B8FC7;
        }
        """
    ]
    for i, image in enumerate(batch.images):
        picture = base64.b64encode(report.png(image)).decode()
        rules.append(
            f".st-key-images button:nth-of-type({i + 1}) {{ background-image: url(data:image/png;base64,{picture}); }}"
        )
    st.html(f"<style>{''.join(rules)}</style>")


def _upload(settings: Settings) -> Batch | None:
    """A picture of one's own, until it is removed; it is not part of the address."""
    key = f"upload {st.session_state.get(_TURN, 0)}"
    # Open by itself while it has something to say: drawn anew, a browser closes what was opened by hand.
    speaks = bool(st.session_state.get(key) or st.session_state.get(_REJECTED))
    with st.expander("Use a picture of your own", speaks, icon=":material/upload:"):
        file = st.file_uploader(
            "Picture", key=key, on_change=_check, args=(key, settings.dataset),
            help="It stays on the server this page comes from, for this visit.",
        )  # fmt: skip
        if rejected := st.session_state.get(_REJECTED):
            show(rejected)
        classes = data.CLASSES[settings.dataset]
        said = st.selectbox("What it shows", [UNKNOWN, *classes], key="upload_label", persist_state="session")
        if file is None:
            return None
        batch = data.upload(
            file.getvalue(), file.name, None if said == UNKNOWN else classes.index(said), settings.dataset
        )
    picture, words = st.columns([1, 4], vertical_alignment="center")
    with picture:
        panels.pictures([(batch.images[0], "32×32 pixels", "")])
    unknown = " Its label is unknown: the attack is against the model's own clean prediction."
    words.markdown(
        f"**{file.name}** as the network sees it, at 32×32 pixels.{unknown if said == UNKNOWN else ''}"
        f" A network of {len(classes)} classes must call it one of these, whatever it shows. Remove the file to choose"
        " from the data set again."
    )
    return batch


def _check(key: str, dataset: str) -> None:
    """A file that is no picture gives way at once to an empty uploader, with a word about it until the next file."""
    st.session_state.pop(_REJECTED, None)
    if (file := st.session_state[key]) is None:
        return
    try:
        data.upload(file.getvalue(), file.name, None, dataset)
    except UserError as error:
        st.session_state[_REJECTED] = error
        st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1  # a new key is a new widget
