"""The file of plotly that the server sends to browsers."""

import gzip

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from rnorm_core.ui.chart import library


@pytest.mark.parametrize("accepted", ["gzip, br", "identity"])
def test_it_is_plotly_and_may_be_kept(accepted):
    client = TestClient(Starlette(routes=[library.ROUTE]))
    answer = client.get(library.PATH, headers={"accept-encoding": accepted})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert ("content-encoding" in answer.headers) == ("gzip" in accepted)
    assert answer.text.lstrip().startswith("/**\n* plotly.js v")
    size = int(answer.headers["content-length"])
    assert size == len(gzip.compress(answer.content, 6, mtime=0)) if "gzip" in accepted else len(answer.content)
