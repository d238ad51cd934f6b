"""Each page alone, without a browser."""

import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rnorm_core import data, zoo
from rnorm_core.data import sources
from rnorm_core.jobs import Ticket
from tests.landscape_bytes import unpack
from tests.pages.shown import is_player

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _the_interface_loads_no_network(monkeypatch):
    """Only experiments, and what they are made of, call `zoo.load`; a page or a room that does fails its test."""
    load = zoo.load

    def checked(*args, **options):
        frame = sys._getframe(1)
        while frame and frame.f_globals.get("__name__", "").startswith("rnorm_core.zoo"):
            frame = frame.f_back
        caller = frame.f_globals.get("__name__", "") if frame else ""
        assert not caller.startswith(("rnorm_core.ui", "__main__")), f"{caller} loads a network"
        return load(*args, **options)

    monkeypatch.setattr(zoo, "load", checked)


@pytest.fixture
def open_page(monkeypatch):
    """`open_page("craft", full=False, eps="2")` runs a page until its work is done. full: with the complete test set at
    hand. settled: whether to wait for the work. The rest is the page's address.
    """
    if not {"cifar10-resnet20-bn", "cifar10-resnet20-rn"} <= set(zoo.names()):
        pytest.skip("the trained models are not here")

    pages = []

    def opened(name: str, *, full: bool = False, settled: bool = True, **address: str | list[str]) -> AppTest:
        if full and not any(source.complete for source in data.available("cifar10")):
            pytest.skip("the full CIFAR-10 test set is not here")
        if not full:
            monkeypatch.setattr(sources, "complete_sources", lambda dataset, split: [])
        page = AppTest.from_file(str(ROOT / "pages" / f"{name}.py"), default_timeout=180)
        for key, value in address.items():
            page.query_params[key] = value
        pages.append(page)
        page.run()
        return settle(page) if settled else page

    yield opened
    for page in pages:
        for ticket in tickets(page):
            ticket.leave()
    for thread in threading.enumerate():  # the next test finds all workers free
        if thread.name == "rnorm-job":
            thread.join(60)


def tickets(page: AppTest) -> list[Ticket]:
    """Of the work that the page shows as running: each has a button to stop it."""
    slots = [button.key.removeprefix("stop ") for button in page.button if (button.key or "").startswith("stop ")]
    return [page.session_state[f"_ticket {slot}"] for slot in slots]


def settle(page: AppTest) -> AppTest:
    """Waits for the page's work, and runs the page again, until no work is left: one result may lead to more work."""
    end = time.monotonic() + 180
    while page.get("progress"):
        for ticket in tickets(page):
            with suppress(Exception):  # the page itself shows what the work raises
                ticket.result(timeout=max(0, end - time.monotonic()))
        assert time.monotonic() < end, "the work does not end"
        page.run()
    assert not page.exception, page.exception[0].value
    return page


@pytest.fixture(name="settle")
def settle_fixture():
    return settle


@pytest.fixture
def players():
    """players(page): the header and the networks of each attack player on a page."""
    return lambda page: [unpack(part.proto.bytes) for part in page.get("bidi_component") if is_player(part)]


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
