"""The buttons that make the file. It is made when somebody clicks."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import streamlit as st

from rnorm_core import report
from rnorm_core.report import Source
from rnorm_core.ui.keep import handout, shown
from rnorm_core.ui.keep.shown import Part, Shown

LABEL, PAGE = "Keep this", "Keep this page"
HELP = (
    "A ZIP file: the figure, interactive and without a network; its numbers as CSV; images as PNG; the settings; "
    "a short script that gets the same numbers; how to cite."
)


def keep_this(key: str, parts: Sequence[Part], sources: Sequence[Source]) -> None:
    """A quiet button for one figure, or for some that belong together."""
    for i, part in enumerate(parts):
        shown.add(f"{key} {i}", part)
    shown.add(key, None, sources)
    numbered = {str(i): part for i, part in enumerate(parts)}
    here = replace(shown.now(), parts=numbered, sources={one.name: one for one in sources}, images={})
    _button(LABEL, f"keep {key}", here, key)


def keep_page() -> None:
    """A quiet button for everything that the page shows. Call it where all of it has been drawn."""
    here = shown.now()
    if here.parts or here.sources:
        _button(PAGE, "keep page", replace(here, settings=here.settings | {"address": st.query_params.to_dict()}), "")


def _button(label: str, key: str, here: Shown, about: str) -> None:
    st.download_button(
        label, partial(_file, here), _name(here, about), "application/zip", key=key, on_click="ignore", type="tertiary",
        icon=":material/download:", help=HELP,
    )  # fmt: skip


def _file(here: Shown) -> bytes:
    settings = {"page": here.page, **here.settings}
    figures = handout.page(f"RobustNorm Lab: {here.page}", list(here.parts.values()), settings, here.images)
    return report.bundle(list(here.sources.values()), figures=figures, images=here.images, settings=settings)


def _name(here: Shown, about: str) -> str:
    """ "robustnorm-shift-layers-left-cifar10-resnet20-bn-cifar10-resnet20-rn-seed0.zip"."""
    networks = [here.settings[side]["model"] for side in ("left", "right") if side in here.settings]
    seed = f"seed{here.settings['seed']}" if "seed" in here.settings else ""
    words = ["robustnorm", here.page, about, *dict.fromkeys(networks), seed]
    return re.sub(r"[^A-Za-z0-9.]+", "-", " ".join(filter(None, words))).strip("-").lower() + ".zip"
