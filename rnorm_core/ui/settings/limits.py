"""What one visitor may ask for at once on a server for everybody (RNORM_PUBLIC=1). Elsewhere only the choices limit it.

A pass is one image through one network, forwards and backwards: about 3 ms of a core for a ResNet-20.
"""

import os

import streamlit as st

PASSES = 64_000  # of one measurement or examination: some minutes of a core
CRAFT_IMAGES = 16  # in one batch, of which every step is computed as a whole
QUERIES = 2000  # of an attack without gradients
FEWEST = 8  # images that a page offers in any case


def is_public() -> bool:
    return os.environ.get("RNORM_PUBLIC") == "1"


def allows(passes: int) -> bool:
    """Whether a visitor may ask for so many passes."""
    return not is_public() or passes <= PASSES


def images(most: int, passes: int) -> int:
    """How many of `most` images a visitor may ask for, if each needs so many passes."""
    return most if not is_public() else min(most, max(FEWEST, PASSES // passes))


def craft_images(most: int) -> int:
    """How many of `most` images may be attacked as one batch."""
    return min(most, CRAFT_IMAGES) if is_public() else most


def steps(most: int) -> int:
    """How many of `most` steps or queries an attack may have."""
    return min(most, QUERIES) if is_public() else most


def show(allowed: int, most: int) -> None:
    """Says a limit of images that is below `most`."""
    if text := bound_text(allowed, most):
        st.caption(text)


def bound_text(allowed: int, most: int) -> str:
    return f"This server is for everybody: at most {allowed:,} images here." if allowed < most else ""
