"""A choice of images, drawn as thumbnails, with marks of which networks are right; it lives in the address."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import streamlit as st

from rnorm_core import report
from rnorm_core.data import Batch
from rnorm_core.figures.style import LOOKS
from rnorm_core.ui.shared import query_params
from rnorm_core.zoo import Variant

_SIDE, _EDGE, _MARKS, _GAP = 40, 2, 13, 6  # pixels
_WIDTH = _SIDE + 2 * _EDGE


@dataclass(frozen=True)
class Marks:
    """Which network is right on which image. right: a list of N for each variant."""

    variants: Sequence[Variant]
    right: list[list[bool]]


def photo_pills(batch: Batch, label: str, names: list[str], *, key: str, marked: bool = False, **options: Any) -> Any:
    """A choice of images, one of `names` each. The names are there for those who cannot see the pictures.

    marked: whether there is room for marks, which `mark` draws.
    """
    at, width, height = f".st-key-{key}", _WIDTH, _WIDTH + _MARKS * marked
    style = f"""
        {at} [role=group], {at} [role=radiogroup], {at} [data-testid=stButtonGroup] > div {{ gap: {_GAP}px; }}
        {at} button {{
            width: {width}px; min-height: {height}px; height: {height}px; padding: 0; border: 0; border-radius: 6px;
            background: no-repeat top / {width}px auto;
        }}
        {at} button p {{ font-size: 0; }}
        {at} button[aria-checked=true], {at} button[aria-pressed=true] {{ box-shadow: 0 0 0 3px #4194CC; }}
        {at} button:focus-visible {{ outline: 3px dashed currentColor; outline-offset: 3px; }}
        """
    st.html(f"<style>{style}{_backgrounds(batch, key, None)}</style>")
    return query_params.bound(st.pills, label, names, key=key, **options)


def mark(batch: Batch, key: str, marks: Marks) -> None:
    """Draws the marks of the choice with this key. Call it after the choice."""
    st.html(f"<style>{_backgrounds(batch, key, marks)}</style>")


def _backgrounds(batch: Batch, key: str, marks: Marks | None) -> str:
    urls = [base64.b64encode(_thumbnail(batch, i, marks).encode()).decode() for i in range(len(batch))]
    return "".join(
        f".st-key-{key} button:nth-of-type({i + 1}) {{ background-image: url(data:image/svg+xml;base64,{url}); }}"
        for i, url in enumerate(urls)
    )


def legend(batch: Batch, marks: Marks) -> None:
    """What the marks mean; which image has which, for those who cannot see them."""
    networks = [
        f'<b style="--norm: {LOOKS[variant.norm].colour}">{escape(variant.label)}</b>' for variant in marks.variants
    ]
    labels = [variant.label for variant in marks.variants]
    answers = [
        [f"{label} {'right' if r else 'wrong'}" for label, r in zip(labels, one, strict=True)]
        for one in zip(*marks.right, strict=True)
    ]
    each = "; ".join(f"{batch.name(i)}: {', '.join(one)}" for i, one in enumerate(answers))
    st.html(
        f'<div class="in-use marks"><span>● still right, × wrong, in this order:</span> {"".join(networks)}</div>'
        f'<p class="unseen">{escape(each)}.</p>'
    )


def _thumbnail(batch: Batch, index: int, marks: Marks | None) -> str:
    """The image as SVG, with a dot for each network that is right below it, and a cross for each that is not."""
    width, height = _WIDTH, _WIDTH + _MARKS * (marks is not None)
    picture = base64.b64encode(report.png(batch.images[index])).decode()
    parts = [
        f'<image x="{_EDGE}" y="{_EDGE}" width="{_SIDE}" height="{_SIDE}" style="image-rendering:pixelated" '
        f'href="data:image/png;base64,{picture}"/>'
    ]
    many = len(marks.variants) if marks else 0
    for i, variant in enumerate(marks.variants if marks else ()):
        x, y, colour = width / 2 + 13 * (i - (many - 1) / 2), width + _MARKS / 2 - 1, LOOKS[variant.norm].colour
        right = marks is not None and marks.right[i][index]
        parts.append(
            f'<circle cx="{x}" cy="{y}" r="4.5" fill="{colour}"/>'
            if right
            else f'<path d="M{x - 3.5} {y - 3.5}l7 7m0 -7l-7 7" stroke="{colour}" stroke-width="2" fill="none"/>'
        )
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>{"".join(parts)}</svg>'
