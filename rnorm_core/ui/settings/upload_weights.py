"""A visitor's own weights: uploaded as a file, kept for this visit, seen by nobody else.

They are on the server while the session is connected, and until they are forgotten.
"""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from rnorm_core import jobs, model_names, zoo
from rnorm_core.errors import UserError
from rnorm_core.experiments import shift_reference
from rnorm_core.figures.style import LOOKS
from rnorm_core.models import ARCHITECTURES
from rnorm_core.ui.settings import uploads
from rnorm_core.ui.shared import live_job
from rnorm_core.ui.shared.guard import show as show_error
from rnorm_core.weights import MAX_BYTES

MOST = 4  # files of one visit; each is kept in memory
FROM_FILE = "as the file says"
_UPLOADS, _TURN, _REJECTED = "_brought", "_brought_turn", "_brought_rejected"  # in the session
_NORMS = {look.name: norm for norm, look in LOOKS.items()}


@dataclass(frozen=True)
class Upload:
    """A file, and the visitor's answers about it (arguments of `zoo.bring`). Both always make the same model."""

    raw: bytes
    filename: str
    answers: tuple[tuple[str, Any], ...]

    def bring(self) -> str:
        return zoo.bring(self.raw, self.filename, **dict(self.answers), owner=_owner())


def upload() -> list[str]:
    """Draws the upload of weights; the names of the models that were uploaded in this visit."""
    with st.expander("Bring your own weights", icon=":material/upload_file:"):
        key = f"weights {st.session_state.get(_TURN, 0)}"
        st.file_uploader(
            f"A .safetensors file, up to {MAX_BYTES // 1_000_000} MB", key=key, on_change=_take, args=(key,),
            help="Weights of one of the known architectures, from [0, 1] pixels to logits; `zoo.save` writes such a "
            "file with all that is to be known of it. It stays on the server this page comes from, for this visit; "
            "nobody else sees it.",
        )  # fmt: skip
        if rejected := st.session_state.get(_REJECTED):
            show_error(rejected)
        shape = {"on_change": _take, "args": (key,), "persist_state": "session"}
        st.selectbox("Architecture", [FROM_FILE, *ARCHITECTURES], key="weights_architecture", **shape)
        st.selectbox("Norm", [FROM_FILE, *_NORMS], key="weights_norm", **shape)
        number = {"value": None, "placeholder": FROM_FILE, "format": "%g", **shape}
        st.number_input("RobustNorm's p", 0.0, 10.0, step=0.05, key="weights_power", **number)
        st.number_input("Width", 0.0625, 16.0, step=0.25, key="weights_width", **number)
        known = []
        for name, one in _uploads().items():
            try:
                one.bring()  # in every run, because the server drops the models of a session that is not connected
            except UserError as error:
                show_error(error)
            else:
                known.append(name)
                _show(name)
    return known


def names() -> list[str]:
    """Names of the models that were uploaded in this visit."""
    return list(_uploads())


def _show(name: str) -> None:
    card = zoo.card(name)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"**{model_names.title(card)}**: {card.architecture}, width {card.width:g}, {card.parameters:,} "
            f"parameters, sha256 {card.sha256[:12]}."
        )
        st.button(
            "Forget", key=f"forget {name}", on_click=_forget, args=(name,), icon=":material/delete:", type="tertiary"
        )


def _take(key: str) -> None:
    """Makes a model of the file, chooses it as the right one, and empties the uploader.

    A file that is refused stays in the uploader, and the error on the page.
    """
    st.session_state.pop(_REJECTED, None)
    if (file := uploads.arrived(key)) is None:
        return
    try:
        if len(_uploads()) >= MOST:
            raise UserError(
                f"There are {MOST} uploaded files already, the most that are possible.", "forget one of them first."
            )
        new = Upload(file.getvalue(), file.name, tuple(_answers().items()))
        name = new.bring()
    except UserError as error:
        st.session_state[_REJECTED] = error
        return
    _uploads()[name] = new
    st.session_state["dataset"], st.session_state["right"] = zoo.card(name).dataset, name
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1  # a new key is a new widget
    uploads.drop(file)


def _answers() -> dict[str, Any]:
    state = st.session_state
    architecture, norm = state["weights_architecture"], state["weights_norm"]
    return {
        "architecture": None if architecture == FROM_FILE else architecture,
        "norm": None if norm == FROM_FILE else _NORMS[norm],
        "power": state["weights_power"],
        "width": state["weights_width"],
    }


def _forget(name: str) -> None:
    _uploads().pop(name, None)  # None: a quick second click, after the upload was removed
    zoo.forget(_owner(), name)
    shift_reference.forget(name)
    live_job.forget(name)


@st.cache_resource(scope="session", on_release=lambda owner: _release(owner), show_spinner=False)
def _owner() -> str | None:
    """The session as an owner. Streamlit calls `_release` when the browser is gone."""
    return live_job.visitor()


def _release(owner: str) -> None:
    for name in zoo.forget(owner):
        shift_reference.forget(name)
        jobs.forget(name)


def _uploads() -> dict[str, Upload]:
    """By the names of their models."""
    return st.session_state.setdefault(_UPLOADS, {})
