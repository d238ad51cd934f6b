"""The grid of verdicts: every finding has its mark and its words."""

import re

import pytest

from rnorm_core.errors import UserError
from rnorm_core.evaluation.claims.verdict import FAILS, HOLDS, OPEN, OPPOSITE, Finding
from rnorm_core.figures.markup.verdict_grid import MARKS, Judged, verdict_grid

FINDINGS = [Finding(1, HOLDS, "a"), Finding(2, FAILS, "b"), Finding(4, OPEN, "c"), Finding(8, OPPOSITE, "d <e>")]
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
    assert len(set(MARKS.values())) == 4  # never colour alone
    assert first.endswith('<td class="words">holds up to 1/255</td>')
    assert 'title="8/255: d &lt;e&gt;"' in first
    assert second.count("not measured at") == 3
    assert 'colspan="5">open</td>' in third
    assert re.findall(r'<th scope="col"[^>]*>(.*?)</th>', html) == ["1", "2", "4", "8"]
    assert "sizes in the paper" in html


def test_an_empty_grid_is_an_error():
    with pytest.raises(UserError):
        verdict_grid([])
