"""A visitor without a browser: speaks Streamlit's protocol over a WebSocket, as the page in a browser does.

It opens an address, asks again where the server wants to be asked (running work), and notes when the first picture and
the complete view came. It draws nothing, so that many of them share a machine with the server they ask.
"""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

COMPONENTS = {"attack_player", "chart"}  # those of the app that draw a picture
STILL = 0.6  # seconds without work after which a view is complete; a running fragment asks more often
PICTURES = ("data:image", "<svg", "<img")
FINISHED = {
    ForwardMsg.FINISHED_SUCCESSFULLY, ForwardMsg.FINISHED_FRAGMENT_RUN_SUCCESSFULLY,
    ForwardMsg.FINISHED_WITH_COMPILE_ERROR,
}  # fmt: skip


class Lost(Exception):
    """The server closed the connection, or no complete view came in time."""


@dataclass
class View:
    """What one visitor saw at one address. Times in seconds since the address was asked for.

    answer: the sentence that answers the page's question. player: whether the first picture of an attack has come.
    """

    address: str
    element: float | None = None
    picture: float | None = None
    player: float | None = None
    complete: float | None = None
    answer: str = ""
    kilobytes: float = 0.0
    errors: list[str] = field(default_factory=list)


class Visitor:
    """One session. `async with Visitor(server) as visitor: view = await visitor.open("/shift?seed=3")`."""

    def __init__(self, server: str) -> None:
        self._server = urlsplit(server)
        self._socket: ClientConnection
        self._query = self._page = self._script = ""  # the script's hash, as the server calls the page
        self._again: dict[str, float] = {}  # fragment -> seconds between two questions
        self._timers: dict[str, asyncio.Task[None]] = {}

    async def __aenter__(self) -> "Visitor":
        url = f"ws://{self._server.netloc}/_stcore/stream"
        self._socket = await connect(url, subprotocols=["streamlit"], max_size=None, open_timeout=60)  # type: ignore[list-item]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._forget_fragments()
        await self._socket.close()

    async def open(self, address: str, patience: float = 240.0) -> View:
        """Asks for a page and waits until it is complete. `Lost` after `patience` seconds."""
        place = urlsplit(address)
        self._page, self._query, self._script = place.path.strip("/"), place.query, ""
        view, began = View(address), time.perf_counter()
        self._forget_fragments()
        await self._ask()
        try:
            async with asyncio.timeout(patience):
                await self._watch(view, began)
        except TimeoutError:
            raise Lost(f"{address}: not complete after {patience:.0f} s") from None
        return view

    async def _watch(self, view: View, began: float) -> None:
        running, answers = True, list[list[int]]()
        while True:
            wait = None if running or self._again else STILL
            try:
                raw = await asyncio.wait_for(self._socket.recv(), wait)
            except TimeoutError:
                return
            now = time.perf_counter() - began
            assert isinstance(raw, bytes)
            view.kilobytes += len(raw) / 1000
            message = ForwardMsg.FromString(raw)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                running = True
                if not message.metadata.run.fragment_ids:  # the whole page runs
                    self._forget_fragments()
            elif kind == "navigation":
                self._script = message.navigation.page_script_hash
            elif kind == "script_finished":
                running = message.script_finished not in FINISHED
                if not running:
                    view.complete = now
            elif kind == "auto_rerun":
                self._repeat(message.auto_rerun.fragment_id, message.auto_rerun.interval)
            elif kind == "stop_auto_rerun":
                for fragment in message.stop_auto_rerun.fragment_ids:
                    self._forget(fragment)
            elif kind == "delta":
                _note(view, message, now, answers)

    def _repeat(self, fragment: str, seconds: float) -> None:
        self._forget(fragment)
        self._again[fragment] = seconds
        self._timers[fragment] = asyncio.create_task(self._keep_asking(fragment, seconds))

    async def _keep_asking(self, fragment: str, seconds: float) -> None:
        with suppress(OSError):
            while True:
                await asyncio.sleep(seconds)
                await self._ask(fragment)

    def _forget(self, fragment: str) -> None:
        self._again.pop(fragment, None)
        if timer := self._timers.pop(fragment, None):
            timer.cancel()

    def _forget_fragments(self) -> None:
        for fragment in list(self._again):
            self._forget(fragment)

    async def _ask(self, fragment: str = "") -> None:
        message = BackMsg()
        state = message.rerun_script
        state.query_string = self._query
        if self._script:
            state.page_script_hash = self._script
        else:
            state.page_name = self._page
        state.fragment_id, state.is_auto_rerun = fragment, bool(fragment)
        state.context_info.url = f"{self._server.geturl().rstrip('/')}/{self._page}"
        await self._socket.send(message.SerializeToString())


def _note(view: View, message: ForwardMsg, now: float, answers: list[list[int]]) -> None:
    """Takes what a delta shows into the view. answers: the places of blocks that hold the page's answer."""
    path = list(message.metadata.delta_path)
    if message.delta.WhichOneof("type") == "add_block":
        if message.delta.add_block.id.endswith("answer"):
            answers.append(path)
        return
    view.element = view.element or now
    element = message.delta.new_element
    kind = element.WhichOneof("type")
    if kind == "exception":
        view.errors.append(f"{element.exception.type}: {element.exception.message}"[:200])
    elif kind == "markdown" and any(path[: len(block)] == block for block in answers):
        view.answer = element.markdown.body
    component = element.bidi_component.component_name if kind == "bidi_component" else ""
    body = {"html": element.html.body, "markdown": element.markdown.body}.get(kind or "", "")
    if component in COMPONENTS or kind == "imgs" or any(sign in body for sign in PICTURES):
        view.picture = view.picture or now
    if component == "attack_player":
        view.player = view.player or now
