"""Results -> files to download, made when they are asked for."""

from dataclasses import asdict
from functools import partial
from typing import Any

import streamlit as st

from rnorm_core import report, zoo
from rnorm_core.ui.crafting import DIRECTIONS, Crafted
from rnorm_core.ui.shipped import as_csv


def downloads(crafted: Crafted, index: int) -> None:
    """Buttons: image `index` as each model met it, and everything, as a ZIP that reproduces it."""
    stem = f"{crafted.plan.attack}-seed{crafted.plan.seed}"
    with st.container(horizontal=True):
        for side, outcome in zip(("left", "right"), crafted.outcomes, strict=True):
            picture = partial(report.png, outcome.trace.adversarial[index])
            name = f"{stem}-{side}.png"
            st.download_button(f"PNG, {side}", picture, name, "image/png", key=name, on_click="ignore")
        st.download_button(
            "Everything (ZIP)", partial(archive, crafted), f"{stem}.zip", "application/zip", key="zip",
            on_click="ignore", icon=":material/folder_zip:",
            help="float32 arrays, attack, seed, hash of the weights, and how to redo it.",
        )  # fmt: skip


def numbers(records: list[dict[str, Any]], title: str, filename: str) -> None:
    """Records to look at, and as a CSV file."""
    with st.expander(title, icon=":material/table:"):
        st.dataframe(records, hide_index=True, height=300)
        st.download_button(
            "CSV", partial(as_csv, records), filename, "text/csv", on_click="ignore", icon=":material/download:"
        )


def archive(crafted: Crafted) -> bytes:
    """The ZIP: attacks as they were crafted; what a model says of images crafted for the other is beside them."""
    named = dict(zip(("left", "right"), crafted.outcomes, strict=True))
    extras = {f"{side}/saved_as_png_probabilities": outcome.saved for side, outcome in named.items()}
    about: dict = {"crafted_for": DIRECTIONS[crafted.plan.craft]}
    brought = [zoo.card(side.name) for side in dict.fromkeys(crafted.plan.sides) if zoo.is_brought(side.name)]
    for side, outcome in named.items():
        if not outcome.crafted_here:
            about[f"shown_to_{side}"] = asdict(outcome.side)
            extras[f"{side}/clean_probabilities"] = outcome.trace.clean_probabilities
            extras[f"{side}/adversarial_probabilities"] = outcome.trace.adversarial_probabilities
    batch = crafted.batch
    return report.archive(
        {side: outcome.trace for side, outcome in named.items() if outcome.crafted_here},
        seed=crafted.plan.seed, classes=batch.classes, dataset=batch.dataset, source=batch.source,
        device=crafted.plan.device, fold=True, about=about, extras=extras, brought=brought,
    )  # fmt: skip
