"""What all tests share: no network, and a browser where there is one."""

import ipaddress
import os
import shutil
import socket

import pytest

# Before anything imports huggingface_hub. The cache is still read.
os.environ.setdefault("HF_HUB_OFFLINE", "1")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def is_local(family: int, address: object) -> bool:
    """Whether a socket address stays on this machine."""
    if family not in {socket.AF_INET, socket.AF_INET6}:
        return True
    host = str(address[0]) if isinstance(address, tuple) else ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Connections to other machines fail as they do without a network, on every machine alike."""
    connect = socket.socket.connect

    def local_only(self, address):
        if not is_local(self.family, address):
            raise ConnectionRefusedError(f"tests do not use the network: {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", local_only)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of an installed Chromium, for playwright's `executable_path`; skips the test where there is none."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the PATH and CHROMIUM is not set")
    return found
