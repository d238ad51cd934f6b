"""The address that phones open."""

import socket

import pytest

from rnorm_core.errors import UserError
from rnorm_core.ui.classroom import address
from rnorm_core.ui.shared import server_address

LOCAL_NETWORK = server_address.local_network


@pytest.fixture(autouse=True)
def _no_name(monkeypatch):
    monkeypatch.delenv("RNORM_URL", raising=False)
    monkeypatch.setattr(server_address, "local_network", lambda: "192.0.2.7")


def test_the_address_of_the_presenters_browser():
    found = server_address.find("https://lab.example.org/room?x=1")
    assert found == server_address.Address("https://lab.example.org")
    assert found.of_room("CDFGHJKM") == "https://lab.example.org/vote/CDFGHJKM"
    assert found.to_type == "lab.example.org/vote"
    assert found.of_owner("room", "CDFGHJKM", "s-e_t") == "https://lab.example.org/room#owner=CDFGHJKM.s-e_t"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_localhost_becomes_the_address_in_the_local_network(host):
    found = server_address.find(f"http://{host}:8501/room")
    assert found.root == "http://192.0.2.7:8501"
    assert "RNORM_URL" in found.note


def test_a_machine_without_a_network(monkeypatch):
    monkeypatch.setattr(server_address, "local_network", lambda: None)
    found = server_address.find("http://localhost:8501/room")
    assert found.root == "http://localhost:8501"
    assert "cannot reach" in found.note


def test_the_name_that_the_server_was_given(monkeypatch):
    monkeypatch.setenv("RNORM_URL", "https://example.org/lab/")
    assert server_address.find("http://localhost:8501/room") == server_address.Address("https://example.org/lab")
    monkeypatch.setenv("RNORM_URL", "example.org")
    with pytest.raises(UserError, match="RNORM_URL"):
        server_address.find("http://localhost:8501/room")


def test_the_local_address_is_found_without_a_packet(monkeypatch):
    """A connected datagram socket has an own address; tests refuse it, like a machine without a network."""
    assert LOCAL_NETWORK() is None
    asked = []

    class Probe:
        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def connect(self, to):
            asked.append(to)

        def getsockname(self):
            return ("192.0.2.9", 5)

    monkeypatch.setattr(socket, "socket", lambda family, kind: Probe() if kind == socket.SOCK_DGRAM else None)
    assert LOCAL_NETWORK() == "192.0.2.9"
    assert asked == [("224.0.0.1", 9)]


def test_the_panel_escapes_and_has_a_picture():
    shown = address.panel(server_address.Address('https://example.org/"><b>'), "CDFGHJKM", picture=True)
    assert "data:image/svg+xml" in shown
    assert "CDFG HJKM" in shown
    assert "<b>&quot;" not in shown
    assert 'org/"><b>' not in shown
    assert "<img" not in address.panel(server_address.Address("https://example.org"), "CDFGHJKM", picture=False)
