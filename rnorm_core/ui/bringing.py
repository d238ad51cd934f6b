"""Weights of one's own: taken from a file for this visit, seen by nobody else."""

from dataclasses import dataclass
from typing import Any

import streamlit as st

from rnorm_core import zoo
from rnorm_core.errors import UserError
from rnorm_core.figures import LOOKS
from rnorm_core.models import ARCHITECTURES
from rnorm_core.ui import naming
from rnorm_core.ui.guard import show as show_error
from rnorm_core.weights import MAX_BYTES

MOST = 4  # at once; each is kept in memory
AS_SAID = "as the file says"
_MINE, _TURN, _REJECTED = "_brought", "_brought_turn", "_brought_rejected"  # in the session
_NORMS = {look.name: norm for norm, look in LOOKS.items()}


@dataclass(frozen=True)
class Mine:
    """A file that was taken, and what was said of it: `zoo.bring` makes the same model of it again."""

    raw: bytes
    filename: str
    said: tuple[tuple[str, Any], ...]

    def bring(self) -> str:
        return zoo.bring(self.raw, self.filename, **dict(self.said))


def yours() -> list[str]:
    """Asks for files, and names the models made of them so far."""
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
        st.selectbox("Architecture", [AS_SAID, *ARCHITECTURES], key="weights_architecture", **shape)
        st.selectbox("Norm", [AS_SAID, *_NORMS], key="weights_norm", **shape)
        number = {"value": None, "placeholder": AS_SAID, "format": "%g", **shape}
        st.number_input("RobustNorm's p", 0.0, 10.0, step=0.05, key="weights_power", **number)
        st.number_input("Width", 0.0625, 16.0, step=0.25, key="weights_width", **number)
        names = list(dict.fromkeys(mine.bring() for mine in _all().values()))
        for name in names:
            _tell(name)
    return names


def names() -> list[str]:
    """Of the models of this visit, which `yours` has made again."""
    return list(_all())


def _tell(name: str) -> None:
    card = zoo.card(name)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"**{naming.title(name, card.norm)}**: {card.architecture}, width {card.width:g}, {card.parameters:,} "
            f"parameters, sha256 {card.sha256[:12]}."
        )
        st.button(
            "Forget", key=f"forget {name}", on_click=_forget, args=(name,), icon=":material/delete:", type="tertiary"
        )


def _take(key: str) -> None:
    """A sound file becomes a model, the right one of its data set, and the uploader is empty again; another stays, with
    a word."""
    st.session_state.pop(_REJECTED, None)
    if (file := st.session_state.get(key)) is None:
        return
    try:
        if len(_all()) >= MOST:
            raise UserError(f"{MOST} files are kept already.", "forget one of them first.")
        mine = Mine(file.getvalue(), file.name, tuple(_answers().items()))
        name = mine.bring()
    except UserError as error:
        st.session_state[_REJECTED] = error
        return
    _all()[name] = mine
    st.session_state["dataset"], st.session_state["right"] = zoo.card(name).dataset, name
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1  # a new key is a new widget


def _answers() -> dict[str, Any]:
    state = st.session_state
    architecture, norm = state["weights_architecture"], state["weights_norm"]
    return {
        "architecture": None if architecture == AS_SAID else architecture,
        "norm": None if norm == AS_SAID else _NORMS[norm],
        "power": state["weights_power"],
        "width": state["weights_width"],
    }


def _forget(name: str) -> None:
    _all().pop(name, None)  # a quick second click finds it gone


def _all() -> dict[str, Mine]:
    """By name."""
    return st.session_state.setdefault(_MINE, {})
