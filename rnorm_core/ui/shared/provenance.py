"""How a figure's numbers were made: one quiet button beside each figure, the same everywhere."""

from collections.abc import Mapping, Sequence

import streamlit as st

from rnorm_core.report import Source
from rnorm_core.ui.keep.button import keep_this
from rnorm_core.ui.keep.shown import Part
from rnorm_core.ui.shared.stage import places


def how_measured(
    key: str, what: str, *, weights: Mapping[str, str], n: str = "", seed: int | None = 0, command: str = "",
    more: Sequence[str] = (), parts: Sequence[Part] = (), sources: Sequence[Source] = (),
) -> None:  # fmt: skip
    """A button that opens the figure's measurement, images, weights and command.

    what: the quantity and its conditions, as a phrase. weights: title -> sha256 of each network. n: how many images,
    with their source. command: measures the numbers again. more: further sentences, in Markdown.
    sources: where the numbers come from; with them, a second button keeps them and the figures `parts`.
    """
    with places.at(places.BACKSTAGE):
        if sources:
            with st.container(horizontal=True, vertical_alignment="center", key=f"about {key}"):
                _how_measured(key, what, weights, n, seed, command=command, more=more)
                keep_this(key, parts, sources)
        else:
            _how_measured(key, what, weights, n, seed, command=command, more=more)


def _how_measured(
    key: str, what: str, weights: Mapping[str, str], n: str, seed: int | None, *, command: str, more: Sequence[str]
) -> None:
    with st.popover("How was this measured?", icon=":material/info:", type="tertiary", key=f"measured {key}"):
        images = ", ".join(filter(None, [n, "" if seed is None else f"seed {seed}"]))
        hashes = ", ".join(f"{title} `{digits[:12]}`" for title, digits in weights.items())
        lines = {"What": what, "Images": images, "Weights": hashes}
        st.markdown("\n".join(f"- **{name}:** {text}" for name, text in lines.items() if text))
        for sentence in more:
            st.markdown(sentence)
        if command:
            st.markdown("**To measure it again:**")
            st.code(command, language="bash", wrap_lines=True)
