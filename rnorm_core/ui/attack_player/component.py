"""Mounts the player with a landscape, and brings the chosen size back to the page."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component

from rnorm_core.attacks import CATALOGUE
from rnorm_core.data import CLASSES
from rnorm_core.experiments.landscape import Result, pack
from rnorm_core.figures.style import LOOKS
from rnorm_core.ui.attack_player import words
from rnorm_core.ui.attack_player.question import take_size

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
    """The landscape of one image of a result.

    chosen: the size to begin with, k of k/255, which the visitor's choice replaces in the address; None for an attack
            without eps.
    opened: whether it is one of several images, with a size of its own in the address.
    """

    def take() -> None:
        norm = CATALOGUE[result.request.attack].norm
        take_size(result.request, norm, st.session_state[key].eps, opened=opened)

    _mount(key=key, data=_bytes(result, image, dataset, chosen), on_eps_change=take)


@lru_cache(maxsize=32)
def _bytes(result: Result, image: int, dataset: str, chosen: float | None) -> bytes:
    """Packed once for each result and size: thirty visitors with one question share it."""
    return pack(result.by_image[image], _about(result, image, dataset, chosen))


def _about(result: Result, image: int, dataset: str, chosen: float | None) -> dict[str, Any]:
    """What the player knows beside the numbers."""
    request, landscapes = result.request, result.by_image[image]
    return {
        "id": f"{hash(request)} {image}",
        "finished": result.finished,
        "chosen": chosen,
        "norm": CATALOGUE[request.attack].norm,
        "classes": CLASSES[dataset],
        "colours": [LOOKS[variant.norm].colour for variant in request.variants],
        "notes": [words.note(request, landscape) for landscape in landscapes],
        **words.labels(request, label_known=request.labels[image] >= 0),
    }
