"""Each page alone, without a browser."""

import threading
import time
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rnorm_core import data, zoo
from rnorm_core.data import sources

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def open_page(monkeypatch):
    """`open_page("craft", full=False, eps="2")` runs a page until its work is done; the rest is its address."""
    if not {"cifar10-resnet20-bn", "cifar10-resnet20-rn"} <= set(zoo.names()):
        pytest.skip("the trained models are not here")

    pages = []

    def opened(name: str, *, full: bool = False, settled: bool = True, **address: str | list[str]) -> AppTest:
        if full and not any(source.complete for source in data.available("cifar10")):
            pytest.skip("the full CIFAR-10 test set is not here")
        if not full:
            monkeypatch.setattr(sources, "complete_sources", lambda dataset, split: [])
        page = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=60)
        for key, value in address.items():
            page.query_params[key] = value
        pages.append(page)
        page.run()
        return settle(page) if settled else page

    yield opened
    for page in pages:
        for key in ("_ticket work", "_ticket read", "_ticket fetch", "_ticket repair"):
            if key in page.session_state:
                page.session_state[key].leave()
    for thread in threading.enumerate():  # the next test finds all workers free
        if thread.name == "rnorm-job":
            thread.join(60)


def settle(page: AppTest) -> AppTest:
    """Polls as a browser does, until no work is under way."""
    end = time.monotonic() + 120
    while page.get("progress"):
        assert time.monotonic() < end, "the work does not end"
        time.sleep(0.1)
        page.run()
    assert not page.exception, page.exception[0].value
    return page


@pytest.fixture(name="settle")
def settle_fixture():
    return settle


@pytest.fixture
def in_address():
    """in_address(page): keys of the boxes, numbers and sliders that live in the address; the device never does."""

    def keys(page: AppTest) -> set[str]:
        widgets = [*page.selectbox, *page.number_input, *page.select_slider]
        bound = {widget.key: widget.proto.query_param_key for widget in widgets}
        assert bound["device"] == ""
        assert all(key == name for name, key in bound.items() if key)
        return {key for key in bound.values() if key}

    return keys
