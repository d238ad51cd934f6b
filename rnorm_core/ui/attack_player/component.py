"""Mounts the player with a landscape, and brings the chosen size and step back to the page."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import streamlit as st
from streamlit.components.v2 import component
from torch import Tensor

from rnorm_core.attacks import CATALOGUE
from rnorm_core.data import CLASSES, Batch
from rnorm_core.experiments.landscape import Landscape, Result, pack
from rnorm_core.figures.style import LOOKS
from rnorm_core.report import Source, sources
from rnorm_core.ui.attack_player import words
from rnorm_core.ui.attack_player.question import STEP, chosen_step, take_place
from rnorm_core.ui.keep.shown import Component, Part
from rnorm_core.ui.shared import query_params
from rnorm_core.ui.shared.stage import address

_HERE = Path(__file__).parent
_SCRIPTS = ("decode.js", "draw.js", "player.js")
# The texts and not the paths, because Streamlit serves files of installed packages only.
_COMPONENT = Component(
    "attack_player",
    tuple((_HERE / name).read_text("utf-8") for name in _SCRIPTS),
    (_HERE / "style.css").read_text("utf-8"),
)
_mount = component("attack_player", css=_COMPONENT.css, js="\n".join(_COMPONENT.scripts), isolate_styles=False)


def show(result: Result, image: int, dataset: str, *, chosen: float | None, key: str, opened: bool = False) -> Part:
    """The landscape of one image of a result. It begins at the step that the address has, else at the last one.

    chosen: the size to begin with, k of k/255, which the visitor's choice replaces in the address; None for an attack
            without eps.
    opened: whether it is one of several images, with a size of its own in the address.
    Returns the player as it can be kept.
    """

    def take() -> None:
        norm = CATALOGUE[result.request.attack].norm
        take_place(result.request, norm, st.session_state[key].place, opened=opened)

    step = chosen_step(f"{hash(result.request)} {image}")
    data = _bytes(result, image, dataset, _begin(chosen, step))
    _mount(key=key, data=data, on_place_change=take)
    return Part("The attack, step by step", component=_COMPONENT, data=data)


def show_alone(result: Result, image: int, dataset: str, *, chosen: float, key: str) -> Part:
    """As `show`, for a page whose address is not the player's: size and step are kept in the player alone.

    It begins before the attack.
    """
    query_params.note("eps", "Attack size")
    query_params.note(STEP, "Step of the attack")
    return show_packed(_bytes(result, image, dataset, _begin(chosen, 0)), key)


def source(result: Result, batch: Batch, chosen: float | None) -> Source:
    """Where the player's numbers come from. batch: of the result's request. chosen: the size of the kept images."""

    def pictures() -> dict[str, Tensor]:
        from rnorm_core.report.numbers import attacks  # all experiments

        return attacks.pictures(result, chosen)

    return sources.experiment("attack", result, batch=batch, images=pictures, dataset=batch.dataset)


def show_packed(data: bytes, key: str) -> Part:
    """Landscapes at one size, with the header of `header` and the texts of `words.labels`."""
    _mount(key=key, data=data)
    return Part("The attack, step by step", component=_COMPONENT, data=data)


@dataclass(frozen=True)
class _Begin:
    """How a player begins: at which size and step, whether the size is locked, and the controls that it keeps, () for
    all.
    """

    chosen: float | None
    step: int | None
    locked: bool
    controls: tuple[str, ...]


def _begin(chosen: float | None, step: int | None) -> _Begin:
    return _Begin(chosen, step, address.is_locked(), tuple(address.controls()))


@lru_cache(maxsize=32)
def _bytes(result: Result, image: int, dataset: str, begin: _Begin) -> bytes:
    """Packed once for each result and place: thirty visitors with one question share it."""
    return pack(result.by_image[image], _about(result, image, dataset) | asdict(begin))


def _about(result: Result, image: int, dataset: str) -> dict[str, Any]:
    """What the player knows beside the numbers."""
    request, landscapes = result.request, result.by_image[image]
    return {
        **header(landscapes, dataset, f"{hash(request)} {image}"),
        "finished": result.finished,
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
