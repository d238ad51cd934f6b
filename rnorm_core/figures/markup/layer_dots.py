"""The shift of every norm layer beside its natural band, in a small SVG picture that needs no chart library."""

from collections.abc import Sequence
from html import escape
from math import sqrt

import numpy as np

from rnorm_core.figures.markup.summary_bars import GAP, WIDTH, Picture
from rnorm_core.figures.style import LOOKS

_TOP, _HIGH, _FOOT, _LEFT = 34, 150, 38, 34  # pixels: above the drawing, of the drawing, below it, beside it
_TICKS = (1, 4, 9, 16, 25, 49, 100)  # squares, because the axis is one of roots
_KEY = "filled: beyond what clean batches do (grey)"
_STYLE = (
    "text{font:13px system-ui,-apple-system,Segoe UI,Roboto,Noto Sans,sans-serif;fill:#1b2430}"
    ".t{font-weight:600;font-size:14px}.s{font-size:12px}.b{fill:#808080;fill-opacity:.25}"
    ".i{fill:none;stroke:#808080;stroke-width:1.5}.g{stroke:#808080;stroke-opacity:.35}"
    "@media(prefers-color-scheme:dark){text{fill:#e6e9ef}}"
)


def draw(title: str, norm: str, times: np.ndarray, top: float) -> Picture:
    """times: (B, L), the shift of each layer in each batch, divided by the upper end of the layer's natural band, so
    that layers can be compared. top: the largest one on the axis.
    """
    layers = times.shape[1]
    colour, wide = LOOKS[norm].colour, (WIDTH - _LEFT) / layers
    bottom, end = _TOP + _HIGH, _y(1, top)
    parts = [
        f'<text class="t" x="0" y="15">{escape(title)}</text>',
        f'<rect class="b" x="{_LEFT}" y="{end:.1f}" width="{WIDTH - _LEFT}" height="{bottom - end:.1f}"/>',
    ]
    for tick in (tick for tick in _TICKS if tick <= top):
        y = _y(tick, top)
        parts.append(f'<path class="g" d="M{_LEFT} {y:.1f}H{WIDTH}"/>')
        parts.append(f'<text class="s" x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{tick}×</text>')
    for (_, layer), value in np.ndenumerate(times):
        look = f'fill="{colour}"' if value > 1 else 'class="i"'
        parts.append(f'<circle cx="{_LEFT + wide * (layer + 0.5):.1f}" cy="{_y(value, top):.1f}" r="3.2" {look}/>')
    parts += [
        f'<text class="s" x="{_LEFT}" y="{bottom + 15}">first layer</text>',
        f'<text class="s" x="{WIDTH}" y="{bottom + 15}" text-anchor="end">last layer</text>',
        f'<text class="s" x="{_LEFT}" y="{bottom + 32}">{_KEY}</text>',
    ]
    height = bottom + _FOOT
    size = f'width="{WIDTH + GAP}" height="{height}" viewBox="-1 0 {WIDTH + GAP} {height}"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>{"".join(parts)}</svg>'
    alt = f"{title}: {int((times > 1).sum())} of {times.size} points of {layers} layers are above the natural bands."
    return Picture(svg, alt)


def common_top(pictures: Sequence[np.ndarray]) -> float:
    """One axis for several pictures."""
    return max(1.2, *(1.05 * float(times.max()) for times in pictures))


def _y(value: float, top: float) -> float:
    return _TOP + _HIGH * (1 - sqrt(min(max(value, 0) / top, 1)))
