"""The headers of every answer."""

import hashlib
from base64 import b64encode

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from rnorm_core.ui import security_headers
from rnorm_core.ui.security_headers import SecurityHeaders


def client() -> TestClient:
    def plain(request):
        return PlainTextResponse("hello")

    def strict(request):
        return HTMLResponse("<p>", headers={"content-security-policy": "default-src 'none'"})

    def cookies(request):
        response = PlainTextResponse("hello")
        response.headers.append("set-cookie", "framed=1; Path=/; SameSite=None; Secure")  # as Streamlit writes it
        response.set_cookie("own", "2", samesite="lax")
        return response

    routes = [Route("/plain", plain), Route("/strict", strict), Route("/cookies", cookies)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(SecurityHeaders)]))


def test_every_answer_has_them():
    for path in ("/plain", "/missing"):
        headers = client().get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
        assert "object-src 'none'" in headers["content-security-policy"]


def test_a_route_may_be_stricter():
    headers = client().get("/strict").headers
    assert headers.get_list("content-security-policy") == ["default-src 'none'"]
    assert headers["x-content-type-options"] == "nosniff"


def test_a_cookie_for_frames_is_kept_in_frames():
    framed, own = client().get("/cookies").headers.get_list("set-cookie")
    assert framed.endswith("; Partitioned")
    assert "Partitioned" not in own


def test_scripts_of_strangers_and_evaluated_texts_are_refused(tmp_path, monkeypatch):
    """Streamlit's own inline script is allowed by its hash, whichever it is."""
    (tmp_path / "index.html").write_text("<script>\n  one()\n</script><script src='x.js'></script>")
    monkeypatch.setattr(security_headers, "get_static_dir", lambda: str(tmp_path))
    scripts = client().get("/plain").headers["content-security-policy"].split("; ")[1]
    digest = b64encode(hashlib.sha256(b"\n  one()\n").digest()).decode()
    assert scripts == f"script-src 'self' blob: 'wasm-unsafe-eval' 'sha256-{digest}'"
