"""The app's script, without a browser."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from rnorm_core import zoo
from rnorm_core.ui.shared.navigation import PAGES

ROOT = Path(__file__).resolve().parents[2]


def test_every_page_is_there():
    assert [name for name, place in PAGES.items() if not place.path.is_file()] == []


@pytest.mark.skipif("cifar10-resnet20-rn" not in zoo.names(), reason="the trained models are not here")
def test_the_app_begins_with_start():
    app = AppTest.from_file(str(ROOT / "rnorm_core" / "ui" / "router.py"), default_timeout=60).run()
    assert not app.exception
    assert app.title[0].value == "Can a change too small to see fool a network?"
