"""Accuracy over attack sizes as lines in a small SVG picture that needs no chart library. Sizes stand evenly."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rnorm_core.figures.markup.summary_bars import GAP, WIDTH, Picture, Share
from rnorm_core.figures.style import LOOKS
from rnorm_core.rounding import percent, span

_TOP, _HIGH, _LEFT, _ROW = 30, 170, 46, 20  # pixels: above the drawing, of the drawing, beside it; of an entry below
_DASHES = ("", "6 4", "2 3")
_STYLE = (
    "text{font:13px system-ui,-apple-system,Segoe UI,Roboto,Noto Sans,sans-serif;fill:#1b2430}"
    ".t{font-weight:600;font-size:14px}.s{font-size:12px}.g{stroke:#808080;stroke-opacity:.35;fill:none}"
    "@media(prefers-color-scheme:dark){text{fill:#e6e9ef}}"
)


@dataclass(frozen=True, eq=False)
class Line:
    """shares: one for each size."""

    label: str
    norm: str
    shares: Sequence[Share]


def draw(title: str, sizes: Sequence[str], lines: Sequence[Line]) -> Picture:
    """A point with its 95 % interval for each size of each line; a line of a norm that is there already is dashed."""
    step = (WIDTH - _LEFT) / len(sizes)
    parts, texts, seen = [f'<text class="t" x="0" y="15">{escape(title)}</text>'], [], list[str]()
    for tick in (0, 25, 50, 75, 100):
        y = _y(tick / 100)
        parts.append(f'<path class="g" d="M{_LEFT} {y:.1f}H{WIDTH}"/>')
        parts.append(f'<text class="s" x="{_LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{tick} %</text>')
    across = [_LEFT + step * (i + 0.5) for i in range(len(sizes))]
    for x, size in zip(across, sizes, strict=True):
        parts.append(f'<text class="s" x="{x:.1f}" y="{_TOP + _HIGH + 16}" text-anchor="middle">{escape(size)}</text>')
    for i, line in enumerate(lines):
        colour, dash = LOOKS[line.norm].colour, _DASHES[min(seen.count(line.norm), len(_DASHES) - 1)]
        seen.append(line.norm)
        look = f'stroke="{colour}" stroke-width="2" fill="none" stroke-dasharray="{dash}"'
        places = [(x, _y(share.value)) for x, share in zip(across, line.shares, strict=True)]
        parts.append(f'<path {look} d="M{"L".join(f"{x:.1f} {y:.1f}" for x, y in places)}"/>')
        for (x, y), share in zip(places, line.shares, strict=True):
            ends = f"M{x:.1f} {_y(share.low):.1f}V{_y(share.high):.1f}"
            parts.append(f'<path stroke="{colour}" stroke-width="1.5" d="{ends}"/>')
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{4 - i % 2}" fill="{colour}"/>')
        y = _TOP + _HIGH + 30 + _ROW * i
        parts.append(
            f'<path {look} d="M{_LEFT} {y}h34"/><circle cx="{_LEFT + 17}" cy="{y}" r="{4 - i % 2}" fill="{colour}"/>'
        )
        parts.append(f'<text x="{_LEFT + 42}" y="{y + 4.5}">{escape(line.label)}</text>')
        known = [
            f"{size} {percent(share.value)} (95 %: {span(share.low, share.high)}, n = {share.n:,})"
            for size, share in zip(sizes, line.shares, strict=True)
        ]
        texts.append(f"{line.label}: {', '.join(known)}")
    height = _TOP + _HIGH + 24 + _ROW * len(lines)
    size = f'width="{WIDTH + GAP}" height="{height}" viewBox="-1 0 {WIDTH + GAP} {height}"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" {size}><style>{_STYLE}</style>{"".join(parts)}</svg>'
    return Picture(svg, f"{title}. {'; '.join(texts)}.")


def _y(share: float) -> float:
    return _TOP + _HIGH * (1 - share)
