"""A finished attack on two networks, drawn."""

import streamlit as st

from rnorm_core.attacks import CATALOGUE
from rnorm_core.experiments.attack_pair import Outcome, Result, sizes
from rnorm_core.figures.trace import confidence_by_step, probabilities
from rnorm_core.ui.attack_pair import words
from rnorm_core.ui.attack_pair.view import before_and_after, traced
from rnorm_core.ui.craft.downloads import downloads
from rnorm_core.ui.shared.panels import chart
from rnorm_core.ui.shared.query_params import choose_one


def show(result: Result) -> None:
    """A finished result: for one image the networks beside each other, in pictures, sentences, bars and numbers."""
    index = _choose_image(result)
    if (result.batch.labels < 0).any():
        st.caption("The label is unknown: what was attacked is the model's own clean prediction.")
    sides = zip(st.columns(2, gap="large"), result.outcomes, words.what_happened(result, index), strict=True)
    for place, (column, outcome, sentence) in enumerate(sides):
        with column:
            _show_outcome(result, outcome, sentence, index, key=f"probabilities {outcome.variant} {place == 0}")
    st.caption(
        "Pixels: values from 0 to 1, as k/255. Normalised: divided by each channel's standard deviation (about 0.25), "
        "as the paper gives eps; its authors divide by about 0.2. "
        f"Weights: {'; '.join(f'{o.variant.label} `{o.variant.weight_hash[:12]}`' for o in result.outcomes)}; seed "
        f"{result.request.seed}."
    )
    if CATALOGUE[result.request.attack].family == "fixed-eps":
        chart(confidence_by_step(traced(result.outcomes), index, result.batch.classes), key="steps chart")
    downloads(result, index)


def _choose_image(result: Result) -> int:
    """The index of the image to show large. With several images also a sentence about all and a table."""
    names = [result.batch.name(i) for i in range(len(result.batch))]
    if len(names) == 1:
        return 0
    left, right = result.outcomes
    for column, outcome in zip(st.columns(2, gap="large"), result.outcomes, strict=True):
        column.markdown(words.of_all(outcome, result.batch.classes))
    rows = [
        # The blank makes the two columns' names differ if left and right are the same network.
        {"image": name, left.variant.label: words.verdict(left, i), f"{right.variant.label} ": words.verdict(right, i)}
        for i, name in enumerate(names)
    ]
    st.dataframe(rows, hide_index=True, height=min(38 + 35 * len(rows), 220))
    return names.index(choose_one("Look at", names, key="look"))


def _show_outcome(result: Result, outcome: Outcome, sentence: str, index: int, *, key: str) -> None:
    trace, classes, variant = outcome.trace, result.batch.classes, outcome.variant
    st.markdown(f"##### {variant.label}")
    st.caption(words.crafted_for(outcome))
    before_and_after(result, outcome, index)
    st.markdown(sentence)
    if in_a_file := words.after_png(outcome, index, classes):
        st.markdown(in_a_file)
    if note := words.joint_note(outcome):
        st.caption(note)
    target = None if trace.targets is None else int(trace.targets[index])
    figure = probabilities(
        trace.clean_probabilities[index], trace.adversarial_probabilities[index], classes,
        int(result.batch.labels[index]), label=variant.label, norm=variant.norm, target=target,
    )  # fmt: skip
    chart(figure, key=key)
    size = sizes(trace, index, result.batch.dataset)
    st.markdown(
        "| size of the change | pixels | normalised |\n|---|---|---|\n"
        f"| largest (L-inf) | {255 * size.linf:.2f}/255 | {size.linf_normalised:.4f} |\n"
        f"| length (L2) | {255 * size.l2:.1f}/255 | {size.l2_normalised:.3f} |"
    )
