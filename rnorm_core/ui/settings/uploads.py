"""Files that visitors upload: how many bytes the server holds for them.

Streamlit keeps each file in memory until its session ends, also those of a widget that is gone.
"""

import re
from collections import Counter

import streamlit as st
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.runtime import get_instance
from streamlit.runtime.memory_uploaded_file_manager import MemoryUploadedFileManager
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.runtime.stats import CACHE_MEMORY_FAMILY
from streamlit.runtime.uploaded_file_manager import UploadedFile

from rnorm_core.ui.settings import limits

OF_SESSION, IN_ALL = 50_000_000, 500_000_000  # bytes on a server for everybody
_LARGEST = 10 * 2**20  # bytes of one file: `server.maxUploadSize`
_UPLOAD = re.compile(r"/_stcore/upload_file/([^/]+)/[^/]+$")


class UploadLimit:
    """Refuses a file when the server holds too much already, for its session or for all. Only with RNORM_PUBLIC=1."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._coming = Counter[str]()  # files that are arriving, by session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        put = scope["type"] == "http" and scope["method"] == "PUT" and _UPLOAD.search(scope["path"])
        if not put or not limits.is_public():
            await self._app(scope, receive, send)
            return
        session = put[1]
        here, everywhere = held(session)
        # Nobody has to say how large a file is, so each may be as large as is allowed.
        here += _LARGEST * (self._coming[session] + 1)
        everywhere += _LARGEST * (self._coming.total() + 1)
        if here > OF_SESSION or everywhere > IN_ALL:
            answer = PlainTextResponse("Too many uploaded files; remove some, or try again later.", 413)
            await answer(scope, receive, send)
            return
        self._coming[session] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._coming[session] -= 1
            self._coming += Counter()  # without the sessions that have no more files


def arrived(key: str) -> UploadedFile | None:
    """The file of an uploader with this key, in its callback; None without one, and where it is gone already.

    A page that is left while it uploads, or a file that is replaced at once, leaves a `DeletedFile`.
    """
    file = st.session_state.get(key)
    return file if isinstance(file, UploadedFile) else None


def held(session: str) -> tuple[int, int]:
    """Bytes of the files that the server holds: of this session, and of all."""
    files = get_instance().uploaded_file_mgr
    assert isinstance(files, MemoryUploadedFileManager)
    stats = files.get_stats().get(CACHE_MEMORY_FAMILY, [])
    mine = files.file_storage.get(session, {})
    return sum(len(file.data) for file in list(mine.values())), sum(stat.byte_length for stat in stats)


def drop(file: UploadedFile) -> None:
    """Frees the memory of a file that was read and whose widget is emptied by a new key."""
    context = get_script_run_ctx()
    if context is not None and isinstance(context.uploaded_file_mgr, MemoryUploadedFileManager):
        context.uploaded_file_mgr.remove_file(context.session_id, file.file_id)
