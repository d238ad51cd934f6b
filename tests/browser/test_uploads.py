"""Uploaded files on a server for everybody: a session may hold a few, and what was read is gone."""

import re
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from rnorm_core import models, zoo
from tests.browser.conftest import ROOT

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here"),
]


@pytest.fixture(scope="module")
def public(serve) -> str:
    return serve(ROOT / "app.py", RNORM_PUBLIC="1")


def held(page, server: str) -> int:
    """Bytes of uploaded files, as the server says."""
    metrics = page.request.get(f"{server}/_stcore/metrics").text()
    sizes = re.findall(r'^cache_memory_bytes\{cache_type="UploadedFileManager".*\} (\d+)', metrics, re.MULTILINE)
    return sum(map(int, sizes))


def test_a_session_holds_a_few_files(visit_at, public, tmp_path: Path):
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "teal.png")
    page = visit_at(f"{public}/craft")
    page.get_by_role("button", name="Pictures").click()
    page.get_by_text("Use a picture of your own").click()
    with page.expect_request(lambda request: request.method == "PUT") as sent:
        page.locator(
            "[data-testid=stMain] input[type=file], [data-testid=stPopoverBody] input[type=file]"
        ).set_input_files(tmp_path / "teal.png")
    page.get_by_text("as the network sees it").wait_for()
    url, token = sent.value.url, {"X-Xsrftoken": sent.value.headers["x-xsrftoken"]}
    file = {"name": "x", "mimeType": "image/png", "buffer": b"x" * 9_900_000}
    answers = [page.request.put(f"{url}-{i}", headers=token, multipart={"file": file}).status for i in range(6)]
    assert answers == [204, 204, 204, 204, 413, 413]
    assert 39_000_000 < held(page, public) < 50_000_000


def test_weights_that_were_read_are_not_held_as_a_file(visit_at, public, tmp_path: Path):
    torch.manual_seed(1)
    model = models.build("resnet20", "bn", width=1 / 16)
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, tmp_path / "mine.safetensors")
    page = visit_at(public)
    before = held(page, public)
    page.get_by_role("button", name="Settings").click()
    page.get_by_text("Bring your own weights").click()
    page.get_by_test_id("stPopoverBody").locator("input[type=file]").set_input_files(tmp_path / "mine.safetensors")
    page.get_by_role("button", name="Forget").wait_for()
    assert held(page, public) == before
