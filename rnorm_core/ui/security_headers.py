"""What a browser may do with a page of the app: HTTP headers on every answer of the server."""

import hashlib
import re
from base64 import b64encode
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.file_util import get_static_dir

FRAMES = "https://huggingface.co https://*.hf.space"  # sites that may show the app in a frame, as a Space does


class SecurityHeaders:
    """Adds the headers, unless a route has set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._headers = {
            "Content-Security-Policy": _policy(),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",  # an address has choices in it; other sites need not know them
            "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                message["headers"] = [(name, _kept_in_frames(name, value)) for name, value in message["headers"]]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _kept_in_frames(name: bytes, value: bytes) -> bytes:
    """A cookie for frames of other sites (`server.xsrfCookieSameSite`), so that browsers keep it there.

    Most browsers refuse cookies of a site in another site's frame, unless they are kept for each such site apart.
    """
    return value + b"; Partitioned" if name == b"set-cookie" and b"SameSite=None" in value else value


def _policy() -> str:
    """Everything comes from this server. The exceptions are what Streamlit's pages need:

    its inline script, by its hash; modules of components, which are blobs; WebAssembly, which decodes 64-bit numbers;
    and style elements, which its components write while they run.
    """
    page = (Path(get_static_dir()) / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts]
    return "; ".join(
        (
            "default-src 'self'",
            " ".join(("script-src 'self' blob: 'wasm-unsafe-eval'", *hashes)),
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' blob: data:",
            "font-src 'self' data:",
            "worker-src 'self' blob:",
            "object-src 'none'",
            "base-uri 'self'",
            "form-action 'self'",
            f"frame-ancestors 'self' {FRAMES}",
        )
    )
