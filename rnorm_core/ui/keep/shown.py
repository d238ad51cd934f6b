"""What the current run of a page shows: figures, images and where their numbers come from."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from torch import Tensor

from rnorm_core.report import Source

_SHOWN = "_shown"  # in the session


@dataclass(frozen=True, eq=False)
class Component:
    """A component of the app that draws a figure: its script, in parts, and style sheet."""

    name: str
    scripts: tuple[str, ...]
    css: str


@dataclass(frozen=True, eq=False)
class Part:
    """A figure as it can be shown without the app.

    html: the figure, or what stands above it. component: draws it from `data`, JSON or bytes.
    """

    title: str
    html: str = ""
    component: Component | None = None
    data: Any = None


@dataclass
class Shown:
    """page: its name. settings: what its bar says. parts, sources, images: by key."""

    page: str = "page"
    settings: dict[str, Any] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    images: dict[str, Tensor] = field(default_factory=dict)


def begin(page: str) -> None:
    """A new run of a page, which has shown nothing yet."""
    st.session_state[_SHOWN] = Shown(page)


def now() -> Shown:
    return st.session_state.setdefault(_SHOWN, Shown())


def add(key: str, part: Part | None = None, sources: Iterable[Source] = ()) -> None:
    if part is not None:
        now().parts[key] = part
    now().sources.update({source.name: source for source in sources})
