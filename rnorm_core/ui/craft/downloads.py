"""An attack as files to download. A click on a button makes its file, and the attack where it is not there yet."""

from functools import partial

import streamlit as st

from rnorm_core import report, zoo
from rnorm_core.data import Batch
from rnorm_core.experiments import attack_pair
from rnorm_core.experiments.attack_pair import DIRECTIONS, Request, Result
from rnorm_core.ui.shared import live_job

SIDES = ("left", "right")
PNG = "The attacked image after the last step, at the attack size in the player, as an 8-bit file."


def downloads(request: Request, batch: Batch, opened: tuple[Request, int] | None) -> None:
    """Buttons: the opened image attacked, of each network, and everything, as a ZIP file that reproduces the attack.

    opened: the request at the size in the player of the opened image, and its index; None if none is open.
    """
    stem = f"{request.attack}-seed{request.seed}"
    with st.container(horizontal=True):
        if opened is not None:
            shown, index = opened
            for i, side in enumerate(SIDES):
                name, picture = f"{stem}-{side}.png", partial(_png, shown, batch, i, index)
                st.download_button(f"PNG, {side}", picture, name, "image/png", key=name, on_click="ignore", help=PNG)
        st.download_button(
            "Everything (ZIP)", partial(_zip, request, batch), f"{stem}.zip", "application/zip", key="zip",
            on_click="ignore", icon=":material/folder_zip:",
            help="float32 arrays, attack, seed, hash of the weights, and how to redo it, at the batch's attack size.",
        )  # fmt: skip


def _result(request: Request, batch: Batch) -> Result:
    return live_job.wait_for(request, partial(attack_pair.run, request, batch=batch))


def _png(request: Request, batch: Batch, side: int, index: int) -> bytes:
    return report.png(_result(request, batch).outcomes[side].trace.adversarial[index])


def _zip(request: Request, batch: Batch) -> bytes:
    return archive(_result(request, batch))


def archive(result: Result) -> bytes:
    """The ZIP file: each attack, and predictions of a network to which images for the other network were shown."""
    request, batch, by_side = result.request, result.batch, dict(zip(SIDES, result.outcomes, strict=True))
    extras = {f"{side}/saved_as_png_probabilities": outcome.saved for side, outcome in by_side.items()}
    about: dict = {"crafted_for": DIRECTIONS[request.craft]}
    for side, outcome in by_side.items():
        if not outcome.crafted_here:
            variant = outcome.variant
            about[f"shown_to_{side}"] = {
                "name": variant.model, "statistics": variant.statistics, "norm": variant.norm,
                "weight_hash": variant.weight_hash,
            }  # fmt: skip
            extras[f"{side}/clean_probabilities"] = outcome.trace.clean_probabilities
            extras[f"{side}/adversarial_probabilities"] = outcome.trace.adversarial_probabilities
    brought = [zoo.card(name) for name in dict.fromkeys(v.model for v in request.variants) if zoo.is_brought(name)]
    return report.archive(
        {side: outcome.trace for side, outcome in by_side.items() if outcome.crafted_here},
        seed=request.seed, classes=batch.classes, dataset=batch.dataset, source=batch.source,
        device=request.device, fold=True, about=about, extras=extras, brought=brought,
    )  # fmt: skip
