"""Mounts the player with a landscape, and brings the chosen size and step back to the page."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from rnorm_core.attacks import CATALOGUE
from rnorm_core.data import CLASSES
from rnorm_core.experiments.landscape import Landscape, Result, pack
from rnorm_core.figures.style import LOOKS
from rnorm_core.ui.attack_player import words
from rnorm_core.ui.attack_player.question import chosen_step, take_place

_HERE = Path(__file__).parent
_SCRIPTS = ("decode.js", "draw.js", "player.js")
# The texts and not the paths, because Streamlit serves files of installed packages only.
_mount = component(
    "attack_player",
    css=(_HERE / "style.css").read_text("utf-8"),
    js="\n".join((_HERE / name).read_text("utf-8") for name in _SCRIPTS),
    isolate_styles=False,
)


def show(result: Result, image: int, dataset: str, *, chosen: float | None, key: str, opened: bool = False) -> None:
    """The landscape of one image of a result. It begins at the step that the address has, else at the last one.

    chosen: the size to begin with, k of k/255, which the visitor's choice replaces in the address; None for an attack
            without eps.
    opened: whether it is one of several images, with a size of its own in the address.
    """

    def take() -> None:
        norm = CATALOGUE[result.request.attack].norm
        take_place(result.request, norm, st.session_state[key].place, opened=opened)

    step = chosen_step(f"{hash(result.request)} {image}")
    _mount(key=key, data=_bytes(result, image, dataset, chosen, step), on_place_change=take)


def show_packed(data: bytes, key: str) -> None:
    """Landscapes at one size, with the header of `header` and the texts of `words.labels`."""
    _mount(key=key, data=data)


@lru_cache(maxsize=32)
def _bytes(result: Result, image: int, dataset: str, chosen: float | None, step: int | None = None) -> bytes:
    """Packed once for each result and place: thirty visitors with one question share it."""
    return pack(result.by_image[image], _about(result, image, dataset, chosen) | {"step": step})


def _about(result: Result, image: int, dataset: str, chosen: float | None) -> dict[str, Any]:
    """What the player knows beside the numbers."""
    request, landscapes = result.request, result.by_image[image]
    return {
        **header(landscapes, dataset, f"{hash(request)} {image}"),
        "finished": result.finished,
        "chosen": chosen,
        "norm": CATALOGUE[request.attack].norm,
        "notes": [words.note(request, landscape) for landscape in landscapes],
        **words.labels(request, label_known=request.labels[image] >= 0),
    }


def header(landscapes: Sequence[Landscape], dataset: str, name: str) -> dict[str, Any]:
    """What the player knows of every attack. name: the same for the same landscapes, and for those with more sizes."""
    return {
        "id": name,
        "finished": True,
        "chosen": next(iter(landscapes[0].sizes_255), None),
        "norm": "linf",
        "classes": CLASSES[dataset],
        "colours": [LOOKS[each.variant.norm].colour for each in landscapes],
        "notes": ["" for _ in landscapes],
    }
