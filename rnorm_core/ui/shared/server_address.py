"""The address at which others in the room reach the app."""

import os
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

import streamlit as st

from rnorm_core.errors import UserError

_LOOPBACK = {"localhost", "127.0.0.1", "[::1]", "::1"}
# All machines of the local network, as one address. A datagram socket that is connected to it tells our own address
# there; nothing is sent, and no other machine is asked.
_ALL_HERE = ("224.0.0.1", 9)


@dataclass(frozen=True)
class Address:
    """root: of the app, without a slash at its end. note: what the presenter should know of it."""

    root: str
    note: str = ""

    def of_room(self, code: str) -> str:
        return f"{self.root}/vote/{code}"

    @property
    def to_type(self) -> str:
        """Where one types the code."""
        return f"{self.root}/vote".partition("://")[2]

    def of_owner(self, page: str, code: str, secret: str) -> str:
        """The secret is in the part of an address that browsers send to no server."""
        return f"{self.root}/{page}#owner={code}.{secret}"


def given() -> str:
    """`RNORM_URL`, the address that whoever runs the server gives the app, without a slash at its end; "" for none."""
    return os.environ.get("RNORM_URL", "").rstrip("/")


def find(seen: str | None) -> Address:
    """The given address, else that at which the presenter's browser has `seen` this page."""
    if root := given():
        if urlsplit(root).scheme not in {"http", "https"} or not urlsplit(root).netloc:
            raise UserError(f"RNORM_URL is {root!r}, which is no address.", "write it as https://example.org.")
        return Address(root)
    parts = urlsplit(seen or f"http://localhost:{st.get_option('server.port')}")
    if parts.hostname not in _LOOPBACK:
        return Address(f"{parts.scheme}://{parts.netloc}")
    port = f":{parts.port}" if parts.port else ""
    if st.get_option("server.address") in _LOOPBACK or (own := local_network()) is None:
        note = "Phones cannot reach this address: the server is in no network that they share. See RNORM_URL."
        return Address(f"{parts.scheme}://{parts.netloc}", note)
    note = (
        f"You use {parts.netloc}, which phones cannot reach, so this is the computer's address in its local network. "
        "If phones do not reach it (another network, a firewall, a container), start the app with RNORM_URL."
    )
    return Address(f"{parts.scheme}://{own}{port}", note)


def local_network() -> str | None:
    """This machine's address in its local network; None where it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ALL_HERE)
        except OSError:
            return None
        own = probe.getsockname()[0]
    return None if own.startswith("127.") or own == "0.0.0.0" else own
