"""How to join: the address that phones open, as text and as a QR code made here."""

from html import escape

import segno

from rnorm_core.classroom.vote import codes
from rnorm_core.ui.shared.server_address import Address


def panel(address: Address, code: str, picture: bool) -> str:
    """HTML: how to join. picture: with the QR code."""
    url = escape(address.of_room(code))
    drawn = ""
    if picture:
        source = segno.make(address.of_room(code), error="m", micro=False).svg_data_uri(scale=8, light="white")
        drawn = f'<a href="{url}" target="_blank"><img src="{source}" alt="QR code of {url}"></a>'
    return (
        f'<div class="join"><h1 class="unseen">Class vote</h1>{drawn}<p>{"or open" if picture else "Open"} '
        f'<b>{escape(address.to_type)}</b> <br>and type</p><p class="code">{codes.shown(code)}</p></div>'
    )
