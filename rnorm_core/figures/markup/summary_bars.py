"""A few accuracies as bars in a small SVG picture. Without a chart library it appears as early as the page's title.

The browser draws it as an `<img>`; its text follows the browser's light or dark scheme.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Protocol

from rnorm_core.figures.style import LOOKS
from rnorm_core.rounding import percent, span

WIDTH, GAP = 360, 28  # pixels: of a picture, and to the next one; their sum is the width of a phone's page
_ROW, _HEAD, _BAR, _LETTERS = 38, 26, 9, 44
_STYLE = (
    "text{font:13px system-ui,-apple-system,Segoe UI,Roboto,Noto Sans,sans-serif;fill:#1b2430}"
    ".t{font-weight:600;font-size:14px}.b{font-weight:600}.w{stroke:#1b2430;stroke-width:1.5}"
    ".r{fill:#808080;fill-opacity:.22}"
    "@media(prefers-color-scheme:dark){text{fill:#e6e9ef}.w{stroke:#e6e9ef}}"
)


class Share(Protocol):
    """A share of `n` images with its 95 % interval, as fractions: `evaluation.Accuracy`, `evaluation.Row`."""

    @property
    def value(self) -> float: ...
    @property
    def n(self) -> int: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


@dataclass(frozen=True, eq=False)
class Bar:
    """label: network and condition, short enough for one line beside the number. norm: a key of `LOOKS`."""

    label: str
    norm: str
    share: Share


@dataclass(frozen=True)
class Picture:
    """svg: the picture's source; alt: its content as text."""

    svg: str
    alt: str


def draw(title: str, bars: Sequence[Bar]) -> Picture:
    """Bars below each other, from 0 to 100 %, each with its number and a thin line for its 95 % interval."""
    parts, texts = [f'<text class="t" x="0" y="15">{escape(_short(title))}</text>'], []
    for i, bar in enumerate(bars):
        y, share = _HEAD + i * _ROW, bar.share
        value, low, high = (round(WIDTH * v, 1) for v in (share.value, share.low, share.high))
        middle = y + 20 + _BAR / 2
        parts += [
            f'<text x="0" y="{y + 14}">{escape(_short(bar.label))}</text>',
            f'<text class="b" x="{WIDTH}" y="{y + 14}" text-anchor="end">{percent(share.value)}</text>',
            f'<rect class="r" y="{y + 20}" width="{WIDTH}" height="{_BAR}" rx="2"/>',
            f'<rect y="{y + 20}" width="{value}" height="{_BAR}" rx="2" fill="{LOOKS[bar.norm].colour}"/>',
            f'<path class="w" d="M{low} {middle}H{high}M{low} {middle - 4}v8M{high} {middle - 4}v8"/>',
        ]
        interval = f"95 %: {span(share.low, share.high)}, n = {share.n:,}"
        texts.append(f"{bar.label} {percent(share.value)} ({interval})")
    height = _HEAD + len(bars) * _ROW
    size = f'width="{WIDTH + GAP}" height="{height}" viewBox="-1 0 {WIDTH + GAP} {height}"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>{"".join(parts)}</svg>'
    return Picture(svg, f"{title} {'; '.join(texts)}.")


def _short(text: str) -> str:
    return text if len(text) <= _LETTERS else text[: _LETTERS - 1] + "…"
