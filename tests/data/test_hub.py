"""`fetch` against a hub on this machine that speaks as much of the protocol as one file needs."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import huggingface_hub.constants
import numpy as np
import pytest

from rnorm_core import data
from rnorm_core.data import hub
from rnorm_core.errors import UserError


class Hub:
    """What the server sends (body) and what it was asked for."""

    body = b""
    status = 200
    breaks_at: int | None = None  # no byte from here on is ever sent
    requests: list[str]

    def __init__(self):
        self.requests = []


@pytest.fixture
def server(monkeypatch, tmp_path):
    state = Hub()

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self):
            if not self.path.startswith("/datasets/"):  # the client also asks the hub for things of its own
                return self.send_error(404)
            state.requests.append(f"{self.command} {self.path}")
            start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").split("-")[0])
            size = len(state.body)
            self.send_response(206 if start else state.status)
            self.send_header("Content-Length", str(size - start))
            if start:
                self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            self.send_header("ETag", '"a-blob"')
            self.send_header("X-Repo-Commit", "2" * 40)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(state.body[start : state.breaks_at])
            self.close_connection = True

        do_GET = do_HEAD

        def log_message(self, format, *args):
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{httpd.server_port}"
    constants = huggingface_hub.constants
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)  # so that a small file comes in several
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # before the hub's client tries again
    monkeypatch.setattr(hub, "TEST_IMAGES", 30)
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def test_set(tmp_path, write_parquet, images, labels) -> bytes:
    return (write_parquet(tmp_path / "theirs", images, labels) / "test-00000-of-00001.parquet").read_bytes()


def leftovers(tmp_path) -> list[str]:
    """What lies in the cache that could pass for a downloaded file."""
    cache = tmp_path / "hub-cache"
    found = [*cache.glob("**/blobs/*"), *cache.glob("**/*.parquet")]
    return [path.name for path in found]


def test_fetch_makes_the_full_test_set_available(server, test_set, images):
    server.body = test_set
    assert [s.kind for s in data.available("cifar10")] == ["samples"]
    progress = []
    data.fetch("cifar10", lambda done, total: progress.append((done, total)))

    assert [s.kind for s in data.available("cifar10")] == ["hub", "samples"]
    batch = data.load("cifar10")
    assert batch.source == "Hugging Face hub: uoft-cs/cifar10, test split"
    assert set(batch.ids) == {data.image_id(image) for image in images}
    assert set(server.requests) == {
        f"{verb} /datasets/uoft-cs/cifar10/resolve/main/plain_text/test-00000-of-00001.parquet"
        for verb in ("HEAD", "GET")
    }
    size = len(test_set)
    assert progress[0] == (0, size)
    assert progress[-1] == (size, size)
    done = [d for d, _ in progress]
    assert done == sorted(done)
    assert any(0 < d < size for d in done)
    assert {total for _, total in progress} == {size}


def test_fetch_takes_what_the_cache_has_without_a_request(server, test_set):
    server.body = test_set
    data.fetch("cifar10")
    server.requests.clear()
    progress = []
    data.fetch("cifar10", lambda done, total: progress.append((done, total)))
    assert progress == [(len(test_set), len(test_set))]
    assert server.requests == []


def test_fetch_replaces_a_damaged_file(server, test_set):
    server.body = test_set
    data.fetch("cifar10")
    folder = data.available("cifar10")[0].directory
    (folder / "test-00000-of-00001.parquet").resolve().write_bytes(test_set[:5000])
    with pytest.raises(UserError, match="cannot be read"):
        data.load("cifar10")
    data.fetch("cifar10")
    assert len(data.load("cifar10")) == 30


@pytest.mark.parametrize("wrong", ["no parquet", "too few"])
def test_a_file_that_is_not_the_test_set_is_refused_and_removed(server, tmp_path, write_parquet, images, labels, wrong):
    if wrong == "too few":
        folder = write_parquet(tmp_path / "few", images[:8], labels[:8])
        server.body = (folder / "test-00000-of-00001.parquet").read_bytes()
    else:
        server.body = np.random.default_rng(0).bytes(50_000)
    with pytest.raises(UserError, match="is not cifar10's test set"):
        data.fetch("cifar10")
    assert leftovers(tmp_path) == []
    assert [s.kind for s in data.available("cifar10")] == ["samples"]


def test_a_connection_that_breaks_leaves_nothing_behind(server, tmp_path, test_set):
    server.body, server.breaks_at = test_set, len(test_set) // 2
    with pytest.raises(UserError, match="could not be downloaded"):
        data.fetch("cifar10")
    assert leftovers(tmp_path) == []
    assert [s.kind for s in data.available("cifar10")] == ["samples"]


def test_whoever_watches_may_stop_it(server, tmp_path, test_set):
    class Stop(Exception):
        pass

    def stop(done, total):
        if done:
            raise Stop

    server.body = test_set
    with pytest.raises(Stop):
        data.fetch("cifar10", stop)
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("status", [404, 503])
def test_a_hub_that_refuses_is_a_user_error_at_once(server, status):
    server.status = status
    with pytest.raises(UserError, match=str(status)):
        data.fetch("cifar10")
    assert len(server.requests) == 1


def test_without_a_network_is_a_user_error_at_once():
    with pytest.raises(UserError, match="could not be downloaded"):
        data.fetch("cifar10")


def test_an_unknown_data_set():
    with pytest.raises(UserError, match="choose one of cifar10, cifar100"):
        data.fetch("imagenet")
