"""What phones talk to: plain pages and a JSON interface, beside Streamlit and without a session of it.

    GET  /vote               asks for a code
    GET  /vote/CODE          the page; status 404 where no room has this code
    POST /vote/CODE          its form, for browsers without JavaScript: token, round, choice
    POST /vote/CODE/now      {"token"}: joins the room once; what is open. With the last "tag": {"same": true} if it
                             is still so
    POST /vote/CODE/answer   {"token", "round", "choice"}: an answer; repeating it changes nothing

The last two answer {"state", "round", "answer", "html"}, "now" also "tag", or {"error", "fix"} with the status of the
error. The token is a random text that the page has from the server, and that the browser keeps; there are no cookies.
"""

import json
from typing import Any
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from rnorm_core.classroom.vote import codes, page
from rnorm_core.classroom.vote.errors import Closed, NoRoom, TooLong, VoteError
from rnorm_core.classroom.vote.state import Now
from rnorm_core.classroom.vote.watch import Watch
from rnorm_core.errors import UserError

BODY = 2_000  # bytes of a request
MEDIA = {"css": "text/css", "js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'self'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
_FOR_GOOD = _HEADERS | {"Cache-Control": "public, max-age=31536000, immutable"}


def _store():
    from rnorm_core.classroom.vote.store import shared  # SQLAlchemy would delay the start of the server

    return shared()


_watch = Watch(lambda code: _store().tag(code))


# --- pages -----------------------------------------------------------------------------------------------------------


def enter(request: Request) -> Response:
    code = codes.plain(request.query_params.get("code", ""))[:20]
    if not code:
        return _html(page.enter(_base(request)))
    if not set(code) <= set(codes.LETTERS):
        return _unknown(request, code)
    return RedirectResponse(f"{_base(request)}{code}", status_code=303, headers=_HEADERS)


async def show(request: Request) -> Response:
    code = codes.plain(request.path_params["code"])
    try:
        now = await run_in_threadpool(lambda: _store().look(code))
    except NoRoom:
        return _unknown(request, code)
    return _html(page.vote(code, codes.new_token(), now))


async def take_form(request: Request) -> Response:
    """The form without JavaScript: the answer is another page with the same token."""
    code = codes.plain(request.path_params["code"])
    fields = {name: values[0] for name, values in parse_qs((await _body(request)).decode("utf-8", "replace")).items()}
    token, problem, status = _token(fields), "", 200

    def take():
        if "choice" in fields:
            return _store().answer(code, token, _number(fields, "round"), _number(fields, "choice"))
        return _store().now(code, token)

    try:
        now = await run_in_threadpool(take)
    except NoRoom:
        return _unknown(request, code)
    except Closed as error:
        problem, status = error.what, error.status
        now = await run_in_threadpool(lambda: _store().look(code))
    return _html(page.vote(code, token, now, problem), status)


def send_file(request: Request) -> Response:
    name = request.url.path.rpartition("/")[2]
    return Response(page.text_of(name), media_type=MEDIA[page.FILES[name]], headers=_FOR_GOOD)


# --- JSON ------------------------------------------------------------------------------------------------------------


async def tell_now(request: Request) -> Response:
    code, given = codes.plain(request.path_params["code"]), await _json(request)
    token = _token(given)
    tag = await _watch.tag(code)
    if tag == given.get("tag"):
        return JSONResponse({"same": True}, headers=_HEADERS)
    told = await run_in_threadpool(lambda: _store().now(code, token))
    return JSONResponse(_told(told) | {"tag": tag}, headers=_HEADERS)


async def take_answer(request: Request) -> Response:
    code, given = codes.plain(request.path_params["code"]), await _json(request)
    token, round_id, choice = _token(given), _number(given, "round"), _number(given, "choice")
    told = await run_in_threadpool(lambda: _store().answer(code, token, round_id, choice))
    return JSONResponse(_told(told), headers=_HEADERS)


def _told(now: Now) -> dict[str, Any]:
    answer = now.answers[-1] if now.answers else None
    return {"state": now.state, "round": now.round, "answer": answer, "html": page.body(now)}


def refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, UserError)
    status = error.status if isinstance(error, VoteError) else 503  # the server's folder or database
    if request.url.path.endswith(("/now", "/answer")):
        return JSONResponse({"error": error.what, "fix": error.fix}, status, _HEADERS)
    return Response(f"{error.what} To fix this: {error.fix}", status, _HEADERS, "text/plain")


# --- reading a request -----------------------------------------------------------------------------------------------


async def _body(request: Request) -> bytes:
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > BODY:
            raise TooLong(f"The request has more than {BODY:,} bytes.", "send only token, round and choice.")
    return body


async def _json(request: Request) -> dict[str, Any]:
    try:
        given = json.loads(await _body(request))
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise VoteError("The request is not a JSON object.", 'send {"token": "...", "round": 1, "choice": 0}.')
    return given


def _token(given: dict[str, Any]) -> str:
    token = given.get("token")
    if not isinstance(token, str) or not 16 <= len(token) <= codes.TOKEN:
        raise VoteError("The request has no token.", "load the page again.")
    return token


def _number(given: dict[str, Any], name: str) -> int:
    """A small whole number, also as a form sends it."""
    value = given.get(name)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**31:
        raise VoteError(f"The request has no {name}.", "load the page again.")
    return value


# --- answers ---------------------------------------------------------------------------------------------------------


def _html(text: str, status: int = 200) -> Response:
    return HTMLResponse(text, status, _HEADERS)


def _unknown(request: Request, code: str) -> Response:
    return _html(page.enter(_base(request), unknown=code[:20] or "that you gave"), 404)


async def nothing(request: Request) -> Response:
    return _unknown(request, request.path_params["path"])


def _base(request: Request) -> str:
    """From the page's address to the folder of all pages, whatever a proxy puts before both."""
    inside = request.url.path.rpartition("/vote")[2]
    return "../" * (inside.count("/") - 1) if inside else "vote/"


APP = Starlette(
    routes=[
        Route("/", enter),
        *(Route(f"/{name}", send_file) for name in page.FILES),
        Route("/{code}", show),
        Route("/{code}", take_form, methods=["POST"]),
        Route("/{code}/now", tell_now, methods=["POST"]),
        Route("/{code}/answer", take_answer, methods=["POST"]),
        Route("/{path:path}", nothing),
    ],
    exception_handlers={UserError: refuse},
)
ROUTES = [Route("/vote", enter), Mount("/vote", APP)]
