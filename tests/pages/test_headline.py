"""Where a stronger attack is measured, the sentence of a page, the card and the verdict follow."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from rnorm_core import evaluation
from rnorm_core.evaluation.claims.shipped import shipped
from rnorm_core.evaluation.claims.verdict import HOLDS, OPEN
from rnorm_core.evaluation.tables import accuracies
from rnorm_core.evaluation.tables.row import pack
from tests.pages.shown import charts

BN, RN, NONE = (f"cifar10-resnet20-{norm}" for norm in ("bn", "rn", "none"))


@pytest.fixture
def stronger(tmp_path, monkeypatch):
    """Adds APGD at 1/255 to a copy of the shipped table; it fools the three networks of the start page everywhere."""
    rows = evaluation.table().rows
    names = {f"{name}{seed}" for name in (BN, RN, NONE) for seed in ("", "-seed1", "-seed2")}
    usual = "pgd", 1, "float", "tracked", 2000
    added = [
        replace(
            row, attack="apgd", settings={**row.settings, "name": "apgd", "steps": 50, "loss": "ce"}, correct=0,
            low=0.0, high=evaluation.wilson(0, row.n)[1], hits=pack(torch.zeros(row.n, dtype=torch.bool)),
        )
        for row in rows
        if row.model in names and (row.attack, row.eps_255, row.pixels, row.statistics, row.n) == usual
    ]  # fmt: skip
    assert {row.model for row in added} == names

    usual_place = accuracies.shipped

    def place(dataset: str = "cifar10") -> Path:
        return tmp_path / "more.jsonl" if dataset == "cifar10" else usual_place(dataset)

    def add() -> None:
        accuracies.FILE.write(tmp_path / "more.jsonl", (*rows, *added))
        monkeypatch.setattr(accuracies, "shipped", place)

    return add


def answer_text(page) -> str:
    return "\n".join(block.value for block in page.markdown)


def card(page) -> list[tuple]:
    rows = page.dataframe[0].value[["statistics", "eps (k/255)", "attack", "accuracy (%)"]].fillna(0)
    return [row for row in rows.itertuples(index=False, name=None) if row[0] == "of the training images"]


def ahead() -> str:
    return f"RobustNorm ahead of BatchNorm: **{shipped().by_claim['C5'][0].verdict}**"


def verdict_at_1() -> str:
    return next(finding.state for finding in shipped().by_claim["C5"][0].findings if finding.size == 1)


def test_sentence_card_and_verdict_follow(open_page, stronger):
    before = card(open_page("models", about="One card"))
    usual = next(row for row in before if row[1] == 1)  # what was measured on more images comes last
    assert re.fullmatch(r"worst of \d attacks", usual[2])
    assert usual[3] > 10
    assert "points more** than BatchNorm at 1/255" in answer_text(open_page("start"))
    assert verdict_at_1() == HOLDS
    assert ahead() in answer_text(open_page("paper", claim="C5"))
    stronger()
    after = card(open_page("models", about="One card"))
    assert after == [(*usual[:3], 0) if row == usual else row for row in before]
    assert "recognises **about as many as** BatchNorm at 1/255" in answer_text(open_page("start"))
    paper = open_page("paper", claim="C5")
    assert verdict_at_1() == OPEN
    assert ahead() in answer_text(paper)
    assert any(re.search(r"worst of \d attacks", chart.alt) for chart in charts(paper))
    assert "apgd-ce" in shipped().by_claim["C5"][0].evidence.attacks[1][0]
    assert "BatchNorm gets **0 %** and RobustNorm gets **0 %**" in answer_text(open_page("accuracy")).replace(
        "\N{NO-BREAK SPACE}", " "
    )
