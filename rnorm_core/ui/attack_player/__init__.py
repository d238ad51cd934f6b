"""The attack player: one image under an attack of every size and step, moved by hand in the browser.

A component of our own, in plain JavaScript. The server sends the landscape once, as bytes.
"""

from rnorm_core.ui.attack_player.component import header, show, show_alone, show_packed, source

__all__ = ["header", "show", "show_alone", "show_packed", "source"]
