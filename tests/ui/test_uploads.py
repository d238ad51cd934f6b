"""The limit of uploaded bytes on a server for everybody."""

import threading

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.runtime.uploaded_file_manager import DeletedFile, UploadedFile, UploadedFileRec

from rnorm_core.ui.settings import uploads
from rnorm_core.ui.settings.uploads import IN_ALL, OF_SESSION, UploadLimit


@pytest.fixture
def held(monkeypatch):
    """What the server holds: bytes by session."""
    files: dict[str, int] = {}
    monkeypatch.setattr(uploads, "held", lambda session: (files.get(session, 0), sum(files.values())))
    monkeypatch.setenv("RNORM_PUBLIC", "1")
    return files


def client(take=lambda request: PlainTextResponse("taken")) -> TestClient:
    routes = [Route("/_stcore/upload_file/{session}/{file}", take, methods=["PUT", "DELETE"])]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(UploadLimit)]))


def test_a_session_may_hold_so_much_and_another_one_still_uploads(held):
    put = client().put
    held["mine"] = OF_SESSION - 10 * 2**20
    assert put("/_stcore/upload_file/mine/1").status_code == 200
    held["mine"] += 1
    assert put("/_stcore/upload_file/mine/2").status_code == 413
    assert put("/_stcore/upload_file/other/1").status_code == 200
    assert client().delete("/_stcore/upload_file/mine/1").status_code == 200


def test_all_sessions_together_may_hold_so_much(held):
    held.update({str(i): OF_SESSION for i in range(IN_ALL // OF_SESSION)})
    assert client().put("/_stcore/upload_file/new/1").status_code == 413


def test_files_that_are_arriving_count_and_a_failed_one_does_not(held):
    held["mine"] = OF_SESSION - 15 * 2**20
    arrived, go = threading.Event(), threading.Event()

    def take(request):
        if request.path_params["file"] == "fails":
            raise RuntimeError("the connection is gone")
        if request.path_params["file"] == "slow":
            arrived.set()
            go.wait(10)
        return PlainTextResponse("taken")

    with client(take) as both:
        with pytest.raises(RuntimeError):
            both.put("/_stcore/upload_file/mine/fails")
        first = threading.Thread(target=both.put, args=("/_stcore/upload_file/mine/slow",))
        first.start()
        assert arrived.wait(10)
        assert both.put("/_stcore/upload_file/mine/2").status_code == 413
        go.set()
        first.join()
        assert both.put("/_stcore/upload_file/mine/2").status_code == 200


def test_on_ones_own_machine_there_is_no_limit(held, monkeypatch):
    monkeypatch.delenv("RNORM_PUBLIC")
    held["mine"] = IN_ALL
    assert client().put("/_stcore/upload_file/mine/1").status_code == 200


def test_a_file_that_is_gone_before_its_callback_is_none(monkeypatch):
    record = UploadedFileRec("id", "net.safetensors", "", b"weights")
    there = UploadedFile(record, FileURLs())
    monkeypatch.setattr(uploads.st, "session_state", {"there": there, "gone": DeletedFile("id"), "empty": None})
    assert [uploads.arrived(key) for key in ("there", "gone", "empty", "unknown")] == [there, None, None, None]
