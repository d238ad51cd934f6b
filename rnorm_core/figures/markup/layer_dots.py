"""The shift of every norm layer over its natural band, in a small SVG picture that needs no chart library."""

from collections.abc import Sequence
from html import escape

import numpy as np

from rnorm_core.figures.markup.summary_bars import GAP, WIDTH, Picture
from rnorm_core.figures.style import LOOKS

_KEY = "up: farther from training; grey: natural band; filled: outside"
_TOP, _HIGH, _FOOT = 30, 150, 38  # pixels: above the drawing, of the drawing, below it
_STYLE = (
    "text{font:13px system-ui,-apple-system,Segoe UI,Roboto,Noto Sans,sans-serif;fill:#1b2430}"
    ".t{font-weight:600;font-size:14px}.s{font-size:12px}.b{fill:#808080;fill-opacity:.3}"
    ".i{fill:none;stroke:#808080;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){text{fill:#e6e9ef}}"
)


def draw(title: str, norm: str, shifts: np.ndarray, bands: np.ndarray, top: float) -> Picture:
    """shifts: (B, L), of each batch and layer. bands: (L, 2), low and high. top: the largest shift on the axis.

    A filled point lies above its layer's band, a hollow one does not.
    """
    layers = shifts.shape[1]
    outside, colour = shifts > bands[:, 1], LOOKS[norm].colour
    parts = [f'<text class="t" x="0" y="15">{escape(title)}</text>']
    for layer in range(layers):
        x, half = WIDTH * (layer + 0.5) / layers, 0.36 * WIDTH / layers
        low, high = (_y(value, top) for value in bands[layer])
        parts.append(
            f'<rect class="b" x="{x - half:.1f}" y="{high:.1f}" width="{2 * half:.1f}" height="{low - high:.1f}"/>'
        )
        for shift, far in zip(shifts[:, layer], outside[:, layer], strict=True):
            look = f'fill="{colour}"' if far else 'class="i"'
            parts.append(f'<circle cx="{x:.1f}" cy="{_y(shift, top):.1f}" r="3.2" {look}/>')
    bottom = _TOP + _HIGH
    parts += [
        f'<path d="M0 {bottom}H{WIDTH}" stroke="#808080"/>',
        f'<text class="s" x="0" y="{bottom + 15}">first layer</text>',
        f'<text class="s" x="{WIDTH}" y="{bottom + 15}" text-anchor="end">last layer</text>',
        f'<text class="s" x="0" y="{bottom + 32}">{_KEY}</text>',
    ]
    height = bottom + _FOOT
    size = f'width="{WIDTH + GAP}" height="{height}" viewBox="-1 0 {WIDTH + GAP} {height}"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>{"".join(parts)}</svg>'
    alt = f"{title}: {int(outside.sum())} of {outside.size} points above the natural bands of {layers} layers."
    return Picture(svg, alt)


def common_top(shifts: Sequence[np.ndarray], bands: Sequence[np.ndarray]) -> float:
    """One axis for several pictures."""
    return 1.05 * max(float(values.max()) for values in (*shifts, *bands))


def _y(value: float, top: float) -> float:
    return _TOP + _HIGH * (1 - min(max(value / top, 0), 1))
