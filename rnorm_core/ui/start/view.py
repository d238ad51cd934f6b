"""The start page's result: one image under both networks, and their measured accuracy."""

import streamlit as st

from rnorm_core import model_names, zoo
from rnorm_core.data import Batch
from rnorm_core.experiments.landscape import Result
from rnorm_core.figures.accuracy import Curve, accuracy_curve
from rnorm_core.ui import attack_player
from rnorm_core.ui.shared import reproduce
from rnorm_core.ui.shared.panels import chart
from rnorm_core.zoo import Variant


def show(result: Result, photo: Batch, size: float) -> None:
    """The photo under both networks, at every attack size and step."""
    st.caption(
        f"The photo: one of {model_names.dataset(photo.dataset)}'s test images, labelled "
        f"“{photo.classes[int(photo.labels[0])]}”."
    )
    attack_player.show(result, 0, photo.dataset, chosen=size, key="player")


def show_accuracy(variants: tuple[Variant, ...]) -> None:
    """Accuracy over eps from the models' cards, for the statistics modes in which it was measured."""
    curves = [curve for variant in variants if (curve := _curve(variant))]
    drawn = {curve.label for curve in curves}
    unknown = [variant.label for variant in dict.fromkeys(variants) if variant.label not in drawn]
    rest = f"Not measured yet: {'; '.join(unknown)}." if unknown else ""
    if not curves:
        st.info(f"{rest} The page “Accuracy” measures it here and now.", icon=":material/speed:")
        return
    chart(accuracy_curve(curves, "PGD (L-inf), 20 steps", evenly=True), key="accuracy")
    weights = "; ".join(f"{curve.label} {curve.weight_hash[:12]}" for curve in curves)
    shipped = [variant.model for variant in variants if not zoo.is_brought(variant.model)]
    st.caption(
        f"Measured by this project, from the models' cards; 0 is no attack. Weights: {weights}. Repeat with "
        f"`{reproduce.command(reproduce.CARD, shipped)}`. {rest}"
    )


def _curve(variant: Variant) -> Curve | None:
    """Clean accuracy and accuracy under PGD; None if the card has none under PGD in this statistics mode."""
    conditions = {"statistics": variant.statistics, "split": "test"}
    rows = [row for row in zoo.card(variant.model).accuracies if conditions.items() <= row.items()]
    rows = sorted((row for row in rows if row["attack"] in (None, "pgd")), key=lambda row: row["eps_255"] or 0)
    if not any(row["attack"] for row in rows):
        return None
    columns = ([row[key] or 0 for row in rows] for key in ("eps_255", "correct", "n", "low", "high"))
    return Curve(variant.label, variant.norm, variant.statistics, *columns, weight_hash=variant.weight_hash)
