"""Verdicts as a table in HTML: a mark for each attack size, the verdict in words at the row's end.

Without a chart library it appears as early as the page's title, and it is read without touching it. Screen readers read
the state that each mark stands for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rnorm_core.errors import UserError
from rnorm_core.evaluation.claims.verdict import (
    FAILS,
    HOLDS,
    OPEN,
    OPPOSITE,
    OPPOSITE_PER_IMAGE,
    PER_IMAGE,
    Finding,
)
from rnorm_core.figures.accuracy import PAPER_EPS, grey_levels

# The class of each state's mark; shapes differ, so that colour never stands alone.
MARKS = {
    HOLDS: "holds", PER_IMAGE: "per-image", FAILS: "fails", OPEN: "open", OPPOSITE: "opposite",
    OPPOSITE_PER_IMAGE: "opposite-per-image",
}  # fmt: skip
FEW = 3  # sizes over which there is room for a few letters only
# Where the page is narrow the marks have to do; the words are in the cells' titles.
_STYLE = """
<style>
.verdicts { container-type: inline-size; }
.verdicts table { width: 100%; border-collapse: collapse; font-size: 0.9rem; line-height: 1.25; }
.verdicts :is(th, td) { padding: 0.28rem 0.3rem; font-weight: 400; text-align: center; border: 0; }
.verdicts tbody tr { border-top: 1px solid rgba(128, 128, 128, 0.22); }
.verdicts :is(tbody th, .words) { text-align: left; }
.verdicts thead { font-size: 0.8rem; }
.verdicts thead th { padding: 0 0.3rem; }
.verdicts col:first-child { width: 43%; }
.verdicts col.sizes { width: 2.7rem; }
.verdicts tbody th b { display: inline-block; width: 2rem; }
.verdicts .paper { background: rgba(128, 128, 128, 0.13); }
.verdicts .words { padding-left: 0.9rem; }
.verdicts i { display: inline-block; width: 13px; height: 13px; box-sizing: border-box; vertical-align: -1px; }
.verdicts i.holds { background: #E69F00; border-radius: 50%; }
.verdicts i.per-image { border: 2px solid #E69F00; border-radius: 50%; }
.verdicts i.per-image { background: linear-gradient(90deg, #E69F00 50%, transparent 50%); }
.verdicts i.fails { border: 2px solid #8a8a8a; border-radius: 50%; }
.verdicts i.open { height: 3px; background: #8a8a8a; vertical-align: 4px; }
.verdicts i.opposite { background: #8a8a8a; clip-path: polygon(0 8%, 100% 8%, 50% 100%); }
.verdicts i.opposite-per-image { background: #8a8a8a; clip-path: polygon(0 8%, 50% 8%, 50% 100%); }
.verdicts i span { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
.verdicts p { font-size: 0.8rem; margin: 0.4rem 0 0; }
.verdicts p > span { display: inline-block; margin-right: 1rem; }
.verdicts p i { margin-right: 0.35rem; }
@container (max-width: 720px) {
  .verdicts col:first-child { width: auto; }
  .verdicts col.sizes { width: 1.9rem; }
  .verdicts table { font-size: 0.85rem; }
  .verdicts .words:not(.whole) { display: none; }
}
@container (max-width: 480px) {
  .verdicts col.sizes { width: 1.5rem; }
  .verdicts table { font-size: 0.8rem; }
  .verdicts :is(td, thead th) { padding-left: 0; padding-right: 0; }
  .verdicts tbody th b { width: 1.6rem; }
}
</style>
"""


@dataclass(frozen=True)
class Judged:
    """A row of the grid.

    verdict: in words. by_eps: whether the findings are at attack sizes; otherwise the words take the marks' place.
    """

    claim: str
    reading: str
    findings: Sequence[Finding]
    verdict: str
    by_eps: bool


def verdict_grid(rows: Sequence[Judged]) -> str:
    """UserError without rows."""
    if not rows:
        raise UserError("No claim can be judged yet.", "measure the shipped models, or restore pretrained/.")
    sizes = sorted({f.size for row in rows if row.by_eps for f in row.findings if f.size is not None})
    low, high = map(grey_levels, PAPER_EPS)
    paper = [low <= size <= round(high, 1) for size in sizes]
    heads = "".join(f'<th scope="col"{_paper(of)}>{size:g}</th>' for size, of in zip(sizes, paper, strict=True))
    measure = "attack size: grey levels, of 255, each colour may move" if len(sizes) > FEW else "size (k/255)"
    unit = f'<th colspan="{len(sizes)}">{measure}</th>' if sizes else ""
    body = "".join(_row(row, sizes, paper) for row in rows)
    seen = {finding.state for row in rows if row.by_eps for finding in row.findings}
    signs = "".join(f'<span><i class="{mark}"></i>{state}</span>' for state, mark in MARKS.items() if state in seen)
    shaded = f"<span>shaded: sizes in the paper, {low:.1f}/255 to {high:.1f}/255</span>" if any(paper) else ""
    columns = f'<colgroup><col><col class="sizes" span="{len(sizes) or 1}"><col></colgroup>'
    return (
        f'{_STYLE}<div class="verdicts"><table>{columns}<thead><tr><th></th>{unit}<th class="words"></th></tr>'
        f'<tr><th></th>{heads}<th class="words"></th></tr></thead><tbody>{body}</tbody></table>'
        f"<p>{signs}{shaded}</p></div>"
    )


def _row(row: Judged, sizes: Sequence[float], paper: Sequence[bool]) -> str:
    title = f'<th scope="row"><b>{row.claim}</b>{escape(row.reading)}</th>'
    if not row.by_eps:
        return f'<tr>{title}<td class="words whole" colspan="{len(sizes) + 1}">{escape(row.verdict)}</td></tr>'
    found = {finding.size: finding for finding in row.findings}
    cells = "".join(_cell(found.get(size), size, of) for size, of in zip(sizes, paper, strict=True))
    return f'<tr>{title}{cells}<td class="words">{escape(row.verdict)}</td></tr>'


def _cell(finding: Finding | None, size: float, of_paper: bool) -> str:
    if finding is None:
        return f'<td{_paper(of_paper)} title="not measured at {size:g}/255"></td>'
    mark = f'<i class="{MARKS[finding.state]}"><span>{finding.state}</span></i>'
    return f'<td{_paper(of_paper)} title="{escape(f"{size:g}/255: {finding.text}")}">{mark}</td>'


def _paper(of_paper: bool) -> str:
    return ' class="paper"' if of_paper else ""
