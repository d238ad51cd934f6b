"""Figures as a page that needs neither the app nor a network. That it works is seen in tests/browser/test_keep.py."""

import re

import torch

from rnorm_core.ui.keep import handout
from rnorm_core.ui.keep.shown import Component, Part

TINY = Component("tiny", ("let x = 1;", "export default function ({ data }) {}"), ".tiny { color: red; }")
EVIL = '</script><script>alert("1")</script><!--'


def made(*parts, settings=None, images=None):
    return handout.page("A <title>", parts, settings or {}, images or {})


def test_it_loads_nothing():
    html = made(Part("One", component=TINY, data={"a": 1}), Part("Two", component=TINY, data=b"\x00\xff"))
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]* (?:src|href)=\"(?!data:)", html)
    assert html.count("export default") == 0
    assert html.count("let x = 1;") == html.count(".tiny { color: red; }") == 1  # one component, two figures
    assert 'atob("AP8=")' in html
    assert "Plotly" not in html


def test_plotly_comes_with_charts_alone():
    chart = Component("chart", TINY.scripts, "")
    assert len(made(Part("", component=chart, data={}))) > 4_000_000


def test_texts_stay_texts():
    settings = {"left": {"title": EVIL}, "seed": 3}
    html = made(Part(EVIL, component=TINY, data={"a": EVIL}), settings=settings, images={EVIL: torch.zeros(3, 2, 2)})
    assert EVIL not in html
    assert "alert" in html
    assert html.count("<script") == 3
    assert "seed 3" in html
    assert "A &lt;title&gt;" in html
