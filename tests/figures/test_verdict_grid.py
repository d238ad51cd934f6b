"""The grid of verdicts: every finding has its mark and its words."""

import re

import pytest

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
from rnorm_core.figures.markup.verdict_grid import MARKS, Judged, verdict_grid

STATES = {1: HOLDS, 1.5: PER_IMAGE, 2: FAILS, 4: OPEN, 8: OPPOSITE, 16: OPPOSITE_PER_IMAGE}
FINDINGS = [Finding(size, state, f"<{size}>") for size, state in STATES.items()]
ROWS = [
    Judged("C5", "RobustNorm ahead", FINDINGS, "holds up to 1/255", True),
    Judged("C3", "another", FINDINGS[:1], "holds at 1/255", True),
    Judged("C6", "accuracy is kept", [Finding(None, HOLDS, "e")], "open", False),
]


def rows(html: str) -> list[str]:
    return re.findall("<tr>(.*?)</tr>", html.partition("<tbody>")[2])


def test_every_finding_has_a_mark_at_its_size_and_the_verdict_is_in_words():
    html = verdict_grid(ROWS)
    first, second, third = rows(html)
    assert [text for _, text in re.findall('<i class="(.*?)"><span>(.*?)</span>', first)] == list(MARKS)
    assert len(set(MARKS.values())) == len(MARKS) == 6  # never colour alone
    assert first.endswith('<td class="words">holds up to 1/255</td>')
    assert 'title="8/255: &lt;8&gt;"' in first
    assert second.count("not measured at") == 5
    assert 'colspan="7">open</td>' in third
    assert re.findall(r'<th scope="col"[^>]*>(.*?)</th>', html) == ["1", "1.5", "2", "4", "8", "16"]
    assert "sizes in the paper" in html


def test_an_empty_grid_is_an_error():
    with pytest.raises(UserError):
        verdict_grid([])


def test_the_legend_has_the_states_that_occur():
    legend = verdict_grid(ROWS[1:]).rpartition("<p>")[2]
    assert re.findall("</i>(.*?)</span>", legend) == [HOLDS]
    assert re.findall("</i>(.*?)</span>", verdict_grid(ROWS).rpartition("<p>")[2]) == list(MARKS)
