"""plotly.js for the browser: the file of the installed Python package, which the browser may keep for good."""

import gzip
from functools import cache
from importlib.metadata import distribution
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

_PACKAGE = distribution("plotly")  # without importing it, which would delay the start of the server
PATH = f"/plotly-{_PACKAGE.version}.min.js"
_FILE = Path(str(_PACKAGE.locate_file("plotly/package_data/plotly.min.js")))
_FOR_GOOD = "public, max-age=31536000, immutable"  # the path has the version


def send(request: Request) -> Response:
    headers = {"Cache-Control": _FOR_GOOD, "Vary": "Accept-Encoding", "X-Content-Type-Options": "nosniff"}
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return FileResponse(_FILE, media_type="text/javascript", headers=headers)
    return Response(_compressed(), media_type="text/javascript", headers=headers | {"Content-Encoding": "gzip"})


ROUTE = Route(PATH, send)


@cache
def _compressed() -> bytes:
    return gzip.compress(_FILE.read_bytes(), compresslevel=6, mtime=0)
