"""The default views of pages: they come from shipped results, and need no computation."""

import pytest

from rnorm_core import jobs, zoo
from rnorm_core.evaluation.measure import channel_values
from rnorm_core.experiments.shipped import files
from tests.pages.shown import charts as charts_of

pytestmark = pytest.mark.skipif(not zoo.has_population("cifar10-resnet20-bn"), reason="needs the shipped networks")
CHARTS = {"shift": 4, "honesty": 0, "inside": 3, "accuracy": 1, "batch": 2, "models": 0, "paper": 2}


@pytest.mark.parametrize(("name", "address"), [*((name, {}) for name in CHARTS), ("batch", {"part": "Corruptions"})])
def test_the_default_view_needs_no_job(open_page, name, address, monkeypatch):
    def no_job(request, work):
        raise AssertionError(f"{request} is computed")

    monkeypatch.setattr(jobs, "start", no_job)
    page = open_page(name, settled=False, **address)
    assert not page.exception
    assert not page.error
    assert len(charts_of(page)) >= CHARTS[name]
    assert not page.get("progress")


def test_the_first_channel_needs_no_pass_and_p_moves_without_one(open_page, monkeypatch):
    def no_pass(*_):
        raise AssertionError("a forward pass")

    monkeypatch.setattr(channel_values, "channel", no_pass)
    page = open_page("inside", settled=False)
    assert "20 clean images" in charts_of(page)[0].alt
    page.select_slider(key="p").set_value(1.0).run()
    assert not page.exception


@pytest.mark.parametrize("name", ["shift", "batch", "inside"])
def test_a_damaged_result_is_named_and_the_page_goes_on(open_page, name, monkeypatch, tmp_path):
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(b"version https://git-lfs.github.com/spec/v1")
    monkeypatch.setattr(files, "path_of", lambda default: damaged)
    page = open_page(name, settled=False, **({"part": "Corruptions"} if name == "batch" else {}))
    assert "defaults/damaged.zip is damaged" in page.error[0].value
    assert "precompute.defaults" in page.error[0].value
    assert "What you will see" in "\n".join(block.value for block in page.markdown)
