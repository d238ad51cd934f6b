"""The works around the paper: a complete list in which nothing is said without a source."""

import json
from pathlib import Path
from urllib.parse import parse_qs, urlparse

import pytest

from rnorm_core.data.works import FILE, shared_authors, themes, works


def test_the_paper_and_nineteen_works():
    paper, *others = works()
    assert (paper.title, paper.year) == ("Towards an Adversarially Robust Normalization Approach", 2020)
    assert len(others) == 19
    assert len({work.key for work in works()}) == len({work.title for work in works()}) == 20
    assert all(2020 <= work.year <= 2024 and work.authors for work in works())
    assert 2 < len(themes()) < 8


@pytest.mark.parametrize("work", works(), ids=lambda work: work.key)
def test_nothing_is_said_without_a_source(work):
    assert (work.about is None) == (work.source is None)
    if work.about:
        assert work.about.endswith(".")
        assert work.about.count(". ") == 0  # one sentence
        assert urlparse(work.source).scheme == "https"
    assert parse_qs(urlparse(work.search).query)["q"] == [work.title]


def test_most_works_have_a_sentence():
    assert sum(work.about is not None for work in works()) >= 17


def test_names_people_use():
    assert [work.short for work in works() if work.key in ("wu-2021", "tamizhiniyan-2021", "sridhar-2021")] == [
        "Wu 2021", "Tamizhiniyan 2021", "Sridhar 2021",
    ]  # fmt: skip


def test_shared_authors_are_counted_by_hand():
    by_key = {work.key: set(work.authors) for work in works()}
    assert all(by_key[a] & by_key[b] for a, b in shared_authors())
    assert ("sridhar-2021", "sitawarin-2021") in shared_authors()
    assert not any({"wu-2021"} & set(pair) for pair in shared_authors())
    assert len(shared_authors()) == sum(
        bool(by_key[a] & by_key[b]) for i, a in enumerate(by_key) for b in list(by_key)[i + 1 :]
    )


def test_the_file_says_where_it_is_from():
    content = json.loads(Path(FILE).read_text(encoding="utf-8"))
    assert "does not say which works cite the paper" in content["note"]
